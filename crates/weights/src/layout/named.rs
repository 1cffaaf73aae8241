//! A file's tensors under Keras' names, and the channel counts that their shapes tell.
//!
//! A file does not state its width multiplier; its shapes do. Each channel count stands in several tensors (the
//! kernel's last axis, four BatchNorm vectors, the input axis of the next kernel), and the count that most of
//! them agree on is taken. So a single wrong tensor cannot move the whole net to another width, and it is that
//! tensor that the error names, not its hundred neighbors.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use icecap_graph::{BATCH_NORM, ConvLayer, Part, Scaling, Spec, TOP_BIAS, TOP_KERNEL};
use icecap_kernels::{Shape, Tensor, Threads, in_slabs};

use super::order::AxisOrder;
use crate::container::Container;
use crate::shown::shown;
use crate::{Error, FileHead};

/// Where in a file a tensor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its name in the file.
    pub(crate) name: String,
    /// The order of its axes in the file.
    pub(crate) order: AxisOrder,
}

impl Source {
    /// The tensor `name`, with its axes in Keras' order already.
    pub(crate) fn kept(name: &str) -> Self {
        Self { name: name.to_owned(), order: AxisOrder::Kept }
    }
}

/// What a file's tensors are: the channel counts of the net, its tensors by Keras' names, and what is on its features.
pub(crate) struct Tensors {
    pub(crate) spec: Spec,
    /// With those of the classification top where the head is [`FileHead::Top`].
    pub(crate) tensors: BTreeMap<String, Tensor>,
    pub(crate) head: FileHead,
}

/// A file's tensors under Keras' names.
pub(crate) struct Named<'f> {
    file: &'f Container<'f>,
    sources: BTreeMap<String, Source>,
    /// Where every tensor of a whole file stands, for messages about those that are missing; empty for Keras' own
    /// layout.
    table: BTreeMap<String, Source>,
    /// What the layout has found on the net's features, beside a classification top: then the top is left out.
    head: FileHead,
    scaling: Option<Scaling>,
    notes: Vec<String>,
}

impl<'f> Named<'f> {
    /// Brings together a file, the tensors that it has, and the table of those that a whole file has.
    pub(crate) fn new(
        file: &'f Container<'f>,
        sources: BTreeMap<String, Source>,
        table: BTreeMap<String, Source>,
    ) -> Self {
        let (head, scaling, notes) = (FileHead::None, None, Vec::new());
        Self { file, sources, table, head, scaling, notes }
    }

    /// Says what the file has on the net's features instead of a classification top, whose tensors are then left out.
    pub(crate) fn with_head(self, head: FileHead) -> Self {
        Self { head, ..self }
    }

    /// Says how the file's tensors scale pixels.
    pub(crate) fn with_scaling(self, scaling: Option<Scaling>) -> Self {
        Self { scaling, ..self }
    }

    /// Returns the scaling of pixels that the file's tensors say; `None` if they say nothing of it.
    pub(crate) fn scaling(&self) -> Option<Scaling> {
        self.scaling
    }

    /// Adds what the person who opens the file should know.
    pub(crate) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Returns what the person who opens the file should know of its tensors.
    pub(crate) fn notes(&self) -> Vec<String> {
        let types: BTreeSet<&str> =
            self.sources.values().filter_map(|source| self.file.dtype(&source.name)).collect();
        let others: Vec<&str> = types.into_iter().filter(|dtype| *dtype != "F32").collect();
        let mut notes = self.notes.clone();
        if !others.is_empty() {
            notes.push(format!("values of {} become F32", others.join(" and ")));
        }
        notes
    }

    /// Returns the file's own name of a tensor, also of one that is missing.
    fn called(&self, name: &str) -> Option<&str> {
        self.sources.get(name).or_else(|| self.table.get(name)).map(|source| source.name.as_str())
    }

    /// Returns the byte of the file at which the value at `index` of a tensor stands; the tensor's first byte if its
    /// axes are reordered.
    fn offset(&self, name: &str, index: usize) -> Option<u64> {
        let source = self.sources.get(name)?;
        let start = self.file.offset(&source.name)?;
        match source.order {
            AxisOrder::Kept => Some(start + (index * self.file.value_bytes(&source.name)) as u64),
            _ => Some(start),
        }
    }

    /// Returns the shape of a tensor in Keras' order of axes.
    fn shape(&self, name: &str) -> Option<Shape> {
        let source = self.sources.get(name)?;
        Some(source.order.shape(self.file.shape(&source.name)?))
    }

    /// Returns the channel counts that the shapes tell, and copies of the tensors. They are copied on `threads`: most
    /// of the time goes into memory that is touched for the first time.
    pub(crate) fn read(&self, threads: &Threads) -> Result<Tensors, Error> {
        let spec = self.spec()?;
        let mut head = match &self.head {
            FileHead::None => self.top(spec.feature_channels()),
            found => found.clone(),
        };
        let has_top = matches!(head, FileHead::Top);
        let mut copies = in_slabs(|| {
            let sources = self.sources.iter().filter(|(name, _)| has_top || !is_top(name));
            let zeros = sources.map(|(name, source)| {
                let (shape, floats) = self.file.values(&source.name)?;
                Ok((name, source.order, shape, floats, Tensor::zeros(source.order.shape(shape))))
            });
            zeros.collect::<Result<Vec<_>, Error>>()
        })?;
        // The largest first, so that no thread is left alone with one at the end.
        copies.sort_by_key(|(.., tensor)| Reverse(tensor.data().len()));
        let tensors = threads.map(copies, |(name, order, shape, floats, mut tensor)| {
            order.copy(shape, &floats.singles(), tensor.data_mut());
            (name.clone(), tensor)
        });
        let mut tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
        if let Some(kernel) = tensors.get(TOP_KERNEL) {
            // A dense layer without bias.
            let zeros = Tensor::zeros(Shape::of([kernel.shape().dims()[1]]));
            tensors.entry(TOP_BIAS.to_owned()).or_insert(zeros);
        }
        if let Some(reason) = self.unusable_top(&tensors) {
            tensors.retain(|name, _| !is_top(name));
            head = FileHead::Unreadable { reason };
        }
        Ok(Tensors { spec, tensors, head })
    }

    /// Returns the channel counts of the net, told by each convolution and the one behind it.
    fn spec(&self) -> Result<Spec, Error> {
        let layers: Vec<ConvLayer> = ConvLayer::all().collect();
        let mut told = Vec::new();
        for (index, &layer) in layers.iter().enumerate() {
            // What an expansion and a depthwise convolution give follows from what enters their block.
            if matches!(layer.part, Part::Stem | Part::Project | Part::Last) {
                told.push(self.channels(layer, layers.get(index + 1).copied())?);
            }
        }
        let [stem, outputs @ .., last] = told.as_slice() else {
            unreachable!("the net begins and ends with a convolution")
        };
        Spec::from_channels(*stem, outputs, *last).map_err(|source| self.net_error(source))
    }

    /// Returns the number of channels that leave a convolution, as most of the tensors that hold it say; where they are
    /// evenly split, as the kernel says. `next` is the convolution that takes these channels in; behind the last one,
    /// the classification top does.
    fn channels(&self, layer: ConvLayer, next: Option<ConvLayer>) -> Result<usize, Error> {
        let axis = |name: &str, rank: usize, axis: usize| {
            self.shape(name).filter(|shape| shape.rank() == rank).map(|shape| shape.dims()[axis])
        };
        let kernel = layer.kernel();
        let vectors = BATCH_NORM.map(|variable| axis(&layer.vector(variable), 1, 0));
        let next = match next {
            Some(next) => axis(&next.kernel(), 4, 2),
            None => axis(TOP_KERNEL, 2, 0),
        };
        let told: Vec<usize> =
            [axis(&kernel, 4, 3)].into_iter().chain(vectors).chain([next]).flatten().collect();
        let votes = |count: &usize| told.iter().filter(|other| *other == count).count();
        // The last of equals wins a `max_by_key`: from the back, that is the kernel.
        let most = told.iter().rev().max_by_key(|count| votes(count));
        most.copied().ok_or_else(|| self.missing(&kernel))
    }

    /// Returns whether the classification top can be read: the number of its classes stands nowhere else, so its two
    /// tensors are held against each other.
    fn top(&self, features: usize) -> FileHead {
        let called = |name: &str| shown(self.called(name).unwrap_or(name));
        let unreadable = |reason| FileHead::Unreadable { reason };
        match (self.shape(TOP_KERNEL), self.shape(TOP_BIAS)) {
            (None, None) => FileHead::None,
            (None, Some(_)) => unreadable(format!(
                "'{}' is there, and its kernel '{}' is missing",
                called(TOP_BIAS),
                called(TOP_KERNEL)
            )),
            (Some(kernel), bias) => {
                let classes = kernel.dims().last().copied().unwrap_or(0);
                let fits = |bias: Shape| bias == Shape::of([classes]);
                if classes > 0 && kernel.dims() == [features, classes] && bias.is_none_or(fits) {
                    return FileHead::Top;
                }
                let bias = bias.map_or("none".to_owned(), |bias| bias.to_string());
                unreadable(format!(
                    "'{}' has shape {kernel} and its bias {bias}; expected [{features}, classes] and [classes]",
                    called(TOP_KERNEL)
                ))
            }
        }
    }

    /// Says which value of the classification top is no number.
    fn unusable_top(&self, tensors: &BTreeMap<String, Tensor>) -> Option<String> {
        [TOP_KERNEL, TOP_BIAS].into_iter().find_map(|name| {
            let values = tensors.get(name)?.data();
            let index = values.iter().position(|value| !value.is_finite())?;
            let here = shown(self.called(name).unwrap_or(name));
            let offset =
                self.offset(name, index).map_or(String::new(), |at| format!(" (byte {at} of the file)"));
            Some(format!("'{here}' holds {} at index {index}; save or train it anew{offset}", values[index]))
        })
    }

    fn missing(&self, tensor: &str) -> Error {
        let tensor = self.called(tensor).unwrap_or(tensor).to_owned();
        Error::MissingTensor { path: self.file.path().into(), tensor }
    }

    /// Turns an error about tensors by Keras' names into one that names them as the file does.
    pub(crate) fn net_error(&self, source: icecap_graph::Error) -> Error {
        use icecap_graph::Error as NetError;
        let (name, index) = match &source {
            NetError::TensorShape { name, .. }
            | NetError::ExtraTensor { name }
            | NetError::MissingTensor { name, .. } => (Some(name), 0),
            NetError::TensorValue { name, index, .. } => (Some(name), *index),
            _ => (None, 0),
        };
        let offset = name.and_then(|name| self.offset(name, index));
        let here = name.and_then(|name| self.called(name).filter(|here| here != name)).map(str::to_owned);
        Error::Net { path: self.file.path().into(), offset, here, source: Box::new(source) }
    }
}

fn is_top(name: &str) -> bool {
    name == TOP_KERNEL || name == TOP_BIAS
}
