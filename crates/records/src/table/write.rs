//! Writing a table while its rows are made: a group of rows is gathered in memory, then written column by column.

use std::io::{Error, Result, Write};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, FloatType, Int32Type,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::ColumnPath;

use super::schema::{ARROW_SCHEMA, EMBEDDING, arrow_schema, parquet_schema};
use crate::description::Description;
use crate::row::FeatureRow;
use crate::sink::Sink;

/// The most bytes of rows in a group, which is what a reader takes into memory at a time.
const GROUP_BYTES: usize = 64 << 20;
/// What a row takes beside its features, its path and its error.
const ROW_BYTES: usize = 64;
/// How many rows' features are written at a time: each number goes with two levels.
const PIECE: usize = 64;
/// Level of compression. Features are all but random: more takes longer, and saves nothing.
const LEVEL: i32 = 1;

/// A table under way.
pub(crate) struct TableFile<W: Write + Send> {
    out: SerializedFileWriter<W>,
    classes: Vec<ByteArray>,
    /// Values of a row.
    len: usize,
    group: Group,
}

/// Rows that are to be written together, column by column.
#[derive(Default)]
struct Group {
    bytes: usize,
    paths: Vec<ByteArray>,
    labels: Nullable<ByteArray>,
    hashes: Nullable<FixedLenByteArray>,
    widths: Nullable<i32>,
    heights: Nullable<i32>,
    features: Vec<f32>,
    /// Whether each row has features.
    has_features: Vec<bool>,
    errors: Nullable<ByteArray>,
}

/// A column in which some rows have no value.
struct Nullable<T> {
    values: Vec<T>,
    /// 1 for each row that has a value, else 0.
    levels: Vec<i16>,
}

impl<T> Default for Nullable<T> {
    fn default() -> Self {
        Self { values: Vec::new(), levels: Vec::new() }
    }
}

impl<T> Nullable<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }

    fn write<D: DataType<T = T>>(
        &self,
        column: &mut SerializedColumnWriter<'_>,
    ) -> parquet::errors::Result<usize> {
        column.typed::<D>().write_batch(&self.values, Some(&self.levels), None)
    }
}

impl<W: Write + Send> TableFile<W> {
    pub(crate) fn begin(out: W, description: Description) -> Result<Self> {
        let Description { metadata, classes, row } = description;
        let len = row.elements();
        // Arrow's programs look for what the file says of itself in their schema, others beside it.
        let schema = arrow_schema(len).map_err(Error::other)?.with_metadata(metadata.clone());
        let (descriptor, encoded) = parquet_schema(&schema).map_err(Error::other)?;
        let metadata = metadata.into_iter().chain([(ARROW_SCHEMA.to_owned(), encoded)]);
        let metadata = metadata.map(|(key, value)| KeyValue::new(key, value)).collect();
        let features = ColumnPath::new(EMBEDDING.map(str::to_owned).to_vec());
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("icecap version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(metadata))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL).map_err(Error::other)?))
            // The bytes of numbers by their place: exponents beside each other repeat, mantissas do not.
            .set_column_encoding(features.clone(), Encoding::BYTE_STREAM_SPLIT)
            .set_column_statistics_enabled(features.clone(), EnabledStatistics::None);
        // All different, so that a dictionary of them would be the column once more.
        for column in [features, "path".into(), "sha256".into()] {
            properties = properties.set_column_dictionary_enabled(column, false);
        }
        let out = SerializedFileWriter::new(out, descriptor.root_schema_ptr(), Arc::new(properties.build()));
        let classes = classes.iter().map(|class| class.as_str().into()).collect();
        Ok(Self { out: out.map_err(Error::other)?, classes, len, group: Group::default() })
    }

    /// Writes the rows that were gathered.
    fn flush(&mut self) -> parquet::errors::Result<()> {
        let group = std::mem::take(&mut self.group);
        if group.paths.is_empty() {
            return Ok(());
        }
        let mut out = self.out.next_row_group()?;
        let mut number = 0;
        while let Some(mut column) = out.next_column()? {
            match number {
                0 => column.typed::<ByteArrayType>().write_batch(&group.paths, None, None)?,
                1 => group.labels.write::<ByteArrayType>(&mut column)?,
                2 => group.hashes.write::<FixedLenByteArrayType>(&mut column)?,
                3 => group.widths.write::<Int32Type>(&mut column)?,
                4 => group.heights.write::<Int32Type>(&mut column)?,
                5 => group.write_features(&mut column, self.len)?,
                _ => group.errors.write::<ByteArrayType>(&mut column)?,
            };
            column.close()?;
            number += 1;
        }
        out.close()?;
        Ok(())
    }
}

impl Group {
    /// Writes the column of lists: each number with the level that says whether it begins a row, and the one that says how much
    /// of its place is there.
    fn write_features(
        &self,
        column: &mut SerializedColumnWriter<'_>,
        len: usize,
    ) -> parquet::errors::Result<usize> {
        // The list, its item and the item's value are there; without the first nothing is.
        const WHOLE: i16 = 3;
        let column = column.typed::<FloatType>();
        let (mut defined, mut repeated) = (Vec::new(), Vec::new());
        let mut rest = &self.features[..];
        for piece in self.has_features.chunks(PIECE) {
            defined.clear();
            repeated.clear();
            let mut values = 0;
            for has in piece {
                repeated.push(0);
                if *has {
                    defined.extend(std::iter::repeat_n(WHOLE, len));
                    repeated.extend(std::iter::repeat_n(1, len - 1));
                    values += len;
                } else {
                    defined.push(0);
                }
            }
            let (now, later) = rest.split_at(values);
            column.write_batch(now, Some(&defined), Some(&repeated))?;
            rest = later;
        }
        Ok(self.has_features.len())
    }
}

impl<W: Write + Send> Sink for TableFile<W> {
    fn push(&mut self, row: &FeatureRow<'_>) -> Result<()> {
        let group = &mut self.group;
        let error = row.features.err();
        group.paths.push(row.path.into());
        group.labels.push(row.class.map(|class| self.classes[class].clone()));
        group.hashes.push(row.sha256.map(|sha256| ByteArray::from(sha256.0.to_vec()).into()));
        // The sides of a photo are far below 2^31; as bits the column's type is that of u32 anyway.
        group.widths.push(row.sides.map(|sides| sides[0] as i32));
        group.heights.push(row.sides.map(|sides| sides[1] as i32));
        group.features.extend(row.features.unwrap_or_default());
        group.has_features.push(error.is_none());
        group.errors.push(error.map(ByteArray::from));
        let features = row.features.map_or(0, size_of_val);
        group.bytes += features + ROW_BYTES + row.path.len() + error.map_or(0, str::len);
        if group.bytes >= GROUP_BYTES {
            self.flush().map_err(Error::other)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush().map_err(Error::other)?;
        self.out.finish().map_err(Error::other)?;
        Ok(())
    }
}
