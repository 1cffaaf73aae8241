//! Reading a table: what is small at once, the features group by group. Tables that other programs have written are read, too,
//! if their columns are called and typed as ours.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use icecap::advanced::foundation::read_at::OpenFile;
use icecap::advanced::foundation::{Digest, regular_file};
use icecap_columns::{Table, contained};
use parquet::basic::Type;
use parquet::column::reader::ColumnReader;

use super::schema::{ARROW_SCHEMA, HASH};
use crate::error::Error;
use crate::row::{RowHead, TakeRow};

/// Rows whose features are read at a time.
const PIECE: usize = 256;
/// The longest text of a row, in bytes: four times the longest path.
const LONGEST: usize = 16 << 10;

/// A table of features, opened.
pub(crate) struct StoredTable {
    path: PathBuf,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) heads: Vec<RowHead>,
    /// Values of a row; `None` if no row has any.
    pub(crate) len: Option<usize>,
}

impl StoredTable {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = Columns::open(path)?;
        let metadata = file.table.words().filter(|(key, _)| *key != ARROW_SCHEMA);
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let mut heads = Vec::new();
        for group in 0..file.table.groups() {
            heads.extend(file.heads(group)?);
        }
        let mut len = None;
        if heads.iter().any(|head| head.error.is_none()) {
            // The first row that has features says of how many numbers all are.
            file.each(&heads, &mut |_, features| {
                len = Some(features.len());
                Ok(Flow::Stop)
            })?;
        }
        Ok(Self { path: path.to_owned(), metadata, heads, len })
    }

    /// Hands over the features of every photo that has some, with the number of its row.
    pub(crate) fn each(&self, take: &mut TakeRow<'_>) -> Result<(), Error> {
        let file = Columns::open(&self.path)?;
        if self.heads.len() as u64 != file.table.rows() {
            return Err(Error::content(&self.path, "was replaced while it was read; begin anew"));
        }
        file.each(&self.heads, &mut |row, features| {
            take(row, features)?;
            Ok(Flow::GoOn)
        })
    }
}

/// Whether more rows are wanted.
enum Flow {
    GoOn,
    Stop,
}

/// Who takes the features of photos, some or all.
type TakeSome<'t> = dyn FnMut(usize, &[f32]) -> Result<Flow, Error> + 't;
/// Who takes lists, which may not be there.
type TakeList<'t> = dyn FnMut(usize, Option<&[f32]>) -> Result<Flow, Error> + 't;

/// A file with the numbers of its columns.
struct Columns<'p> {
    path: &'p Path,
    table: Table<OpenFile>,
    paths: usize,
    labels: Option<usize>,
    hashes: Option<usize>,
    features: usize,
    errors: Option<usize>,
}

impl<'p> Columns<'p> {
    fn open(path: &'p Path) -> Result<Self, Error> {
        let file = regular_file::open(path).and_then(OpenFile::of).map_err(Error::io(path))?;
        let table = Table::open(file).map_err(Error::of_table(path))?;
        let schema = table.schema();
        let of = |name: &str| {
            let mut columns = schema.columns().iter().enumerate();
            columns.find(|(_, column)| column.path().parts().first().is_some_and(|first| first == name))
        };
        let missing = |name: &str| {
            Error::content(path, format!("has no column '{name}'; name a file that icecap extract wrote"))
        };
        // Of a plain column the number, if it is of the type that it has to be of.
        let plain = |name: &str, types: &[Type]| -> Result<Option<usize>, Error> {
            let Some((at, column)) = of(name) else { return Ok(None) };
            if column.max_rep_level() > 0
                || column.max_def_level() > 1
                || !types.contains(&column.physical_type())
            {
                let is = column.physical_type();
                return Err(Error::content(
                    path,
                    format!("column '{name}' is {is}, where {} is needed", types[0]),
                ));
            }
            Ok(Some(at))
        };
        let (features, column) = of("embedding").ok_or_else(|| missing("embedding"))?;
        if column.physical_type() != Type::FLOAT || column.max_rep_level() != 1 {
            let reason = "column 'embedding' holds no lists of 32-bit floating point; write it as such";
            return Err(Error::content(path, reason));
        }
        Ok(Self {
            paths: plain("path", &[Type::BYTE_ARRAY])?.ok_or_else(|| missing("path"))?,
            labels: plain("label", &[Type::BYTE_ARRAY])?,
            hashes: plain("sha256", &[Type::FIXED_LEN_BYTE_ARRAY, Type::BYTE_ARRAY])?,
            errors: plain("error", &[Type::BYTE_ARRAY])?,
            path,
            features,
            table,
        })
    }

    /// What a group says of its photos beside their features.
    fn heads(&self, group: usize) -> Result<Vec<RowHead>, Error> {
        let bytes = |at: usize| self.table.bytes(group, at, LONGEST).map_err(Error::of_table(self.path));
        let text = |at: usize| -> Result<Vec<Option<String>>, Error> {
            let texts = bytes(at)?.into_iter();
            let utf8 = |bytes: Vec<u8>| {
                String::from_utf8(bytes).map_err(|_| Error::content(self.path, "holds text that is no UTF-8"))
            };
            texts.map(|bytes| bytes.map(utf8).transpose()).collect()
        };
        let optional = |at: Option<usize>| at.map(text).transpose().map(|texts| texts.map(Vec::into_iter));
        let paths = text(self.paths)?;
        let (mut labels, mut errors) = (optional(self.labels)?, optional(self.errors)?);
        let mut hashes = self.hashes.map(bytes).transpose()?.map(Vec::into_iter);
        let mut heads = Vec::with_capacity(paths.len());
        for path in paths {
            let path = path.ok_or_else(|| Error::content(self.path, "holds a row without a path"))?;
            let sha256 = match hashes.as_mut().and_then(|hashes| hashes.next().flatten()) {
                None => None,
                Some(bytes) => {
                    let hash: [u8; HASH] = bytes.try_into().map_err(|_| {
                        Error::content(self.path, format!("{path}: its sha256 is not of {HASH} bytes"))
                    })?;
                    Some(Digest(hash))
                }
            };
            let next = |texts: &mut Option<std::vec::IntoIter<Option<String>>>| {
                texts.as_mut().and_then(|texts| texts.next().flatten())
            };
            heads.push(RowHead { path, label: next(&mut labels), sha256, error: next(&mut errors) });
        }
        Ok(heads)
    }

    /// Hands over the features of each row that has some.
    fn each(&self, heads: &[RowHead], take: &mut TakeSome<'_>) -> Result<(), Error> {
        let mut first = 0;
        for group in 0..self.table.groups() {
            let damaged = Error::of_table(self.path);
            let ColumnReader::FloatColumnReader(mut reader) =
                self.table.column(group, self.features).map_err(&damaged)?
            else {
                return Err(Error::content(self.path, "holds a column of another type than it says"));
            };
            let whole = self.table.schema().column(self.features).max_def_level();
            let mut lists = Lists { whole, ..Lists::default() };
            loop {
                let Lists { defined, repeated, values, .. } = &mut lists;
                defined.clear();
                repeated.clear();
                values.clear();
                let piece = contained(|| reader.read_records(PIECE, Some(defined), Some(repeated), values));
                let (read, ..) = piece.map_err(&damaged)?;
                if read == 0 {
                    break;
                }
                let ended = lists.each(&mut |row, features| {
                    let row = first + row;
                    let head = heads
                        .get(row)
                        .ok_or_else(|| Error::content(self.path, "has features of more rows than paths"))?;
                    match (features, &head.error) {
                        (Some(features), None) => take(row, features),
                        (None, Some(_)) => Ok(Flow::GoOn),
                        (Some(_), Some(_)) => Err(Error::content(
                            self.path,
                            format!("{}: has an error and features", head.path),
                        )),
                        (None, None) => Err(Error::content(
                            self.path,
                            format!("{}: has neither features nor an error", head.path),
                        )),
                    }
                })?;
                match ended {
                    None => {
                        return Err(Error::content(self.path, "holds a list of features with a gap in it"));
                    }
                    Some(Flow::Stop) => return Ok(()),
                    Some(Flow::GoOn) => first += read,
                }
            }
        }
        match first == heads.len() {
            true => Ok(()),
            false => Err(Error::content(
                self.path,
                format!("has features of {first} rows, and {} paths", heads.len()),
            )),
        }
    }
}

/// Some lists as they stand in a file: numbers, and for each the level at which it begins a list and how much of its place is
/// there.
#[derive(Default)]
struct Lists {
    /// The level of a number that is there.
    whole: i16,
    defined: Vec<i16>,
    repeated: Vec<i16>,
    values: Vec<f32>,
}

impl Lists {
    /// Hands over each list, `None` for one that is not there. Returns `None` itself if a list has a gap.
    fn each(&self, take: &mut TakeList<'_>) -> Result<Option<Flow>, Error> {
        let (mut at, mut from, mut row) = (0, 0, 0);
        while at < self.repeated.len() {
            let more = self.repeated[at + 1..].iter().take_while(|level| **level > 0).count();
            let levels = &self.defined[at..at + 1 + more];
            let there = levels.iter().filter(|level| **level == self.whole).count();
            let list = match there {
                0 if more == 0 => None,
                _ if there == levels.len() => Some(&self.values[from..from + there]),
                _ => return Ok(None),
            };
            if let Flow::Stop = take(row, list)? {
                return Ok(Some(Flow::Stop));
            }
            (at, from, row) = (at + 1 + more, from + there, row + 1);
        }
        Ok(Some(Flow::GoOn))
    }
}
