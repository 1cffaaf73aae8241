//! Bounds on what one photo may ask for, checked before memory is taken.

use crate::{Error, Result};

/// Bounds on one photo; whichever is reached first refuses it with [`Error::Limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest file, in bytes.
    pub file_bytes: u64,
    /// The longest side, in pixels.
    pub side: u32,
    /// The largest image, in pixels.
    pub pixels: u64,
    /// The most bytes that decoding holds at once: the pixels, and what the format needs beside them.
    pub decoded_bytes: u64,
    /// The most scans of a progressive JPEG. Usual encoders write 10.
    pub scans: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 64 << 20, side: 16_384, pixels: 50_000_000, decoded_bytes: 256 << 20, scans: 100 }
    }
}

impl Limits {
    /// Checks a file's length in bytes.
    pub(crate) fn check_file(&self, bytes: u64) -> Result<()> {
        check("a file size in bytes", bytes, self.file_bytes)
    }

    /// Checks the sides of an image in pixels, as its header states them.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<()> {
        check("an image side in pixels", u64::from(width.max(height)), u64::from(self.side))?;
        check("an image size in pixels", u64::from(width) * u64::from(height), self.pixels)
    }

    /// Checks the bytes that decoding will hold.
    pub(crate) fn check_decoded(&self, bytes: u64) -> Result<()> {
        check("a decoded size in bytes", bytes, self.decoded_bytes)
    }
}

/// Refuses `got` with [`Error::Limit`] if it is above `limit`.
pub(crate) fn check(what: &'static str, got: u64, limit: u64) -> Result<()> {
    if got > limit { Err(Error::Limit { what, got, limit }) } else { Ok(()) }
}
