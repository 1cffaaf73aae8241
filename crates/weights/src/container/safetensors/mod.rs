//! The safetensors container: eight bytes of header length, a JSON header, raw little-endian values.
//!
//! ```text
//! u64 n | {"__metadata__": {"key": "text", …}, "name": {"dtype": "F32", "shape": […], "data_offsets": [from, to]}, …} | data
//! ```
//!
//! # Source
//! The format's page in huggingface/safetensors; the attacks kept beside it.

mod read;
mod write;

pub use super::element::Element;
pub use read::parse;
#[cfg(feature = "files")]
pub(crate) use read::{parse_some, values};
pub use write::{check_header_length, header, pad_header};

/// The size of the longest header that is read or written, in bytes.
pub const MAX_HEADER: u64 = 1 << 20;

/// Bytes before the header: its length.
const PREFIX: usize = 8;
/// The header's key that is no tensor.
const METADATA: &str = "__metadata__";
