//! The sizes that an operation in integers is measured with, and its products of bytes.

use icecap_graph::{Layer, LayerKind, Part, Precision, int8::is_fine};
use icecap_kernels::{BLOCK, ConvGeometry, Operation, Task, int8::Reading};

/// The sizes of one operation in integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum IntegerShape {
    Stem {
        geometry: ConvGeometry,
        /// The depthwise convolution that reads what it writes.
        next: ConvGeometry,
        outputs: usize,
    },
    Expand {
        /// The depthwise convolution that reads what it writes.
        next: ConvGeometry,
        inputs: usize,
        outputs: usize,
    },
    Depthwise {
        geometry: ConvGeometry,
        channels: usize,
    },
    Project {
        height: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
        /// Whether what the block before gave is added.
        adds: bool,
        /// Whether the next block adds what is written.
        keeps: bool,
    },
    Last {
        height: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
    },
}

impl IntegerShape {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Stem { .. } => Operation::IntegerStem,
            Self::Expand { .. } => Operation::IntegerExpand,
            Self::Depthwise { geometry, .. } if geometry.stride() == 1 => Operation::IntegerDepthwiseStride1,
            Self::Depthwise { .. } => Operation::IntegerDepthwiseStride2,
            Self::Project { .. } => Operation::IntegerProject,
            Self::Last { .. } => Operation::IntegerLast,
        }
    }

    pub(crate) fn words(self) -> String {
        let pointwise = |(height, width): (usize, usize), inputs: usize, outputs: usize| {
            format!("{height}x{width} {inputs}-{outputs}")
        };
        match self {
            Self::Stem { geometry, outputs, .. } => stem_words(&geometry, outputs),
            Self::Expand { next, inputs, outputs } => pointwise(next.input(), inputs, outputs),
            Self::Depthwise { geometry, channels } => depthwise_words(&geometry, channels),
            Self::Project { height, width, inputs, outputs, .. }
            | Self::Last { height, width, inputs, outputs } => pointwise((height, width), inputs, outputs),
        }
    }

    pub(crate) fn task(self) -> Task {
        match self {
            Self::Stem { outputs, .. } => Task::IntegerStem(outputs.next_multiple_of(BLOCK)),
            Self::Expand { next, outputs, .. } => {
                Task::IntegerExpand(outputs.next_multiple_of(BLOCK), next.input().1)
            }
            Self::Depthwise { geometry, .. } => Task::IntegerDepthwise(geometry),
            Self::Project { outputs, .. } => Task::IntegerProject(outputs),
            Self::Last { outputs, .. } => Task::IntegerLast(outputs),
        }
    }
}

/// How a convolution reads a bottleneck of so many channels.
pub(crate) fn reading(channels: usize) -> Reading {
    if is_fine(channels) { Reading::Fine } else { Reading::Bytes }
}

/// Returns the products that `layer` asks for in `precision`, each added to a sum: its multiply-adds, or twice as many where
/// the net in int8 reads a bottleneck of few channels with all bits, as two bytes (`docs/int8.md`).
#[must_use]
pub fn products(layer: &Layer, precision: Precision) -> usize {
    let of_bottleneck = layer.convolution.is_some_and(|conv| matches!(conv.part, Part::Expand | Part::Last));
    let fine = matches!(layer.kind, LayerKind::Pointwise { inputs } if of_bottleneck && is_fine(inputs));
    layer.macs * if precision == Precision::Int8 && fine { 2 } else { 1 }
}

/// The sizes of a depthwise convolution in words.
pub(crate) fn depthwise_words(geometry: &ConvGeometry, channels: usize) -> String {
    let (height, width) = geometry.input();
    format!("{height}x{width}x{channels} s{}", geometry.stride())
}

/// The sizes of the first convolution in words.
pub(crate) fn stem_words(geometry: &ConvGeometry, outputs: usize) -> String {
    let (height, width) = geometry.input();
    format!("{height}x{width} 3-{outputs} s{}", geometry.stride())
}
