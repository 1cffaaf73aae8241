//! Features as a table of columns, in a Parquet file.
//!
//! ```text
//! path       utf8
//! label      dictionary<int32, utf8>            null for a photo without a class
//! sha256     fixed_size_binary[32]              null for a photo that could not be read, as what follows
//! width      uint32
//! height     uint32
//! embedding  fixed_size_list<float32, C>
//! error      utf8                               null for all others
//! ```
//!
//! # Source
//! The format's own pages: apache/parquet-format, for levels and encodings; arrow-rs for the schema in the metadata.

mod read;
mod schema;
mod write;

pub(crate) use read::StoredTable;
pub(crate) use write::TableFile;
