//! `split.csv`: which photo was in which part of a run. Columns `part,class,path`.

use std::io::Write;
use std::path::{Path, PathBuf};

use icecap_foundation::atomic_file::{WriteError, replace_file};

use crate::csv::{CsvRecords, csv_record};
use crate::text_file::{read_text, wrong};
use crate::{Error, Part, Result};

/// The columns.
pub(crate) const SPLIT_COLUMNS: [&str; 3] = ["part", "class", "path"];

/// One line of a `split.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRow {
    /// The part that the photo was in.
    pub part: Part,
    /// The name of its class.
    pub class: String,
    /// The file of the photo.
    pub path: PathBuf,
}

/// Writes `rows` to `file` in one step: the old file or the whole new one is seen, never a part.
///
/// # Errors
/// [`Error::PathNotText`] for a path that is not UTF-8, [`Error::Io`].
pub fn write_split<'a>(file: &Path, rows: impl IntoIterator<Item = (Part, &'a str, &'a Path)>) -> Result<()> {
    let mut text = csv_record(SPLIT_COLUMNS);
    for (part, class, path) in rows {
        let name = path.to_str().ok_or_else(|| Error::PathNotText { path: path.to_owned() })?;
        text += &csv_record([part.name(), class, name]);
    }
    let written = replace_file(file, |out| out.write_all(text.as_bytes()));
    written.map_err(|WriteError { path, source }| Error::Io { path, source })
}

/// Reads a `split.csv` that [`write_split`] wrote.
///
/// # Errors
/// [`Error::Io`], [`Error::Limit`], [`Error::Listing`] with the line.
pub fn read_split(file: &Path) -> Result<Vec<SplitRow>> {
    let text = read_text(file)?;
    let open = |line: usize| wrong(file, line, "a quote that is not closed");
    let mut records = CsvRecords::new(&text).map(|record| record.map_err(|error| open(error.0)));
    match records.next().transpose()? {
        Some((_, first)) if first == SPLIT_COLUMNS => {}
        _ => return Err(wrong(file, 1, "the first line must be 'part,class,path'")),
    }
    records
        .map(|record| {
            let (line, fields) = record?;
            let [part, class, path] =
                <[String; 3]>::try_from(fields).map_err(|_| wrong(file, line, "not three columns"))?;
            let part =
                Part::named(&part).ok_or_else(|| wrong(file, line, "the part is not train, val or test"))?;
            Ok(SplitRow { part, class, path: path.into() })
        })
        .collect()
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
        let said = |text: &[u8]| {
            std::fs::write(&file, text).unwrap();
            read_split(&file).unwrap_err().to_string()
        };
        assert!(said(b"x").contains("line 1"));
        assert!(said(b"part,class,path\r\ntrain,a,\"b\nc\"\nnone,a,b\n").contains("line 4"));
        assert!(said(b"part,class,path\ntrain,a\n").contains("line 2: not three columns"));
        assert!(said(b"part,class,path\ntrain,\"a,b\n").contains("line 2: a quote"));
        assert!(said(b"part,class,path\ntrain,a,b\ntrain,a,\xFF\n").contains("line 3: not valid UTF-8"));
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
