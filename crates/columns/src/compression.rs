//! How pages may be compressed.

use parquet::basic::Compression;

use crate::Error;

/// Refuses what the reader of tables was built without.
pub(crate) fn check_compression(compression: Compression) -> Result<(), Error> {
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
