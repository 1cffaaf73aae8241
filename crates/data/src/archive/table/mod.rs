//! Parquet files in which a column holds photos, as Hugging Face's datasets are written and what Spark reads from folders is.
//!
//! ```text
//! image struct<bytes: binary, path: utf8>, label int64      the usual columns; names of the classes in the file's own words
//! →  LABEL/PATH                                             how a photo is found here: as in class folders
//! ```
//!
//! When a file is opened its labels and the names of its photos are read; photos are read page by page, when they are asked for.
//!
//! # Source
//! The pages on features and on image datasets in the documentation of Hugging Face's `datasets`.

mod columns;
mod recent;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use icecap_columns::{Error as TableError, Page, Pages, Table};
use icecap_foundation::read_at::OpenFile;

use self::columns::{Columns, Label};
use super::member::{Member, Place};
use super::names;
use crate::limits::check;
use crate::room::for_file;
use crate::{Error, Limits, Result};

/// The longest label, in bytes, and the longest path of a photo.
const MAX_LABEL: usize = 1 << 10;
const MAX_PATH: usize = 1 << 16;
/// The most bytes of all names that are kept while they are read.
const MAX_NAMES: u64 = 256 << 20;

/// Where a file has its photos.
#[derive(Debug)]
pub(super) struct PhotoColumn {
    pages: Pages,
    /// What tells it from those of other files.
    id: u64,
}

/// Whether a Parquet file is one of photos: also a damaged one, and one that is refused, may be.
pub(super) fn has_photos(path: &Path) -> bool {
    let open = || Table::open(OpenFile::open(path)?);
    open().map_or(true, |table| !Columns::are_of_other_things(&table))
}

/// The photos of the table at `path`, at most `most`: in folders of their labels, those without one beside them.
pub(super) fn members(path: &Path, most: u64) -> Result<(PhotoColumn, Vec<Member>)> {
    let refuse = |error: TableError| match error {
        TableError::Io(source) => Error::Io { path: path.into(), source },
        TableError::Memory { bytes } => Error::Memory { what: format!("a page of {bytes} bytes") }.of(path),
        other => Error::Archive { path: path.into(), offset: None, reason: other.to_string() },
    };
    let content = |what: String| refuse(TableError::Content(what));
    let table = OpenFile::open(path).map_err(TableError::Io).and_then(Table::open).map_err(refuse)?;
    check("the number of photos in the table", table.rows(), most).map_err(|error| error.of(path))?;
    let columns = Columns::of(&table).map_err(content)?;
    if table.rows() > 0 && table.nulls(columns.photos) == Some(table.rows()) {
        let what = "has the paths of photos and not their bytes; embed them, as push_to_hub of Hugging Face's datasets does";
        return Err(content(what.to_owned()));
    }
    let pages = table.pages(columns.photos).map_err(refuse)?;
    let (mut labels, mut bases, mut bytes) = (Vec::new(), Vec::new(), 0);
    for group in 0..table.groups() {
        let rows = table.group_rows(group) as usize;
        match columns.names {
            Some(column) => {
                let paths = table.bytes(group, column, MAX_PATH).map_err(refuse)?;
                bases.extend(paths.into_iter().map(|path| base(path?)));
                let read = bases[bases.len() - rows..].iter().flatten().map(|base| base.len() as u64);
                bytes += read.sum::<u64>();
                check("the bytes of the names in the table", bytes, MAX_NAMES)
                    .map_err(|error| error.of(path))?;
            }
            None => bases.extend((0..rows).map(|_| None)),
        }
        match &columns.label {
            Some(label) => {
                let first = labels.len();
                let read = read_labels(&table, group, label).map_err(refuse)?;
                for (row, label) in read.into_iter().enumerate() {
                    labels.push(label.map_err(|what| content(format!("row {} {what}", first + row)))?);
                }
            }
            None => labels.extend((0..rows).map(|_| None)),
        }
    }
    let members = named(&labels, &bases).into_iter().enumerate().map(|(row, name)| Member {
        name: name.into(),
        length: 0,
        place: Place::Table { row: row as u64 },
        source: 0,
    });
    Ok((PhotoColumn { pages, id: recent::next_id() }, members.collect()))
}

/// The last part of a path, if it is a good name of a file.
fn base(path: Vec<u8>) -> Option<String> {
    let path = String::from_utf8(path).ok()?;
    let base = path.rsplit(['/', '\\']).next()?;
    names::is_visible(base).then(|| base.to_owned())
}

type RowLabel = std::result::Result<Option<String>, String>;

/// The labels of a group's rows, or what is wrong with them.
fn read_labels(
    table: &Table<OpenFile>,
    group: usize,
    label: &Label,
) -> std::result::Result<Vec<RowLabel>, TableError> {
    let good = |text: String| names::check_label(&text).map(|()| Some(text));
    Ok(match label {
        Label::Text(column) => {
            let texts = table.bytes(group, *column, MAX_LABEL)?.into_iter();
            let text = |bytes: Vec<u8>| match String::from_utf8(bytes).map(|text| text.trim().to_owned()) {
                Ok(text) if text.is_empty() => Err("has an empty label".to_owned()),
                Ok(text) => good(text),
                Err(_) => Err("has a label that is not valid UTF-8".to_owned()),
            };
            texts.map(|bytes| bytes.map_or(Ok(None), text)).collect()
        }
        Label::Number(column) => {
            let numbers = table.integers(group, *column)?.into_iter();
            numbers.map(|number| number.map_or(Ok(None), |number| good(number.to_string()))).collect()
        }
        Label::Named(column, names) => {
            let name = |number: i64| match usize::try_from(number).ok().and_then(|at| names.get(at)) {
                Some(name) => good(name.clone()),
                // What stands where the label is not told.
                None if number == -1 => Ok(None),
                None => Err(format!("has the label {number}, and the file names {} classes", names.len())),
            };
            let numbers = table.integers(group, *column)?.into_iter();
            numbers.map(|number| number.map_or(Ok(None), name)).collect()
        }
    })
}

/// How the photos are called: after their labels and paths; where two would be called alike, or one has no path, the number of
/// its row stands in front of every name.
fn named(labels: &[Option<String>], bases: &[Option<String>]) -> Vec<String> {
    let in_folder = |label: &Option<String>, base: String| match label {
        Some(label) => format!("{label}/{base}"),
        None => base,
    };
    let rows = || labels.iter().zip(bases);
    let all: Option<Vec<String>> =
        rows().map(|(label, base)| Some(in_folder(label, base.clone()?))).collect();
    let folders: HashSet<&str> = labels.iter().flatten().map(String::as_str).collect();
    if let Some(names) = all {
        let different: HashSet<&str> = names.iter().map(String::as_str).collect();
        if different.len() == names.len() && !folders.iter().any(|folder| different.contains(folder)) {
            return names;
        }
    }
    let numbered = |(row, (label, base)): (usize, (&Option<String>, &Option<String>))| {
        let base = base.as_ref().map_or(format!("row-{row}"), |base| format!("{row}-{base}"));
        in_folder(label, base)
    };
    rows().enumerate().map(numbered).collect()
}

impl PhotoColumn {
    /// Reads the photo in a row, of at most the limit's size, into `bytes`.
    pub(super) fn read(
        &self,
        source: &Arc<OpenFile>,
        row: u64,
        limits: &Limits,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let page = self.page(source, row)?;
        let photo = value(&page, row)?;
        limits.check_file(photo.len() as u64)?;
        bytes.clear();
        for_file(bytes, photo.len() as u64)?;
        bytes.extend_from_slice(photo);
        Ok(())
    }

    /// The first bytes of the photo in a row, at most so many.
    pub(super) fn first_bytes(&self, source: &Arc<OpenFile>, row: u64, most: usize) -> Result<Vec<u8>> {
        let page = self.page(source, row)?;
        let photo = value(&page, row)?;
        Ok(photo[..photo.len().min(most)].to_vec())
    }

    /// How many bytes the photo in a row has.
    pub(super) fn length(&self, source: &Arc<OpenFile>, row: u64) -> Result<u64> {
        Ok(value(&*self.page(source, row)?, row)?.len() as u64)
    }

    fn page(&self, source: &Arc<OpenFile>, row: u64) -> Result<Arc<Page>> {
        let page = recent::page(self.id, row, || self.pages.read(source.clone(), row));
        page.map_err(|error| error_of(row, error))
    }
}

/// The photo of a row in its page.
fn value(page: &Page, row: u64) -> Result<&[u8]> {
    let reason = || format!("row {row} has no photo in it; a path alone is none");
    page.value(row).ok_or_else(|| Error::Member { reason: reason() })
}

/// What is wrong with the page of a row.
fn error_of(row: u64, error: TableError) -> Error {
    match error {
        TableError::Io(source) => Error::Read(source),
        TableError::Memory { bytes } => Error::Memory { what: format!("a page of {bytes} bytes") },
        other => Error::Member { reason: format!("row {row} of the table {other}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_are_called_after_their_paths_or_with_their_rows() {
        let of = |rows: &[(Option<&str>, Option<&str>)]| {
            let (labels, bases): (Vec<_>, Vec<_>) =
                rows.iter().map(|(label, base)| (label.map(str::to_owned), base.map(str::to_owned))).unzip();
            named(&labels, &bases).join(" ")
        };
        let (a, b, one) = (Some("a"), Some("b"), Some("1.jpg"));
        assert_eq!(of(&[(a, one), (b, one), (None, Some("2.jpg"))]), "a/1.jpg b/1.jpg 2.jpg");
        assert_eq!(of(&[(a, one), (a, one)]), "a/0-1.jpg a/1-1.jpg");
        assert_eq!(of(&[(a, one), (b, None)]), "a/0-1.jpg b/row-1");
        // A file cannot be called as a folder is.
        assert_eq!(of(&[(a, one), (None, a)]), "a/0-1.jpg 1-a");
    }

    #[test]
    fn the_end_of_a_path_is_a_name_if_it_is_a_good_one() {
        let of = |path: &str| base(path.as_bytes().to_vec()).unwrap_or_default();
        for (path, name) in
            [("a/b/1.jpg", "1.jpg"), ("file:/d/ü 1.png", "ü 1.png"), ("c:\\d\\1.jpg", "1.jpg")]
        {
            assert_eq!(of(path), name);
        }
        for odd in ["", "a/", "a/..", "a/.1.jpg", "1\n.jpg", "c:"] {
            assert_eq!(of(odd), "", "{odd:?}");
        }
    }
}
