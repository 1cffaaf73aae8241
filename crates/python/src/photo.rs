//! Photos as the Python half of the package hands them over.

use std::path::{Path, PathBuf};

use icecap::Source;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyIterator;

/// Photos that are carried to their features at once, before more are taken from their iterator.
const WINDOW: usize = 256;
/// Bytes in memory after which no more photos are taken.
const WINDOW_BYTES: usize = 256 << 20;

/// A photo: the path of its file, the bytes of its file, its pixels, or why there is none.
pub(crate) enum Photo {
    Path(PathBuf),
    Bytes(PyBackedBytes),
    Rgb { pixels: PyBackedBytes, width: usize, height: usize },
    Broken(PyErr),
}

impl Photo {
    /// Reads what `_photos.py` yields: a `str`, `bytes`, a tuple `(pixels, width, height)` or an exception.
    pub(crate) fn of(item: &Bound<'_, PyAny>) -> PyResult<Self> {
        if item.is_instance_of::<PyException>() {
            return Ok(Self::Broken(PyErr::from_value(item.clone())));
        }
        if let Ok(bytes) = item.extract() {
            return Ok(Self::Bytes(bytes));
        }
        if let Ok((pixels, width, height)) = item.extract() {
            return Ok(Self::Rgb { pixels, width, height });
        }
        item.extract().map(Self::Path)
    }

    /// Returns the photo for the library.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn source(&self) -> Result<Source<'_>, &PyErr> {
        match self {
            Self::Path(path) => Ok(Source::Path(path)),
            Self::Bytes(bytes) => Ok(Source::Bytes(bytes)),
            Self::Rgb { pixels, width, height } => Ok(Source::Rgb { pixels, width: *width, height: *height }),
            Self::Broken(error) => Err(error),
        }
    }

    /// Returns the path of the photo's file; `None` for one in memory.
    pub(crate) fn path(&self) -> Option<&Path> {
        if let Self::Path(path) = self { Some(path) } else { None }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) | Self::Rgb { pixels: bytes, .. } => bytes.len(),
            Self::Path(_) | Self::Broken(_) => 0,
        }
    }
}

/// Takes the next photos; there are none once the iterator has ended.
pub(crate) fn window(photos: &mut Bound<'_, PyIterator>) -> PyResult<Vec<Photo>> {
    let (mut window, mut bytes) = (Vec::new(), 0);
    while window.len() < WINDOW && bytes < WINDOW_BYTES {
        let Some(item) = photos.next() else { break };
        let photo = Photo::of(&item?)?;
        bytes += photo.bytes();
        window.push(photo);
    }
    Ok(window)
}
