//! Words for people: counts, names that may hold anything, commands to type.

use std::borrow::Cow;
use std::path::Path;

use icecap::advanced::foundation::shown::is_obeyed;
pub use icecap::advanced::foundation::shown::plain;

/// Returns a count with its noun: `1 photo`, `2 photos`, `3 classes`; a thousand and more have commas.
pub fn counted(count: usize, noun: &str) -> String {
    let ending = match (count, noun.ends_with('s')) {
        (1, _) => "",
        (_, false) => "s",
        (_, true) => "es",
    };
    format!("{} {noun}{ending}", grouped(count as u64))
}

/// Returns the word that suits a count: `one` of 1, else `many`, as in "1 photo is" and "2 photos are".
pub fn agreeing<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// Returns how many of what was just named are meant: `this photo`, `all of these 3 photos`, `2 of these 3 photos`.
pub fn some_of(some: usize, all: usize, noun: &str) -> String {
    match (some, all) {
        (1, 1) => format!("this {noun}"),
        _ if some == all => format!("all of these {}", counted(all, noun)),
        _ => format!("{} of these {}", grouped(some as u64), counted(all, noun)),
    }
}

/// Returns a path as somebody on another machine may read it: of one from the root on, only its last part. It names what is
/// meant, and not the folders of this machine.
pub fn portable(path: &str) -> &str {
    let name = Path::new(path).file_name().and_then(std::ffi::OsStr::to_str);
    name.filter(|_| Path::new(path).is_absolute()).unwrap_or(path)
}

/// Returns a size as `9.4 MB`; a megabyte is a million bytes.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Returns a size with the unit that suits it: `17 bytes`, `21.3 kB`, `9.4 MB`.
pub fn sized(bytes: u64) -> String {
    match bytes {
        0..1_000 => counted(bytes as usize, "byte"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => megabytes(bytes),
    }
}

/// Returns a number with commas between its thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a path on one line, with what a terminal would obey spelt out.
pub fn plain_path(path: &Path) -> String {
    plain(&path.to_string_lossy()).into_owned()
}

/// Returns a probability that chance alone explains what was counted, as in `p = 0.031`; none is told to be nothing.
pub fn chance(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// Returns a word as one types it in a shell, in quotes if it needs them. What a terminal would obey is spelt in the way
/// that bash, zsh and ksh understand.
pub fn typed(word: &str) -> Cow<'_, str> {
    let simple = |c: char| c.is_alphanumeric() || "-_./+=:@,%".contains(c);
    if !word.is_empty() && word.chars().all(simple) {
        return word.into();
    }
    if !word.contains(is_obeyed) {
        return format!("'{}'", word.replace('\'', r"'\''")).into();
    }
    let mut out = "$'".to_owned();
    for letter in word.chars() {
        match letter {
            '\'' | '\\' => out.extend(['\\', letter]),
            _ if is_obeyed(letter) => {
                out.extend(letter.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\x{byte:02x}")));
            }
            _ => out.push(letter),
        }
    }
    (out + "'").into()
}

/// Returns a path as one types it in a shell, in quotes if it needs them.
pub fn typed_path(path: &Path) -> String {
    typed(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(typed("run-2/model.safetensors"), "run-2/model.safetensors");
        assert_eq!(typed("my photos"), "'my photos'");
        assert_eq!(typed("it's"), r"'it'\''s'");
        assert_eq!(typed(""), "''");
        assert_eq!(typed("a\u{1b}'b\\\u{9b}"), r"$'a\x1b\'b\\\xc2\x9b'");
        let numbers = [0, 999, 1_281, 2_257_984].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,281", "2,257,984"]);
        assert_eq!(megabytes(9_406_464), "9.4 MB");
        assert_eq!([1, 17, 21_304, 2_238_329].map(sized), ["1 byte", "17 bytes", "21.3 kB", "2.2 MB"]);
        assert_eq!([0.0, 0.0012, 1.0].map(chance), ["p < 0.001", "p = 0.001", "p = 1.000"]);
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        let counts = [(0, "photo"), (1, "photo"), (2, "class"), (1, "class"), (1_234, "photo")];
        let told = counts.map(|(count, noun)| counted(count, noun));
        assert_eq!(told, ["0 photos", "1 photo", "2 classes", "1 class", "1,234 photos"]);
        let told = [(1, 1), (3, 3), (1, 2), (0, 2)].map(|(some, all)| some_of(some, all, "photo"));
        let expected = ["this photo", "all of these 3 photos", "1 of these 2 photos", "0 of these 2 photos"];
        assert_eq!(told, expected);
        assert_eq!([0, 1, 2].map(|count| agreeing(count, "is", "are")), ["are", "is", "are"]);
    }

    #[test]
    fn a_path_that_others_read_does_not_say_where_it_lies() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(portable(&here.join("my photos").to_string_lossy()), "my photos");
        for as_it_is in ["photos", "../photos/a.csv", "keras-1.0-160", ""] {
            assert_eq!(portable(as_it_is), as_it_is);
        }
    }
}
