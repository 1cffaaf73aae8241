//! Where a photo comes from: a file, a file's bytes, or pixels in memory.

use std::path::{Path, PathBuf};

use icecap_data::{Loader, OpenPhoto, Result, TablePlace, table_place};

/// A photo that can be read, borrowed from whoever holds it.
///
/// The same photo gives the same features by whichever door it comes in. [`OwnedSource`] is the kind that owns its photo.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// The file at this path.
    Path(&'a Path),
    /// The bytes of a file: JPEG, PNG, GIF, BMP or WebP.
    Bytes(&'a [u8]),
    /// Decoded pixels, upright: nothing is known of an EXIF orientation, so none is applied.
    Rgb {
        /// The pixels, `[height, width, 3]`: row by row, red, green and blue from 0 to 255.
        pixels: &'a [u8],
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
}

impl<'a> Source<'a> {
    /// Reads and hashes the photo with `loader`, so that a cache can be asked before it is decoded.
    ///
    /// The hash of a file is that of its bytes; the hash of pixels is that of the pixels with their size, so a file and the
    /// pixels that it decodes to have different ones.
    ///
    /// # Errors
    /// What [`Loader::open`], [`Loader::open_bytes`] and [`Loader::open_rgb`] return: a file that cannot be read, bytes
    /// that are none, pixels that do not fit their size, and whatever is above the loader's limits.
    pub fn open(self, loader: &'a mut Loader) -> Result<OpenPhoto<'a>> {
        match self {
            Self::Path(path) => loader.open(path),
            Self::Bytes(bytes) => loader.open_bytes(bytes),
            Self::Rgb { pixels, width, height } => loader.open_rgb(pixels, width, height),
        }
    }

    /// Where the photo lies in a table, by which those of one are read in turn.
    pub(crate) fn table_place(self) -> Option<TablePlace> {
        match self {
            Self::Path(path) => table_place(path),
            Self::Bytes(_) | Self::Rgb { .. } => None,
        }
    }
}

/// A photo that can be read, with the memory that holds it; [`OwnedSource::source`] lends it as a [`Source`].
#[derive(Clone, PartialEq, Eq)]
pub enum OwnedSource {
    /// The file at this path.
    Path(PathBuf),
    /// The bytes of a file: JPEG, PNG, GIF, BMP or WebP.
    Bytes(Vec<u8>),
    /// Decoded pixels, upright.
    Rgb {
        /// The pixels, `[height, width, 3]`: row by row, red, green and blue from 0 to 255.
        pixels: Vec<u8>,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
}

impl OwnedSource {
    /// Returns the photo as a source that borrows from this one.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        match self {
            Self::Path(path) => Source::Path(path),
            Self::Bytes(bytes) => Source::Bytes(bytes),
            Self::Rgb { pixels, width, height } => Source::Rgb { pixels, width: *width, height: *height },
        }
    }
}

/// Sizes instead of contents: a dataset is printed in a line and not in megabytes.
impl std::fmt::Debug for OwnedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Rgb { width, height, .. } => write!(f, "{width}x{height} pixels"),
        }
    }
}
