//! The sizes that one operation is measured with.

use icecap_kernels::{ConvGeometry, Isa, Kernel, Size, Task};

/// The photo that the resize kernel is measured with: 500x375 is usual in data sets.
pub(crate) const PHOTO: Size = Size { height: 375, width: 500 };

/// The sizes of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
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
        pixels: usize,
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
    /// The kernels that compute the operation on these sizes under `isa`.
    pub(crate) fn uses(self, isa: Isa) -> Vec<Kernel> {
        isa.uses(match self {
            Self::Pointwise { inputs, outputs, .. } => Task::Pointwise { inputs, outputs },
            Self::Depthwise { geometry, .. } => Task::Depthwise(geometry),
            Self::Scale { .. } => Task::Scale,
            Self::Stem { outputs, .. } => Task::Stem { outputs },
            Self::Pool { .. } => Task::Pool,
            Self::Dense { .. } => Task::Dense,
            Self::Resize { .. } => Task::Resize,
        })
    }
}
