//! Text from a file, as a line of an error shows it.

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
