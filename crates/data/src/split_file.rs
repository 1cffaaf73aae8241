//! `split.csv`: which photo was in which part of a run. Columns `part,class,path`, quoted as RFC 4180 says.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::limits::check;
use crate::{Error, Part, Result};

const HEADER: &str = "part,class,path";
/// A line for each of a million photos with long paths.
const MAX_BYTES: u64 = 256 << 20;

/// One line of a `split.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRow {
    /// The part.
    pub part: Part,
    /// The name of the class.
    pub class: String,
    /// The photo's file.
    pub path: PathBuf,
}

/// Writes `rows` to `file` in one step: the old file or the whole new one is seen, never a part.
///
/// # Errors
/// [`Error::PathNotText`] for a path that is not UTF-8, [`Error::Io`].
pub fn write_split<'a>(file: &Path, rows: impl IntoIterator<Item = (Part, &'a str, &'a Path)>) -> Result<()> {
    let mut text = format!("{HEADER}\n");
    for (part, class, path) in rows {
        let name = path.to_str().ok_or_else(|| Error::PathNotText { path: path.to_owned() })?;
        text.extend([part.name(), ",", &quoted(class), ",", &quoted(name), "\n"]);
    }
    let written = icecap_kernels::replace_file(file, |out| out.write_all(text.as_bytes()));
    written.map_err(|error| match error {
        icecap_kernels::Error::Io { path, source } => Error::Io { path, source },
        other => Error::Io { path: file.to_owned(), source: std::io::Error::other(other.to_string()) },
    })
}

/// Reads a `split.csv`.
///
/// # Errors
/// [`Error::Io`], [`Error::Limit`], [`Error::SplitFile`] with the line.
pub fn read_split(file: &Path) -> Result<Vec<SplitRow>> {
    let about = std::fs::metadata(file).map_err(Error::io(file))?;
    check("the split file's size in bytes", about.len(), MAX_BYTES).map_err(|error| error.of(file))?;
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    let wrong = |line: usize, reason: &str| Error::SplitFile {
        path: file.to_owned(),
        line,
        reason: reason.to_owned(),
    };
    let mut records = records(&text).map_err(|line| wrong(line, "a quote that is not closed"))?.into_iter();
    match records.next() {
        Some((_, first)) if first.join(",") == HEADER => {}
        _ => return Err(wrong(1, "the first line must be 'part,class,path'")),
    }
    records
        .map(|(line, fields)| {
            let [part, class, path] =
                <[String; 3]>::try_from(fields).map_err(|_| wrong(line, "not three columns"))?;
            let part = Part::named(&part).ok_or_else(|| wrong(line, "the part is not train, val or test"))?;
            Ok(SplitRow { part, class, path: path.into() })
        })
        .collect()
}

/// A field, in quotes where it needs them.
fn quoted(field: &str) -> std::borrow::Cow<'_, str> {
    if field.contains([',', '"', '\n', '\r']) || field.starts_with(' ') || field.ends_with(' ') {
        format!("\"{}\"", field.replace('"', "\"\"")).into()
    } else {
        field.into()
    }
}

/// The records of a CSV text with the lines they start on; the line of a quote that is not closed as the error.
fn records(text: &str) -> std::result::Result<Vec<(usize, Vec<String>)>, usize> {
    let mut records = Vec::new();
    let (mut line, mut started) = (1, 1);
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut in_quotes = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        line += usize::from(letter == '\n');
        match letter {
            '"' if in_quotes && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if in_quotes || field.is_empty() => in_quotes = !in_quotes,
            _ if in_quotes => field.push(letter),
            ',' => fields.push(std::mem::take(&mut field)),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' => {
                fields.push(std::mem::take(&mut field));
                records.push((started, std::mem::take(&mut fields)));
                started = line;
            }
            _ => field.push(letter),
        }
    }
    if in_quotes {
        return Err(started);
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        records.push((started, fields));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in proptest::collection::vec(("[a,\"\n\r é]{1,6}", "[a,\"\n\r é/]{1,6}"), 0..20)) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("split.csv");
            let rows: Vec<SplitRow> = rows
                .into_iter()
                .map(|(class, path)| SplitRow { part: Part::Val, class, path: path.into() })
                .collect();
            write_split(&file, rows.iter().map(|r| (r.part, r.class.as_str(), r.path.as_path()))).unwrap();
            prop_assert_eq!(read_split(&file).unwrap(), rows);
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("split.csv");
        let said = |text: &str| {
            std::fs::write(&file, text).unwrap();
            read_split(&file).unwrap_err().to_string()
        };
        assert!(said("x").contains("line 1"));
        assert!(said("part,class,path\r\ntrain,a,\"b\nc\"\nnone,a,b\n").contains("line 4"));
        assert!(said("part,class,path\ntrain,a\n").contains("line 2: not three columns"));
        assert!(said("part,class,path\ntrain,\"a,b\n").contains("quote"));
        assert!(matches!(read_split(&folder.path().join("none")), Err(Error::Io { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_an_error() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(b"a\xFFb"));
        let error = write_split(&folder.path().join("s"), [(Part::Train, "a", path)]).unwrap_err();
        assert!(matches!(error, Error::PathNotText { .. }));
    }
}
