//! A new file of any format.

use std::io::{Result, Seek, Write};

use crate::description::Description;
use crate::format::Format;
use crate::npy::NpyFile;
use crate::sink::Sink;
#[cfg(feature = "parquet")]
use crate::table::TableFile;
use crate::tensors::TensorFile;
use crate::text::{CsvFile, JsonLines};

/// Begins a file of `format` for the photos at `paths`, in their order. Rows are written as they come; what is kept in memory
/// are some bytes a photo, and of a table up to 64 MiB of rows.
///
/// # Errors
/// What the system says.
pub fn begin<'w, W: Write + Seek + Send + 'w>(
    format: Format,
    out: W,
    description: Description,
    paths: &[String],
) -> Result<Box<dyn Sink + 'w>> {
    Ok(match format {
        Format::Safetensors => Box::new(TensorFile::begin(out, description, paths)?),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(TableFile::begin(out, description)?),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => return Err(std::io::Error::other("this build writes no .parquet")),
        Format::Csv => Box::new(CsvFile::begin(out, description)?),
        Format::Jsonl => Box::new(JsonLines::new(out, description)),
        Format::Npy => Box::new(NpyFile::begin(out, &description, paths.len())?),
    })
}
