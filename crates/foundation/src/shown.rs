//! Text from a file and names of files, as a line of an error shows them.

use std::path::Path;

/// The longest piece of a file's text that an error repeats, in characters.
const SHOWN: usize = 100;

/// Returns `text` from a file, fit for one line of an error: what does not print is escaped, what is long is cut.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut line = String::new();
    for char in chars.by_ref().take(SHOWN) {
        match char {
            '\'' | '"' | '\\' => line.push(char),
            _ => line.extend(char.escape_debug()),
        }
    }
    if chars.next().is_some() {
        line.push('…');
    }
    line
}

/// Returns a path in which what is no text stands as escapes (`caf\xE9.jpg`), so that one can tell which file it is.
#[must_use]
pub fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for part in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(part.valid());
        part.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_in_a_name_is_escaped() {
        use std::os::unix::ffi::OsStrExt;
        for (name, shown) in [
            (&b"a/b.jpg"[..], "a/b.jpg"),
            (b"caf\xE9.jpg", "caf\\xE9.jpg"),
            ("caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (b"\xFF\xFEa\xC3", "\\xFF\\xFEa\\xC3"),
        ] {
            assert_eq!(escaped(Path::new(std::ffi::OsStr::from_bytes(name))), shown);
        }
    }
}
