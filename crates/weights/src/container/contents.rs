//! What a container holds: named tensors, and texts beside them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use icecap_kernels::{Shape, Tensor};

use super::ContainerKind;
use super::element::Element;
use crate::Error;
use crate::dense_head::FileHead;
use crate::shown::shown;

/// The key of Keras' description of a whole model in [`Container::metadata`].
pub(crate) const MODEL_CONFIG: &str = "model_config";

/// The named tensors and texts of a file whose container was checked whole. Values are copied out of it by name.
///
/// A checkpoint of PyTorch's may hold several dicts of tensors; one of them is in hand, at first the one with the most.
#[derive(Debug)]
pub struct Container<'a> {
    pub(super) path: PathBuf,
    pub(super) kind: ContainerKind,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) entries: BTreeMap<String, Entry<'a>>,
    pub(super) told: Told,
    /// The keys behind which the dict in hand stands, joined by points; empty for what is the whole file.
    pub(super) place: String,
    /// The other dicts.
    pub(super) others: Vec<Dict<'a>>,
    /// What was passed over, by the names of its classes.
    pub(super) passed_over: Vec<String>,
}

/// What a file says beside its tensors, where its format has a way to say it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The head of a graph; `None` for files that hold no graph.
    pub(crate) head: Option<FileHead>,
    /// Sentences for a person: what was assumed, converted or left out.
    pub(crate) notes: Vec<String>,
    /// The names of the classes in the order of the outputs, if the file states them.
    pub(crate) labels: Option<Vec<String>>,
}

/// One of several dicts of tensors in a file.
#[derive(Debug)]
pub(crate) struct Dict<'a> {
    /// The keys behind which it stands, joined by points.
    pub(crate) place: String,
    /// The names of its tensors.
    pub(crate) names: Vec<String>,
    /// Its tensors, or what is wrong with one of them, which matters only if the dict is wanted.
    pub(crate) entries: Result<BTreeMap<String, Entry<'a>>, Error>,
}

/// A tensor in a file.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) shape: Shape,
    /// Where the values start, from the start of the file.
    pub(crate) offset: u64,
    pub(crate) values: Values<'a>,
}

/// Floats as they stand in a file, little-endian.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floats<'c> {
    element: Element,
    bytes: &'c [u8],
}

impl<'c> Floats<'c> {
    /// Returns the values as f32, little-endian; copies of them if they are of another width.
    pub(crate) fn singles(self) -> Cow<'c, [[u8; 4]]> {
        self.element.singles(self.bytes)
    }
}

/// The values of a tensor in a file.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    /// f32, little-endian, last axis fastest; as many as the shape says.
    F32(Cow<'a, [u8]>),
    /// Values of another type, little-endian, last axis fastest; as many as the shape says.
    Typed(Element, Cow<'a, [u8]>),
    /// Values of a type that is not read, by its name.
    Other(String),
}

impl<'a> Container<'a> {
    pub(crate) fn new(
        path: &Path,
        kind: ContainerKind,
        metadata: BTreeMap<String, String>,
        entries: BTreeMap<String, Entry<'a>>,
    ) -> Self {
        let (place, others, passed_over) = (String::new(), Vec::new(), Vec::new());
        let told = Told::default();
        Self { path: path.into(), kind, metadata, entries, told, place, others, passed_over }
    }

    /// Returns what the file says beside its tensors.
    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// Makes the dict in hand one of several: `others` are the ones beside it, at their places.
    pub(crate) fn among(mut self, place: String, others: Vec<Dict<'a>>, passed_over: Vec<String>) -> Self {
        (self.place, self.others, self.passed_over) = (place, others, passed_over);
        self
    }

    /// Returns the keys behind which the dict in hand stands in its file, joined by points; empty where it is the whole
    /// file.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Returns the dicts of tensors in the file that are not in hand.
    pub(crate) fn others(&self) -> &[Dict<'a>] {
        &self.others
    }

    /// Returns the classes of the objects in a pickle that were passed over: none was made, nothing was run.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// Takes another dict of the file in hand: the one at this index of [`Container::others`].
    ///
    /// # Errors
    /// What is wrong with one of its tensors.
    pub(crate) fn take(mut self, index: usize) -> Result<Self, Error> {
        let dict = self.others.remove(index);
        (self.place, self.entries) = (dict.place, dict.entries?);
        Ok(self)
    }

    /// Returns the path or label that errors call the file by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the kind of the container.
    #[must_use]
    pub fn kind(&self) -> ContainerKind {
        self.kind
    }

    /// Returns the texts that the file holds beside its tensors: the metadata of a safetensors header; in an HDF5 file,
    /// the names that Keras gave its layers, by group, and its description of the model.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Adds a text to the metadata unless the file has one under this key.
    pub(crate) fn complete(&mut self, key: &str, text: String) {
        self.metadata.entry(key.to_owned()).or_insert(text);
    }

    /// Returns the names of the tensors, in byte order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.keys().map(String::as_str)
    }

    /// Returns the shape of the tensor `name`; `None` if there is none of that name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<Shape> {
        self.entries.get(name).map(|entry| entry.shape)
    }

    /// Returns where the values of the tensor `name` start, in bytes from the start of the file; `None` if there is
    /// none of that name.
    #[must_use]
    pub fn offset(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.offset)
    }

    /// Returns what the container calls the element type of the tensor `name`; `None` if there is none of that name.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|entry| match &entry.values {
            Values::F32(_) => "F32",
            Values::Typed(element, _) => element.name(),
            Values::Other(dtype) => dtype,
        })
    }

    /// Returns how many bytes a value of the tensor `name` takes in the file; 0 for types that are not read.
    pub(crate) fn value_bytes(&self, name: &str) -> usize {
        self.entries.get(name).map_or(0, |entry| match &entry.values {
            Values::F32(_) => Element::F32.size(),
            Values::Typed(element, _) => element.size(),
            Values::Other(_) => 0,
        })
    }

    /// Returns whether the values of the tensor `name` are floats that are read.
    pub(crate) fn is_float(&self, name: &str) -> bool {
        self.entries.get(name).is_some_and(|entry| match &entry.values {
            Values::F32(_) => true,
            Values::Typed(element, _) => element.is_float(),
            Values::Other(_) => false,
        })
    }

    /// Returns a copy of the tensor `name`.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] if there is none of that name; [`Error::Dtype`] if its values are no floats of 16, 32 or 64
    /// bits.
    pub fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let (shape, floats) = self.values(name)?;
        let mut tensor = Tensor::zeros(shape);
        for (value, bytes) in tensor.data_mut().iter_mut().zip(&*floats.singles()) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(tensor)
    }

    /// The shape of a tensor and its values as they stand in the file.
    pub(crate) fn values(&self, name: &str) -> Result<(Shape, Floats<'_>), Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), tensor: shown(name) };
        let entry = self.entries.get(name).ok_or_else(missing)?;
        match &entry.values {
            Values::F32(bytes) => Ok((entry.shape, Floats { element: Element::F32, bytes })),
            Values::Typed(element, bytes) if element.is_float() => {
                Ok((entry.shape, Floats { element: *element, bytes }))
            }
            Values::Typed(element, _) => Err(dtype_error(&self.path, name, entry.offset, element.name())),
            Values::Other(dtype) => Err(dtype_error(&self.path, name, entry.offset, dtype)),
        }
    }

    /// The shape of a tensor of this type and its bytes as they stand in the file; in HDF5 and PyTorch's files there are
    /// floats alone.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] if there is none of that name; [`Error::Tensor`] if it is of another type.
    pub(crate) fn typed(&self, name: &str, element: Element) -> Result<(Shape, &[u8]), Error> {
        let missing = || Error::MissingTensor { path: self.path.clone(), tensor: shown(name) };
        let entry = self.entries.get(name).ok_or_else(missing)?;
        match &entry.values {
            Values::F32(bytes) if element == Element::F32 => Ok((entry.shape, bytes)),
            Values::Typed(got, bytes) if *got == element => Ok((entry.shape, bytes)),
            _ => {
                let got = self.dtype(name).map_or_else(String::new, shown);
                let reason = format!("it is {got}, expected {}", element.name());
                let (path, offset) = (self.path.clone(), entry.offset);
                Err(Error::Tensor { path, tensor: shown(name), offset, reason })
            }
        }
    }
}

/// The error for a tensor whose values are of a type that is not read.
pub(crate) fn dtype_error(path: &Path, tensor: &str, offset: u64, dtype: &str) -> Error {
    Error::Dtype { path: path.into(), tensor: shown(tensor), offset, dtype: shown(dtype) }
}
