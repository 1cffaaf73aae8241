//! Text from a file, or a name that somebody gave one, as people and programs are shown it.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// The longest piece of a file's text that an error repeats, in characters.
const SHOWN: usize = 100;

/// Whether a terminal or a reader would obey a character rather than show it: controls, those of the C1 block among them;
/// what ends a line; and marks that turn the direction in which what follows is written.
#[must_use]
pub fn is_obeyed(letter: char) -> bool {
    let turns = matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    letter.is_control() || turns || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// Returns `text` on one line, with what would be obeyed spelt out as JSON spells it: `\\n`, `\\u001b`.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    spelt(text, is_obeyed)
}

/// Returns lines of text as [`plain`] does, their ends as they are. JSON comes out as JSON of the same meaning.
#[must_use]
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    spelt(text, |letter| letter != '\n' && is_obeyed(letter))
}

fn spelt(text: &str, is_spelt: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_spelt) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            _ if !is_spelt(letter) => out.push(letter),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them have at most four digits. Writing to a string does not fail.
            _ => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
        }
    }
    out.into()
}

/// Returns `text` from a file, fit for one line of an error: what does not print is spelt out, what is long is cut.
#[must_use]
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => plain(text).into_owned(),
        Some((end, _)) => plain(&text[..end]).into_owned() + "…",
    }
}

/// Returns a path on one line as [`plain`] does, in which what is no text stands as escapes (`caf\xE9.jpg`), so that one can
/// tell which file it is.
#[must_use]
pub fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for part in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&plain(part.valid()));
        part.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character there is: shown as it is, or spelt out so that nothing is left to obey, and JSON reads it back.
    #[test]
    fn nothing_is_obeyed_and_nothing_is_lost() {
        for letter in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let text = format!("a{letter}b");
            let (line, lines) = (plain(&text), plain_lines(&text));
            assert!(!line.contains(is_obeyed), "{letter:?}: {line:?}");
            assert!(!lines.replace('\n', "").contains(is_obeyed), "{letter:?}: {lines:?}");
            if is_obeyed(letter) && letter != '\n' {
                assert_eq!(line, lines);
                let digits = line.strip_prefix("a\\u").and_then(|rest| rest.strip_suffix('b'));
                let told = digits.map(|digits| u32::from_str_radix(digits, 16).unwrap());
                assert_eq!(told.unwrap_or(u32::from(letter)), u32::from(letter));
            }
        }
        assert_eq!(plain("a\u{1b}[2J\r\n\t\u{9b}\u{202e}é"), "a\\u001b[2J\\r\\n\\t\\u009b\\u202eé");
        assert_eq!(shown(&"é".repeat(101)), "é".repeat(100) + "…");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_in_a_name_is_escaped() {
        use std::os::unix::ffi::OsStrExt;
        for (name, shown) in [
            (&b"a/b.jpg"[..], "a/b.jpg"),
            (b"caf\xE9.jpg", "caf\\xE9.jpg"),
            ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (b"\xFF\xFEa\xC3", "\\xFF\\xFEa\\xC3"),
            (b"\x1b[2J\xE9", "\\u001b[2J\\xE9"),
        ] {
            assert_eq!(escaped(Path::new(std::ffi::OsStr::from_bytes(name))), shown);
        }
    }
}
