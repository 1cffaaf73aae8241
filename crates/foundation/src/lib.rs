//! What the crates for weights and for photos both stand on, and what knows nothing of either.
//!
//! - [`Digest`]: the SHA-256 of a file, of a photo's content or of a net, with [`Hasher`] for bytes that come in pieces.
//! - `atomic_file` (feature `files`): files that are replaced in one step, so that a reader finds the old one or the
//!   whole new one, whatever happens in between.
//! - `regular_file` (feature `files`): opening what may stand in the place of a file of ours.
//! - [`read_at`]: bytes at offsets, of memory or (feature `files`) of a file.
//! - [`zip`]: the entries of zip archives, read from memory or from a file.
//! - [`date`]: days and moments, in UTC.
//! - [`shown`]: names and text from a file, fit to be shown.
//! - [`did_you_mean`]: which of the names that exist a mistyped one was meant to be.
#![forbid(unsafe_code)]

#[cfg(feature = "files")]
pub mod atomic_file;
pub mod date;
pub mod did_you_mean;
mod digest;
pub mod read_at;
#[cfg(feature = "files")]
pub mod regular_file;
pub mod shown;
#[cfg(feature = "files")]
mod temporary;
pub mod zip;

pub use digest::{Digest, Hasher, NotADigest};
