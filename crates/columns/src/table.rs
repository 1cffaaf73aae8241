//! A table: what its file says of it, and its columns, group of rows by group.

use std::sync::Arc;

use icecap_foundation::read_at::ReadAt;
use parquet::basic::LogicalType;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use crate::chunk::{chunk, in_rows, pages};
use crate::contained::contained;
use crate::watched::Watched;
use crate::{Error, Pages};

/// Rows that are read at a time.
const PIECE: usize = 256;

/// An open table.
pub struct Table<S> {
    source: Arc<S>,
    about: ParquetMetaData,
}

impl<S: ReadAt + Send + Sync + 'static> Table<S> {
    /// Opens the table in `source`: reads what stands at its end.
    ///
    /// # Errors
    /// [`Error::Content`] for what is none, or is damaged; [`Error::Io`], [`Error::Memory`].
    pub fn open(source: S) -> Result<Self, Error> {
        let source = Arc::new(source);
        let watched = Watched::of(source.clone());
        let about = contained(|| ParquetMetaDataReader::new().parse_and_finish(&watched));
        let about = about.map_err(|error| match error {
            Error::Content(text) => Error::Content(format!("is no Parquet file, or {text}")),
            other => other,
        })?;
        let table = Self { source, about };
        let rows: Option<i64> = table.group_list().iter().try_fold(0, |sum: i64, group| {
            let rows = group.num_rows();
            (rows >= 0).then(|| sum.checked_add(rows))?
        });
        match rows == Some(table.about.file_metadata().num_rows()) {
            true => Ok(table),
            false => Err(Error::content("is damaged: its groups of rows are not all of its rows")),
        }
    }

    fn group_list(&self) -> &[RowGroupMetaData] {
        self.about.row_groups()
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.group_list().iter().map(|group| group.num_rows() as u64).sum()
    }

    /// How many groups its rows are in.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.group_list().len()
    }

    /// How many rows a group has.
    #[must_use]
    pub fn group_rows(&self, group: usize) -> u64 {
        self.group_list()[group].num_rows() as u64
    }

    /// What it says of itself, as keys and values.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        let words = self.about.file_metadata().key_value_metadata().into_iter().flatten();
        words.filter_map(|word| Some((word.key.as_str(), word.value.as_deref()?)))
    }

    /// Its columns, one for each of the values that a row is made of.
    #[must_use]
    pub fn schema(&self) -> &SchemaDescriptor {
        self.about.file_metadata().schema_descr()
    }

    /// How many of a column's values the file says are missing, where it does so of all groups.
    #[must_use]
    pub fn nulls(&self, column: usize) -> Option<u64> {
        let of = |group: &RowGroupMetaData| group.columns().get(column)?.statistics()?.null_count_opt();
        self.group_list().iter().try_fold(0, |sum: u64, group| sum.checked_add(of(group)?))
    }

    /// The reader of a column in a group. Whatever it is asked for has to be [`contained`].
    ///
    /// # Errors
    /// Those of [`Table::open`].
    pub fn column(&self, group: usize, column: usize) -> Result<ColumnReader, Error> {
        let pages = pages(self.source.clone(), chunk(&self.about, group, column)?, self.group_rows(group))?;
        contained(|| Ok(get_column_reader(self.schema().column(column), Box::new(pages))))
    }

    /// The values of a column of bytes or text without lists, `None` for a row without one.
    ///
    /// # Errors
    /// Those of [`Table::column`], and for a column of something else, and for a value of more than `longest` bytes.
    pub fn bytes(&self, group: usize, column: usize, longest: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let short = |data: &[u8]| match data.len() {
            len if len > longest => {
                Err(Error::content(format!("holds a text of {len} bytes; one of at most {longest} is read")))
            }
            _ => Ok(data.to_vec()),
        };
        match self.column(group, column)? {
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.values(group, column, reader, |value: ByteArray| short(value.data()))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.values(group, column, reader, |value| short(ByteArray::from(value).data()))
            }
            _ => Err(Error::content("holds a column of another type than it says")),
        }
    }

    /// The values of a column of whole numbers without lists, `None` for a row without one.
    ///
    /// # Errors
    /// Those of [`Table::column`], and for a column of something else.
    pub fn integers(&self, group: usize, column: usize) -> Result<Vec<Option<i64>>, Error> {
        let is_unsigned = is_unsigned(&self.schema().column(column));
        match self.column(group, column)? {
            ColumnReader::Int32ColumnReader(reader) => self.values(group, column, reader, |value: i32| {
                Ok(if is_unsigned { i64::from(value.cast_unsigned()) } else { value.into() })
            }),
            ColumnReader::Int64ColumnReader(reader) => {
                self.values(group, column, reader, |value: i64| match is_unsigned && value < 0 {
                    true => Err(Error::content(format!("holds a number above {}", i64::MAX))),
                    false => Ok(value),
                })
            }
            _ => Err(Error::content("holds a column of another type than it says")),
        }
    }

    /// All values of a column in a group.
    fn values<D: DataType, V>(
        &self,
        group: usize,
        column: usize,
        mut reader: ColumnReaderImpl<D>,
        value: impl Fn(D::T) -> Result<V, Error>,
    ) -> Result<Vec<Option<V>>, Error> {
        let rows = self.group_rows(group) as usize;
        let schema = self.schema().column(column);
        let there = schema.max_def_level();
        if schema.max_rep_level() > 0 {
            return Err(Error::content("holds lists in a column of single values"));
        }
        let mut all = Vec::new();
        loop {
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            let (read, ..) = contained(|| reader.read_records(PIECE, Some(&mut levels), None, &mut values))?;
            if read == 0 {
                break;
            }
            let values = values.into_iter().map(&value).collect::<Result<Vec<V>, Error>>()?;
            all.extend(in_rows(values, &levels, there));
        }
        match all.len() == rows {
            true => Ok(all),
            false => {
                Err(Error::content(format!("is damaged: a column of {} values for {rows} rows", all.len())))
            }
        }
    }

    /// The pages of a column of bytes without lists, to be read one by one.
    ///
    /// # Errors
    /// [`Error::Content`] for a column of something else, or one that is compressed in a way that is not read.
    pub fn pages(&self, column: usize) -> Result<Pages, Error> {
        Pages::of(&self.about, column)
    }
}

/// Whether a column's whole numbers are without a sign.
fn is_unsigned(column: &ColumnDescriptor) -> bool {
    match column.logical_type_ref() {
        Some(LogicalType::Integer(kind)) => !kind.is_signed,
        _ => column.converted_type().to_string().starts_with("UINT"),
    }
}
