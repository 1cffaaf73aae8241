//! A file's tensors under Keras' names, and the channel counts that their shapes tell.
//!
//! A file does not state its width multiplier; its shapes do. Each channel count stands in several tensors (the
//! kernel's last axis, four BatchNorm vectors, the input axis of the next kernel), and the count that most of
//! them agree on is taken. So a single wrong tensor cannot move the whole net to another width, and it is that
//! tensor that the error names, not its hundred neighbors.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use icecap_graph::{BATCH_NORM, BLOCKS, Spec};
use icecap_kernels::{Shape, Tensor, Threads, in_slabs};

use super::{AxisOrder, TOP_BIAS, TOP_KERNEL};
use crate::Error;
use crate::container::Container;

/// Where a tensor comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its name in the file.
    pub(crate) name: String,
    /// How its axes stand there.
    pub(crate) order: AxisOrder,
}

impl Source {
    /// A tensor as it stands in the file.
    pub(crate) fn kept(name: &str) -> Self {
        Self { name: name.to_owned(), order: AxisOrder::Kept }
    }
}

/// A file's tensors under Keras' names.
pub(crate) struct Named<'f> {
    file: &'f Container<'f>,
    sources: BTreeMap<String, Source>,
    /// Where a tensor would stand that is not in `sources`; empty where that is under Keras' own name.
    table: BTreeMap<String, Source>,
}

impl<'f> Named<'f> {
    /// `sources` name tensors of `file`, `table` those that a whole file has, where they are called otherwise than by
    /// Keras.
    pub(crate) fn new(
        file: &'f Container<'f>,
        sources: BTreeMap<String, Source>,
        table: BTreeMap<String, Source>,
    ) -> Self {
        Self { file, sources, table }
    }

    /// What the file calls a tensor, or would call it.
    fn called(&self, name: &str) -> Option<&str> {
        self.sources.get(name).or_else(|| self.table.get(name)).map(|source| source.name.as_str())
    }

    /// The file's bytes from here on hold the value at `index` of a tensor, where they hold it as it is.
    fn offset(&self, name: &str, index: usize) -> Option<u64> {
        let source = self.sources.get(name)?;
        let start = self.file.offset(&source.name)?;
        match source.order {
            AxisOrder::Kept => Some(start + (index * size_of::<f32>()) as u64),
            _ => Some(start),
        }
    }

    /// The shape of a tensor in Keras' order of axes.
    fn shape(&self, name: &str) -> Option<Shape> {
        let source = self.sources.get(name)?;
        Some(source.order.shape(self.file.shape(&source.name)?))
    }

    /// The channel counts that the shapes tell, and the tensors, copied on `threads`: most of the time goes into memory
    /// that is touched for the first time.
    pub(crate) fn read(&self, threads: &Threads) -> Result<(Spec, BTreeMap<String, Tensor>), Error> {
        let spec = self.spec()?;
        self.check_top(spec.feature_channels())?;
        let mut copies = in_slabs(|| {
            let zeros = self.sources.iter().map(|(name, source)| {
                let (shape, bytes) = self.file.values(&source.name)?;
                Ok((name, source.order, shape, bytes, Tensor::zeros(source.order.shape(shape))))
            });
            zeros.collect::<Result<Vec<_>, Error>>()
        })?;
        // The largest first, so that no thread is left alone with one at the end.
        copies.sort_by_key(|(.., tensor)| Reverse(tensor.data().len()));
        let tensors = threads.map(copies, |(name, order, shape, bytes, mut tensor)| {
            order.copy(shape, bytes, tensor.data_mut());
            (name.clone(), tensor)
        });
        Ok((spec, tensors.into_iter().collect()))
    }

    fn spec(&self) -> Result<Spec, Error> {
        let prefix = |block: usize| match block {
            0 => "expanded_conv".to_owned(),
            _ => format!("block_{block}"),
        };
        let stem = self.channels("Conv1", "bn_Conv1", ("expanded_conv_depthwise/kernel", 2))?;
        let outputs: Result<Vec<usize>, Error> = (0..BLOCKS)
            .map(|block| {
                let project = format!("{}_project", prefix(block));
                let next = match block + 1 {
                    BLOCKS => "Conv_1/kernel".to_owned(),
                    next => format!("{}_expand/kernel", prefix(next)),
                };
                self.channels(&project, &format!("{project}_BN"), (&next, 2))
            })
            .collect();
        let head = self.channels("Conv_1", "Conv_1_bn", (TOP_KERNEL, 0))?;
        Spec::from_channels(stem, &outputs?, head).map_err(|source| self.net_error(source))
    }

    /// Channels that leave the convolution `conv`: what most of the tensors that hold this count say, the kernel
    /// first where they are of two minds. `next` is the tensor, and its axis, that takes these channels in.
    fn channels(&self, conv: &str, norm: &str, next: (&str, usize)) -> Result<usize, Error> {
        let axis = |name: &str, rank: usize, axis: usize| {
            self.shape(name).filter(|shape| shape.rank() == rank).map(|shape| shape.dims()[axis])
        };
        let kernel = format!("{conv}/kernel");
        let vectors = BATCH_NORM.map(|variable| axis(&format!("{norm}/{variable}"), 1, 0));
        let next = axis(next.0, if next.1 == 0 { 2 } else { 4 }, next.1);
        let told: Vec<usize> =
            [axis(&kernel, 4, 3)].into_iter().chain(vectors).chain([next]).flatten().collect();
        let votes = |count: &usize| told.iter().filter(|other| *other == count).count();
        // The last of equals wins a `max_by_key`: from the back, that is the kernel.
        let most = told.iter().rev().max_by_key(|count| votes(count));
        most.copied().ok_or_else(|| self.missing(&kernel))
    }

    /// Where a file has one of the top's tensors, it needs both, and they must fit: the number of classes stands
    /// nowhere else.
    fn check_top(&self, features: usize) -> Result<(), Error> {
        let (kernel, bias) = match (self.shape(TOP_KERNEL), self.shape(TOP_BIAS)) {
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(self.missing(TOP_BIAS)),
            (None, Some(_)) => return Err(self.missing(TOP_KERNEL)),
            (Some(kernel), Some(bias)) => (kernel, bias),
        };
        let classes = bias.dims().first().copied().unwrap_or(0);
        if classes == 0 || bias != Shape::of([classes]) || kernel.dims() != [features, classes] {
            let (kernel, bias) = (kernel.to_string(), bias.to_string());
            return Err(Error::Top { path: self.file.path().into(), kernel, bias, features });
        }
        Ok(())
    }

    fn missing(&self, tensor: &str) -> Error {
        let tensor = self.called(tensor).unwrap_or(tensor).to_owned();
        Error::MissingTensor { path: self.file.path().into(), tensor }
    }

    /// The error for tensors that make no net, with what the file calls the one in question.
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
