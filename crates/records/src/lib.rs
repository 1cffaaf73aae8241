//! Features of photos as rows, in files: [`begin`] writes them while they are made, [`FeatureFile`] reads them back.
//!
//! ```text
//! FeatureRow  path, class, sha256, width and height, and either the features or why there are none
//! .parquet      a table of columns, a row for each photo           written and read, with the feature `parquet`
//! .safetensors  tensors, a row for each photo that could be read   written and read: docs/feature-file.md
//! .csv .jsonl   text, a row for each photo                         written
//! .npy          the numbers alone, a row for each photo            written
//! ```
//!
//! What a file says of itself (which net made its features, from photos how prepared) is its [`Description`].
#![forbid(unsafe_code)]

mod description;
mod error;
mod feature_file;
mod format;
mod new_file;
mod npy;
mod row;
mod sink;
#[cfg(feature = "parquet")]
mod table;
mod tensors;
mod text;

pub use description::Description;
pub use error::Error;
pub use feature_file::{FEATURES_FORMAT, FeatureFile};
pub use format::{Format, UnknownFormat};
#[cfg(feature = "parquet")]
pub use icecap_columns::is_reading;
pub use new_file::begin;
pub use row::{FeatureRow, RowHead, TakeRow};
pub use sink::Sink;
