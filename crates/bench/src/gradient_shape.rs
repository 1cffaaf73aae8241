//! The sizes that the gradients of an operation are measured with.

use icecap_kernels::{ConvGeometry, Operation, Task};

use crate::integer_shape::depthwise_words;

/// Photos whose pixels one gradient of 1x1 weights sums: as many as a training hands over at a time.
pub(crate) const PHOTOS: usize = 8;

/// The sizes of one operation whose gradients are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum GradientShape {
    /// Of the weights, from the pixels of [`PHOTOS`] photos of these sizes.
    Pointwise {
        height: usize,
        width: usize,
        inputs: usize,
        outputs: usize,
    },
    Depthwise {
        geometry: ConvGeometry,
        channels: usize,
    },
    Pool {
        height: usize,
        width: usize,
        channels: usize,
    },
}

impl GradientShape {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Pointwise { .. } => Operation::PointwiseGradient,
            Self::Depthwise { geometry, .. } if geometry.stride() == 1 => Operation::DepthwiseGradientStride1,
            Self::Depthwise { .. } => Operation::DepthwiseGradientStride2,
            Self::Pool { .. } => Operation::PoolGradient,
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            Self::Pointwise { height, width, inputs, outputs } => {
                format!("{PHOTOS}x{height}x{width} {inputs}-{outputs}")
            }
            Self::Depthwise { geometry, channels } => depthwise_words(&geometry, channels),
            Self::Pool { height, width, channels } => format!("{height}x{width}x{channels}"),
        }
    }

    pub(crate) fn task(self) -> Task {
        match self {
            Self::Pointwise { .. } => Task::PointwiseGradient,
            Self::Depthwise { geometry, .. } => Task::DepthwiseGradient(geometry),
            Self::Pool { .. } => Task::PoolGradient,
        }
    }

    /// How many times the multiply-adds of the layer itself there are.
    pub(crate) fn times(self) -> usize {
        match self {
            Self::Pointwise { .. } => PHOTOS,
            // Those of the input and those of the weights.
            Self::Depthwise { .. } => 2,
            Self::Pool { .. } => 0,
        }
    }
}
