//! A file or a folder in an archive, and where its bytes are.

use icecap_foundation::zip::Record;

/// A file or a folder in an archive.
#[derive(Debug)]
pub(super) struct Member {
    /// With folders before it; that of a folder ends in `/`.
    pub(super) name: Box<str>,
    /// Its bytes, unpacked; of a value of a table only who reads it knows.
    pub(super) length: u64,
    pub(super) place: Place,
    /// Which of the archive's files it is in.
    pub(super) source: u32,
}

/// Where a member's bytes are.
#[derive(Debug)]
pub(super) enum Place {
    /// An entry of a zip archive.
    Zip {
        /// Its name as it stands in the archive, where it is written with backslashes.
        raw: Option<Box<str>>,
        record: Record,
    },
    /// Bytes of a tar archive, as they are.
    Tar { start: u64 },
    /// A value of a table, by its row.
    #[cfg(feature = "parquet")]
    Table { row: u64 },
}

impl Place {
    /// A number that in its file is this member's alone: where it is, or its row.
    pub(super) fn offset(&self) -> u64 {
        match self {
            Self::Zip { record, .. } => record.header,
            Self::Tar { start } => *start,
            #[cfg(feature = "parquet")]
            Self::Table { row } => *row,
        }
    }

    /// Where in its file it is, if that is a matter of bytes.
    pub(super) fn byte(&self) -> Option<u64> {
        match self {
            #[cfg(feature = "parquet")]
            Self::Table { .. } => None,
            other => Some(other.offset()),
        }
    }
}
