//! Text from outside (class names, paths, options) as text of the page, whatever it holds.

use icecap::advanced::foundation::shown::is_obeyed;

/// `text` for an element's content or a quoted attribute. What HTML reads as markup is spelt out, control characters
/// become spaces, and the marks that turn the direction of what follows become a visible sign: a name must neither end
/// its element nor reorder the words beside it.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{2028}' | '\u{2029}' => out.push(' '),
            _ if letter.is_control() => out.push(' '),
            _ if is_obeyed(letter) => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

/// The most letters of a name in running text.
const LETTERS: usize = 60;

/// Returns a name in an element of its own, whose direction of writing is its own, too. A long one is cut, and whole
/// under the pointer.
pub(super) fn name(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        None => format!("<bdi>{}</bdi>", escape(text)),
        Some(_) => format!("<bdi title=\"{}\">{}</bdi>", escape(text), short(text, LETTERS)),
    }
}

/// Returns a name for a place with room for `letters`: longer ones end in an ellipsis. Escaped.
pub(super) fn short(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        None => escape(text),
        Some(_) => {
            let kept: String = text.chars().take(letters.saturating_sub(1)).collect();
            format!("{}…", escape(kept.trim_end()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_a_name() {
        assert_eq!(
            escape("</title><script>alert(\"1\" + '2')</script>&amp;"),
            "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot; + &#39;2&#39;)&lt;/script&gt;&amp;amp;"
        );
        assert_eq!(escape("a\u{202e}gpj.exe\n\u{2028}b\u{1b}[2J\0"), "a\u{fffd}gpj.exe  b [2J ");
        // Letters written from right to left are nobody's trick.
        assert_eq!(name("نمل"), "<bdi>نمل</bdi>");
        for letter in (0..0x3000).filter_map(char::from_u32) {
            let text = escape(&letter.to_string());
            assert!(!text.contains(['<', '>', '"', '\'', '\n']), "{letter:?}: {text}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        assert_eq!(short("ééééé", 5), "ééééé");
        assert_eq!(short("éééééé", 5), "éééé…");
        assert_eq!(short("<<<<", 3), "&lt;&lt;…");
    }
}
