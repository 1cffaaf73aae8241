//! The part of a column that is in one group of rows: checked, its pages opened, its values put into rows.

use std::sync::Arc;

use icecap_foundation::read_at::ReadAt;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::Error;
use crate::contained::contained;
use crate::watched::Watched;

/// The chunk of a column in a group, if the group has one of the column's type, compressed in a way that is read.
pub(crate) fn chunk(
    about: &ParquetMetaData,
    group: usize,
    column: usize,
) -> Result<&ColumnChunkMetaData, Error> {
    let chunk = about.row_group(group).columns().get(column);
    let chunk = chunk.ok_or_else(|| Error::content("is damaged: a group without one of the columns"))?;
    if chunk.column_type() != about.file_metadata().schema_descr().column(column).physical_type() {
        return Err(Error::content("is damaged: a column of another type than it says"));
    }
    check_compression(chunk.compression())?;
    Ok(chunk)
}

/// Refuses what the reader of tables was built without.
fn check_compression(compression: Compression) -> Result<(), Error> {
    match compression {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => Ok(()),
        other => {
            let text = other.to_string();
            let name = text.split('(').next().unwrap_or_default().to_lowercase();
            Err(Error::content(format!(
                "is compressed by {name}, which is not read; write it with zstd or snappy"
            )))
        }
    }
}

/// The pages of a chunk of so many rows.
pub(crate) fn pages<S: ReadAt + Send + Sync>(
    source: Arc<S>,
    chunk: &ColumnChunkMetaData,
    rows: u64,
) -> Result<SerializedPageReader<Watched<S>>, Error> {
    let watched = Arc::new(Watched::of_pages(source, chunk.compression()));
    contained(|| SerializedPageReader::new(watched, chunk, rows as usize, None))
}

/// The values of rows, `None` for a row without one: a value is there where the level is `whole`. A column in which none may be
/// missing has no levels.
pub(crate) fn in_rows<V>(values: Vec<V>, levels: &[i16], whole: i16) -> Vec<Option<V>> {
    let mut values = values.into_iter();
    match whole {
        0 => values.map(Some).collect(),
        _ => levels.iter().map(|level| if *level == whole { values.next() } else { None }).collect(),
    }
}
