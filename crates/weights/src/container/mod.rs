//! Containers: kinds of files that hold named tensors.
//!
//! A container is told by its first bytes, never by its file's name. Each gives the same: names, shapes, where values
//! stand, and the values as little-endian f32, last axis fastest. Parsing a file checks all of it that will be used, so
//! that what follows cannot fail on it; values are borrowed from the file where they lie there in one run.

pub mod hdf5;
mod keras_archive;
pub mod safetensors;
mod torch;
mod zip;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use icecap_kernels::{Shape, Tensor};

use crate::Error;
use crate::error::shown;

/// The longest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 30;
/// The most tensors in a file.
pub const MAX_TENSORS: u64 = 4096;
/// The longest tensor name, in bytes.
pub const MAX_NAME: u64 = 256;
/// The key of Keras' description of a whole model in [`Container::metadata`].
pub(crate) const MODEL_CONFIG: &str = "model_config";
/// The longest such text that is looked into, in bytes: several times what Keras writes. What it is parsed into can take
/// a hundred times as many.
pub(crate) const MAX_MODEL_CONFIG: u64 = 1 << 20;

/// The kind of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContainerKind {
    /// A JSON header and raw values.
    Safetensors,
    /// A tree of groups, as Keras writes it.
    Hdf5,
    /// A zip archive around the HDF5 file `model.weights.h5`: Keras' own `.keras`.
    KerasArchive,
    /// What `torch.save` writes: a zip archive of a pickle and of raw values.
    TorchZip,
    /// What `torch.save` wrote before version 1.6: pickles, and raw values behind them.
    TorchPickle,
}

impl ContainerKind {
    /// The kind that a file's first bytes tell, where they tell any.
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
        // Before the header stands its length, which looks like anything, a pickle's start among it.
        if bytes.get(8) == Some(&b'{') {
            return Some(Self::Safetensors);
        }
        if torch::is_pickle(bytes) {
            return Some(Self::TorchPickle);
        }
        // Last, because another kind's values could be these bytes too.
        hdf5.map(|_| Self::Hdf5)
    }

    /// What errors and people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Hdf5 => "HDF5",
            Self::KerasArchive => "a .keras archive",
            Self::TorchZip => "a PyTorch archive",
            Self::TorchPickle => "a PyTorch file",
        }
    }
}

impl fmt::Display for ContainerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file whose container was checked whole. Values are copied out of it by name.
#[derive(Debug)]
pub struct Container<'a> {
    path: PathBuf,
    kind: ContainerKind,
    metadata: BTreeMap<String, String>,
    entries: BTreeMap<String, Entry<'a>>,
}

/// A tensor in a file.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) shape: Shape,
    /// Where the values start, from the start of the file.
    pub(crate) offset: u64,
    pub(crate) values: Values<'a>,
}

/// The values of a tensor in a file.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    /// f32, little-endian, last axis fastest; as many as the shape says.
    F32(Cow<'a, [u8]>),
    /// Of a type that is not read, by its name.
    Other(String),
}

impl<'a> Container<'a> {
    /// Checks a whole file held in memory. Errors name it by `path`.
    ///
    /// # Errors
    /// [`Error::UnknownContainer`] where its first bytes are those of no known kind; else as the kind's own reader.
    pub fn parse(bytes: &'a [u8], path: &Path) -> Result<Self, Error> {
        limit(path, "bytes", bytes.len() as u64, MAX_FILE)?;
        match ContainerKind::recognize(bytes) {
            Some(ContainerKind::Safetensors) => safetensors::parse(bytes, path),
            Some(ContainerKind::Hdf5) => hdf5::parse(bytes, path),
            Some(ContainerKind::KerasArchive) => keras_archive::parse(bytes, path),
            Some(ContainerKind::TorchZip) => torch::parse_zip(bytes, path),
            Some(ContainerKind::TorchPickle) => torch::parse_pickle(bytes, path),
            None => Err(Error::UnknownContainer { path: path.into() }),
        }
    }

    pub(crate) fn new(
        path: &Path,
        kind: ContainerKind,
        metadata: BTreeMap<String, String>,
        entries: BTreeMap<String, Entry<'a>>,
    ) -> Self {
        Self { path: path.into(), kind, metadata, entries }
    }

    /// What errors call the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ContainerKind {
        self.kind
    }

    /// The texts that a file holds beside the tensors: a safetensors header's, or of an HDF5 file the names that
    /// Keras gave its layers, by group, and its description of the model.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Adds a text to the metadata, where the file has none under this key.
    pub(crate) fn complete(&mut self, key: &str, text: String) {
        self.metadata.entry(key.to_owned()).or_insert(text);
    }

    /// The names of the tensors, in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.keys().map(String::as_str)
    }

    /// The shape of a tensor, where there is one of that name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<Shape> {
        self.entries.get(name).map(|entry| entry.shape)
    }

    /// Where a tensor's values start, in bytes from the start of the file.
    #[must_use]
    pub fn offset(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.offset)
    }

    /// The type of a tensor's values, as the container calls it.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|entry| match &entry.values {
            Values::F32(_) => "F32",
            Values::Other(dtype) => dtype,
        })
    }

    /// A copy of a tensor.
    ///
    /// # Errors
    /// [`Error::MissingTensor`]; [`Error::Dtype`] where its values are not f32.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let (shape, bytes) = self.values(name)?;
        let mut tensor = Tensor::zeros(shape);
        for (value, bytes) in tensor.data_mut().iter_mut().zip(bytes) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(tensor)
    }

    /// The shape of a tensor and its values as they stand in the file.
    pub(crate) fn values(&self, name: &str) -> Result<(Shape, &[[u8; 4]]), Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), tensor: shown(name) };
        let entry = self.entries.get(name).ok_or_else(missing)?;
        match &entry.values {
            Values::F32(bytes) => Ok((entry.shape, bytes.as_chunks().0)),
            Values::Other(dtype) => Err(dtype_error(&self.path, name, entry.offset, dtype)),
        }
    }
}

/// Refuses what is above a limit.
pub(crate) fn limit(path: &Path, what: &'static str, got: u64, limit: u64) -> Result<(), Error> {
    if got > limit {
        return Err(Error::Limit { path: path.into(), what, got, limit });
    }
    Ok(())
}

/// What is wrong with a tensor's name, where anything is.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() as u64 > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {MAX_NAME} bytes without control characters"));
    }
    Ok(())
}

/// The error for a tensor whose values are of a type that is not read.
pub(crate) fn dtype_error(path: &Path, tensor: &str, offset: u64, dtype: &str) -> Error {
    Error::Dtype { path: path.into(), tensor: shown(tensor), offset, dtype: shown(dtype) }
}
