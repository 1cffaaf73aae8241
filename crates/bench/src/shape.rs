//! The sizes that one operation is measured with.

use icecap_kernels::{ConvGeometry, Size};

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
