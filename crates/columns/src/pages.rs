//! A column of bytes, page by page: of photos all of it would not fit into memory.

use std::ops::Range;
use std::sync::Arc;

use icecap_foundation::read_at::ReadAt;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page as Raw, PageMetadata, PageReader};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::Result as Read;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::schema::types::ColumnDescPtr;

use crate::Error;
use crate::chunk::{chunk, in_rows, pages};
use crate::contained::contained;
use crate::watched::MAX_PAGE;

/// Where the pages of a column are; it holds no bytes of them.
#[derive(Debug)]
pub struct Pages {
    column: ColumnDescPtr,
    chunks: Vec<Chunk>,
}

/// The part of a column that is in one group of rows.
#[derive(Debug)]
struct Chunk {
    first_row: u64,
    rows: u64,
    about: ColumnChunkMetaData,
}

impl Pages {
    /// The pages of a column of the table that `about` tells of.
    pub(crate) fn of(about: &ParquetMetaData, column: usize) -> Result<Self, Error> {
        let schema = about.file_metadata().schema_descr().column(column);
        if schema.physical_type() != Type::BYTE_ARRAY || schema.max_rep_level() > 0 {
            return Err(Error::content("holds no bytes, or lists of them, in a column of bytes"));
        }
        let (mut chunks, mut first_row) = (Vec::new(), 0);
        for (group, of_group) in about.row_groups().iter().enumerate() {
            let rows = of_group.num_rows() as u64;
            chunks.push(Chunk { first_row, rows, about: chunk(about, group, column)?.clone() });
            first_row += rows;
        }
        Ok(Self { column: schema, chunks })
    }

    /// Reads the page with the value of a row from `source`, which is what the table was opened from or the same once more. It
    /// passes over the headers of those before it in its group: a read of 512 bytes each.
    ///
    /// # Errors
    /// [`Error::Content`] for what is damaged, [`Error::Memory`] before it is taken, [`Error::Io`].
    ///
    /// # Panics
    /// If there is no such row.
    pub fn read<S: ReadAt + Send + Sync>(&self, source: Arc<S>, row: u64) -> Result<Page, Error> {
        let at = self.chunks.partition_point(|chunk| chunk.first_row + chunk.rows <= row);
        let Chunk { first_row, rows, about } = &self.chunks[at];
        let mut pages = pages(source, about, *rows)?;
        let (mut first, mut dictionary) = (*first_row, None);
        loop {
            let next = contained(|| pages.peek_next_page())?;
            let next = next.ok_or_else(|| Error::content("is damaged: a page is missing"))?;
            if next.is_dict {
                dictionary = contained(|| pages.get_next_page())?;
                continue;
            }
            // Without lists a value is a row.
            let count = next.num_rows.or(next.num_levels).unwrap_or_default() as u64;
            if first + count > first_row + rows {
                return Err(Error::content("is damaged: pages of more rows than their group has"));
            }
            if row < first + count {
                let page = contained(|| pages.get_next_page())?;
                let raw: Vec<Raw> = dictionary.into_iter().chain(page).collect();
                let (values, bytes) = self.values(raw, count as usize)?;
                return Ok(Page { first, values, bytes });
            }
            contained(|| pages.skip_next_page())?;
            first += count;
        }
    }

    /// The values in a page, behind its dictionary where it has one, and the bytes that they take.
    fn values(&self, pages: Vec<Raw>, count: usize) -> Result<(Vec<Option<ByteArray>>, u64), Error> {
        // Most values lie in their page as they are; of those that are told by what differs from the last each takes memory.
        let differ = pages.iter().any(|page| page.encoding() == Encoding::DELTA_BYTE_ARRAY);
        let piece = if differ { 1 } else { count };
        let mut bytes: u64 = pages.iter().map(|page| page.buffer().len() as u64).sum();
        let there = self.column.max_def_level();
        let mut reader = contained(|| {
            Ok(ColumnReaderImpl::<ByteArrayType>::new(
                self.column.clone(),
                Box::new(Given(pages.into_iter())),
            ))
        })?;
        let mut found = Vec::new();
        while found.len() < count {
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            let (rows, ..) = contained(|| reader.read_records(piece, Some(&mut levels), None, &mut values))?;
            if rows == 0 {
                return Err(Error::content("is damaged: a page with fewer values than it says"));
            }
            if differ {
                bytes += values.iter().map(|value| value.len() as u64).sum::<u64>();
                if bytes > MAX_PAGE {
                    return Err(Error::content(format!(
                        "has a page whose values are more than {MAX_PAGE} bytes"
                    )));
                }
            }
            found.extend(in_rows(values, &levels, there));
        }
        match found.len() == count {
            true => Ok((found, bytes)),
            false => Err(Error::content("is damaged: a page with more values than it says")),
        }
    }
}

/// The values of some rows that follow each other.
#[derive(Debug)]
pub struct Page {
    first: u64,
    values: Vec<Option<ByteArray>>,
    /// Of the page, of its dictionary, and of values beside them.
    bytes: u64,
}

impl Page {
    /// Its rows.
    #[must_use]
    pub fn rows(&self) -> Range<u64> {
        self.first..self.first + self.values.len() as u64
    }

    /// The value of a row of it; `None` where the row has none, or is in another page.
    #[must_use]
    pub fn value(&self, row: u64) -> Option<&[u8]> {
        let value = self.values.get(usize::try_from(row.checked_sub(self.first)?).ok()?)?;
        value.as_ref().map(ByteArray::data)
    }

    /// The bytes that it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes + (self.values.len() * size_of::<Option<ByteArray>>()) as u64
    }
}

/// Pages that are given out one by one.
struct Given(std::vec::IntoIter<Raw>);

impl Iterator for Given {
    type Item = Read<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Ok)
    }
}

impl PageReader for Given {
    fn get_next_page(&mut self) -> Read<Option<Raw>> {
        Ok(self.0.next())
    }

    fn peek_next_page(&mut self) -> Read<Option<PageMetadata>> {
        let about = |page: &Raw| PageMetadata {
            num_rows: None,
            num_levels: Some(page.num_values() as usize),
            is_dict: matches!(page, Raw::DictionaryPage { .. }),
        };
        Ok(self.0.as_slice().first().map(about))
    }

    fn skip_next_page(&mut self) -> Read<()> {
        self.0.next();
        Ok(())
    }
}
