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
    /// The limits for photos of up to [`Limits::PIXELS`].
    fn default() -> Self {
        Self::of_pixels(Self::PIXELS)
    }
}

/// What decoding one photo may hold on every thread at once. A photo that needs more waits until no other one does.
pub(crate) const SHARED_BYTES: u64 = 256 << 20;

impl Limits {
    /// The largest image by default, in pixels: those of 108-megapixel phones are below it.
    pub const PIXELS: u64 = 120_000_000;

    /// Returns the limits for photos of up to this many pixels: sides of up to 65,535 pixels, 12 bytes a pixel while a photo
    /// is decoded (a progressive JPEG takes 9, 16 bits and alpha 11), 2 bytes a pixel in the file, and for both at least what
    /// small photos may take.
    ///
    /// Photos whose decoding takes more than 256 MiB are decoded one at a time by the loaders that share a
    /// [`Turn`](crate::Turn), whatever the number of threads.
    #[must_use]
    pub fn of_pixels(pixels: u64) -> Self {
        Self {
            file_bytes: pixels.saturating_mul(2).max(64 << 20),
            side: 65_535,
            pixels,
            decoded_bytes: pixels.saturating_mul(12).max(SHARED_BYTES),
            scans: 100,
        }
    }

    /// These limits for photos that are decoded on every thread at once; `None` if all are such photos.
    pub(crate) fn shared(&self) -> Option<Self> {
        (self.decoded_bytes > SHARED_BYTES).then_some(Self { decoded_bytes: SHARED_BYTES, ..*self })
    }

    /// Checks a file's length in bytes.
    pub(crate) fn check_file(&self, bytes: u64) -> Result<()> {
        check("a file size in bytes", bytes, self.file_bytes)
    }

    /// The error of an image with a side that no header could state.
    pub(crate) fn large_side(&self, side: usize) -> Error {
        Error::Limit { what: SIDE, got: side as u64, limit: u64::from(self.side) }
    }

    /// Checks the sides of an image in pixels, as its header states them.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<()> {
        check(SIDE, u64::from(width.max(height)), u64::from(self.side))?;
        check("an image size in pixels", u64::from(width) * u64::from(height), self.pixels)
    }

    /// Checks the bytes that decoding will hold.
    pub(crate) fn check_decoded(&self, bytes: u64) -> Result<()> {
        check("a decoded size in bytes", bytes, self.decoded_bytes)
    }
}

/// What errors call the sides of an image.
const SIDE: &str = "an image side in pixels";

/// Refuses `got` with [`Error::Limit`] if it is above `limit`.
pub(crate) fn check(what: &'static str, got: u64, limit: u64) -> Result<()> {
    if got > limit { Err(Error::Limit { what, got, limit }) } else { Ok(()) }
}
