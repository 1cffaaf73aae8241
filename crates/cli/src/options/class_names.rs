//! Names of classes as an option: in the text itself, or in a file, one a line.

use std::path::Path;

use icecap::advanced::kernels::FileBytes;

use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::wording::{plain_path, typed_path};

/// The longest file of class names that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Returns the names of the classes: in the text itself, or in the file that it names behind an `@`.
pub(crate) fn class_names(text: &str) -> Result<Vec<String>, Failure> {
    let Some(path) = text.strip_prefix('@').map(Path::new) else {
        let file = Path::new(text);
        if !text.contains(',') && file.is_file() {
            let message =
                format!("--classes {0}: is a file; `--classes @{0}` reads the names in it", typed_path(file));
            return Err(Failure::new(Code::Arguments, message));
        }
        return Ok(names(text.split(',')).collect());
    };
    let bytes = FileBytes::read(path, MAX_BYTES)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::new(Code::Content, format!("{}: is no text; name a class on each line", path.display()))
    })?;
    // Some editors begin a text with a byte order mark, and end it with empty lines.
    let lines = names(text.strip_prefix('\u{feff}').unwrap_or(text).split('\n'));
    let lines: Vec<String> = lines.filter(|name| !name.is_empty()).collect();
    Ok(match without_numbers(&lines) {
        Some(names) => {
            note(&format!("note: {}: the numbers before the names are left out", plain_path(path)));
            names
        }
        None => lines,
    })
}

fn names<'a>(parts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
    parts.map(|name| name.trim().to_owned())
}

/// Returns the names without the number that stands before each; `None` unless every line begins with its own, from 0 on, as
/// Teachable Machine writes its labels.
fn without_numbers(lines: &[String]) -> Option<Vec<String>> {
    let bare = |(index, line): (usize, &String)| {
        let rest = line.strip_prefix(&index.to_string())?.strip_prefix([' ', '\t'])?.trim();
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    lines.iter().enumerate().map(bare).collect::<Option<Vec<_>>>().filter(|names| names.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_before_names_are_left_out_where_every_line_has_its_own() {
        let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(without_numbers(&lines("0 cat|1 big dog|2\towl")), Some(lines("cat|big dog|owl")));
        for kept in ["cat|dog", "0 cat|2 dog", "1 cat|2 dog", "0 cat|1", "0|1", "0cat|1dog", "0 cat"] {
            assert_eq!(without_numbers(&lines(kept)), None, "{kept}");
        }
    }

    #[test]
    fn names_stand_in_the_text_or_in_a_file() {
        assert_eq!(class_names("a, b ,c").unwrap(), ["a", "b", "c"]);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.txt");
        std::fs::write(&file, "\u{feff}cat\r\n\r\ndog\r\n\n").unwrap();
        assert_eq!(class_names(&format!("@{}", file.display())).unwrap(), ["cat", "dog"]);
        let refused = class_names(&file.to_string_lossy()).unwrap_err();
        assert!(refused.message().contains("is a file; `--classes @"), "{}", refused.message());
    }
}
