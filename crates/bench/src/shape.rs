//! The sizes that one operation is measured with.

use icecap_kernels::{ConvGeometry, Isa, Kernel, Operation, Size, Task};

use crate::gradient_shape::GradientShape;
use crate::integer_shape::{IntegerShape, depthwise_words, stem_words};

/// The photo that the resize kernel is measured with: 500x375 is usual in data sets.
pub(crate) const PHOTO: Size = Size { height: 375, width: 500 };

/// The sizes of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// An operation on f32, or on a photo.
    Real(RealShape),
    /// Gradients of an operation on f32.
    Gradient(GradientShape),
    /// A step of decoding a JPEG.
    Jpeg(JpegShape),
    /// An operation in integers.
    Integer(IntegerShape),
}

/// A step of decoding a JPEG of [`PHOTO`]'s size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum JpegShape {
    InverseDct,
    Triangle,
    YccToRgb,
}

impl JpegShape {
    pub(crate) const ALL: [Self; 3] = [Self::InverseDct, Self::Triangle, Self::YccToRgb];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InverseDct => "inverse_dct",
            Self::Triangle => "triangle",
            Self::YccToRgb => "ycc_to_rgb",
        }
    }

    fn operation(self) -> Operation {
        match self {
            Self::InverseDct => Operation::InverseDct,
            Self::Triangle => Operation::Triangle,
            Self::YccToRgb => Operation::YccToRgb,
        }
    }

    fn task(self) -> Task {
        match self {
            Self::InverseDct => Task::InverseDct,
            Self::Triangle => Task::Triangle,
            Self::YccToRgb => Task::YccToRgb,
        }
    }
}

/// The sizes of one operation on f32, or on a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RealShape {
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
    Scale {
        geometry: ConvGeometry,
    },
    Stem {
        geometry: ConvGeometry,
        outputs: usize,
    },
    Pool {
        height: usize,
        width: usize,
        channels: usize,
    },
    Dense {
        inputs: usize,
        outputs: usize,
    },
    /// From [`PHOTO`].
    Resize {
        to: Size,
    },
}

impl Shape {
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::Real(shape) => shape.operation(),
            Self::Gradient(shape) => shape.operation(),
            Self::Jpeg(shape) => shape.operation(),
            Self::Integer(shape) => shape.operation(),
        }
    }

    /// The sizes in words, such as `80x80 16-96` or `40x40x144 s2`.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Real(shape) => shape.words(),
            Self::Gradient(shape) => shape.words(),
            Self::Jpeg(_) => format!("{}x{}", PHOTO.height, PHOTO.width),
            Self::Integer(shape) => shape.words(),
        }
    }

    /// The kernels that compute the operation on these sizes under `isa`.
    pub(crate) fn uses(self, isa: Isa) -> Vec<Kernel> {
        isa.uses(match self {
            Self::Real(shape) => shape.task(),
            Self::Gradient(shape) => shape.task(),
            Self::Jpeg(shape) => shape.task(),
            Self::Integer(shape) => shape.task(),
        })
    }
}

impl RealShape {
    fn operation(self) -> Operation {
        match self {
            Self::Pointwise { .. } => Operation::Pointwise,
            Self::Depthwise { geometry, .. } if geometry.stride() == 1 => Operation::DepthwiseStride1,
            Self::Depthwise { .. } => Operation::DepthwiseStride2,
            Self::Scale { .. } => Operation::Scale,
            Self::Stem { .. } => Operation::Stem,
            Self::Pool { .. } => Operation::Pool,
            Self::Dense { .. } => Operation::Dense,
            Self::Resize { .. } => Operation::Resize,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Pointwise { height, width, inputs, outputs } => {
                format!("{height}x{width} {inputs}-{outputs}")
            }
            Self::Depthwise { geometry, channels } => depthwise_words(&geometry, channels),
            Self::Scale { geometry } => format!("{}x{}x3", geometry.input().0, geometry.input().1),
            Self::Stem { geometry, outputs } => stem_words(&geometry, outputs),
            Self::Pool { height, width, channels } => format!("{height}x{width}x{channels}"),
            Self::Dense { inputs, outputs } => format!("{inputs}-{outputs}"),
            Self::Resize { to } => {
                format!("{}x{}-{}x{}", PHOTO.height, PHOTO.width, to.height, to.width)
            }
        }
    }

    fn task(self) -> Task {
        match self {
            Self::Pointwise { inputs, outputs, .. } => Task::Pointwise { inputs, outputs },
            Self::Depthwise { geometry, .. } => Task::Depthwise(geometry),
            Self::Scale { .. } => Task::Scale,
            Self::Stem { outputs, .. } => Task::Stem { outputs },
            Self::Pool { .. } => Task::Pool,
            Self::Dense { .. } => Task::Dense,
            Self::Resize { .. } => Task::Resize,
        }
    }
}
