//! Containers: kinds of files that hold named tensors.
//!
//! A container is told by its first bytes, never by its file's name. Each gives the same: names, shapes, where values
//! stand, and the values as little-endian f32, last axis fastest. Parsing a file checks all of it that will be used, so
//! that what follows cannot fail on it; values are borrowed from the file where they lie there in one run.

mod contents;
mod element;
mod foreign;
mod graph_file;
#[cfg(test)]
mod graph_hostile;
pub mod hdf5;
mod keras_archive;
mod kind;
mod limit;
mod onnx;
#[cfg(test)]
mod round_trip;
pub mod safetensors;
mod tflite;
mod torch;
mod zip;

use std::path::Path;

use crate::Error;
pub use contents::Container;
pub(crate) use contents::{Dict, Entry, MODEL_CONFIG, Values, dtype_error};
pub(crate) use element::Element;
#[cfg(feature = "files")]
pub(crate) use foreign::folder as foreign_folder;
pub(crate) use foreign::refuse as foreign_file;
pub use kind::ContainerKind;
pub use limit::{MAX_FILE, MAX_NAME, MAX_TENSORS};
pub(crate) use limit::{MAX_MODEL_CONFIG, check_name, limit};

impl ContainerKind {
    /// Returns the kind that the bytes of a file tell; `None` if they are of no kind that is read.
    #[must_use]
    pub fn recognize(bytes: &[u8]) -> Option<Self> {
        let hdf5 = hdf5::find(bytes);
        if hdf5 == Some(0) {
            return Some(Self::Hdf5);
        }
        // Both are zip archives; only a look inside tells.
        if bytes.starts_with(zip::MAGIC) {
            return Some(if keras_archive::is(bytes) { Self::KerasArchive } else { Self::TorchZip });
        }
        if tflite::is(bytes) {
            return Some(Self::Tflite);
        }
        // Before the header stands its length, which looks like anything, a pickle's start among it.
        if bytes.get(8) == Some(&b'{') {
            return Some(Self::Safetensors);
        }
        if onnx::is(bytes) {
            return Some(Self::Onnx);
        }
        if torch::is_pickle(bytes) {
            return Some(Self::TorchPickle);
        }
        // Last, because another kind's values could be these bytes too.
        hdf5.map(|_| Self::Hdf5)
    }
}

impl<'a> Container<'a> {
    /// Checks a whole file held in memory and lists its tensors. Errors call it `path`.
    ///
    /// # Errors
    /// [`Error::UnknownContainer`] if the first bytes are those of no known kind; else what the reader of its kind
    /// finds wrong, with the byte or the tensor.
    pub fn parse(bytes: &'a [u8], path: &Path) -> Result<Self, Error> {
        limit(path, "bytes", bytes.len() as u64, MAX_FILE)?;
        match ContainerKind::recognize(bytes) {
            Some(ContainerKind::Safetensors) => safetensors::parse(bytes, path),
            Some(ContainerKind::Hdf5) => hdf5::parse(bytes, path),
            Some(ContainerKind::KerasArchive) => keras_archive::parse(bytes, path),
            Some(ContainerKind::TorchZip) => match foreign::zip(bytes, path) {
                Some(error) => Err(error),
                None => torch::parse_zip(bytes, path),
            },
            Some(ContainerKind::Tflite) => tflite::parse(bytes, path),
            Some(ContainerKind::Onnx) => onnx::parse(bytes, path),
            Some(ContainerKind::TorchPickle) => torch::parse_pickle(bytes, path),
            None => Err(foreign::refuse(bytes, path)),
        }
    }
}
