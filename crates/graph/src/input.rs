//! What enters a plan: pixels as bytes or as floats, or the values of a layer.

use std::ops::Range;

use icecap_kernels::{ConvGeometry, Isa, Scale, Threads, scale_pixels};

use crate::{numerics::Scaling, spec::INPUT_CHANNELS};

/// What enters a plan, for one image or for several one behind the other.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Pixels from 0 to 255, [N, H, W, 3].
    U8(&'a [u8]),
    /// Pixels from 0 to 255, unrounded, or the values of the layer that the plan starts behind, [N, H, W, C].
    F32(&'a [f32]),
}

impl Input<'_> {
    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Returns the image of this index, an image having `len` values.
    pub(crate) fn image(&self, index: usize, len: usize) -> Self {
        match self {
            Self::U8(values) => Self::U8(&values[index * len..][..len]),
            Self::F32(values) => Self::F32(&values[index * len..][..len]),
        }
    }
}

/// An image, and how its pixels become what the first convolution reads.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    pub(crate) image: Input<'a>,
    pub(crate) scaling: &'a Scaling,
}

impl Pixels<'_> {
    /// Scales some rows of the image, laid out as `geometry` reads them.
    pub(crate) fn scale(
        &self,
        threads: &Threads,
        isa: Isa,
        geometry: &ConvGeometry,
        rows: Range<usize>,
        scaled: &mut [f32],
    ) {
        let row = geometry.input().1 * INPUT_CHANNELS;
        let pixels = rows.start * row..rows.end * row;
        let step = Scale { geometry, scale: self.scaling.scale, shift: self.scaling.shift };
        match self.image {
            Input::U8(image) => scale_pixels(threads, isa, &step, &image[pixels], scaled),
            Input::F32(image) => scale_pixels(threads, isa, &step, &image[pixels], scaled),
        }
    }
}
