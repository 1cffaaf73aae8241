//! Pixels scaled to what the net was trained with, `v * scale + shift` for each channel, with zeros around the image.
//!
//! Rows are cut into runs of 48 values: sixteen RGB pixels and a whole number of vectors of every width, so that the
//! channels' factors are the same for each run. The product is rounded before the sum on every instruction set.

use crate::{
    geometry::ConvGeometry,
    isa::{Isa, shells},
    par::Threads,
    row::{Kernel, pick, row, rows},
};

/// Channels of a photo.
pub(crate) const RGB: usize = 3;

/// The number of values in a run.
const RUN: usize = 16 * RGB;

/// The factors of a run: `v * scale + shift`.
pub(crate) struct Factors {
    scale: [f32; RUN],
    shift: [f32; RUN],
}

/// A channel of a pixel as it comes from a decoder (`u8`) or a resize (`f32`): 0 to 255.
pub trait Pixel: Copy + Send + Sync + sealed::Sealed {}

impl Pixel for u8 {}
impl Pixel for f32 {}

pub(crate) mod sealed {
    use super::{RowFn, ScaleRow};

    pub trait Sealed: Sized {
        /// The value as an f32.
        fn value(self) -> f32;
        /// The kernel that scales a row of such pixels.
        #[expect(private_interfaces, reason = "a sealed trait is not for others to call")]
        fn row_fn(row: &ScaleRow) -> RowFn<Self>;
    }

    impl Sealed for u8 {
        #[inline(always)]
        fn value(self) -> f32 {
            f32::from(self)
        }

        #[expect(private_interfaces, reason = "a sealed trait is not for others to call")]
        fn row_fn(row: &ScaleRow) -> RowFn<Self> {
            row.of_u8
        }
    }

    impl Sealed for f32 {
        #[inline(always)]
        fn value(self) -> f32 {
            self
        }

        #[expect(private_interfaces, reason = "a sealed trait is not for others to call")]
        fn row_fn(row: &ScaleRow) -> RowFn<Self> {
            row.of_f32
        }
    }
}

pub(crate) type RowFn<P> = unsafe fn(&[P], &mut [f32], &Factors);

pub(crate) struct ScaleRow {
    pub(crate) kernel: Kernel,
    of_u8: RowFn<u8>,
    of_f32: RowFn<f32>,
}

row!(ScaleRow);

rows! { ScaleRow;
    #[cfg(target_arch = "x86_64")]
    scale_f32_48_avx512: Scale, Avx512, { of_u8: row_avx512::<u8>, of_f32: row_avx512::<f32> };
    #[cfg(target_arch = "x86_64")]
    scale_f32_48_avx2: Scale, Avx2, { of_u8: row_avx2::<u8>, of_f32: row_avx2::<f32> };
    scale_f32_48_portable: Scale, Portable, { of_u8: row_portable::<u8>, of_f32: row_portable::<f32> };
}

/// The number of values in the scaled image of a geometry: its rows with the zeros around them.
#[must_use]
pub fn scaled_len(geometry: &ConvGeometry) -> usize {
    let ((height, _), pads) = (geometry.input(), geometry.pads());
    (pads.top + height + pads.bottom) * scaled_row(geometry)
}

pub(crate) fn scaled_row(geometry: &ConvGeometry) -> usize {
    let ((_, width), pads) = (geometry.input(), geometry.pads());
    (pads.left + width + pads.right) * RGB
}

/// How pixels become what the net expects: `v * scale + shift` for each channel, with zeros around the image.
#[derive(Clone, Copy)]
pub struct Scale<'a> {
    /// The first convolution, whose input the image is: its size and the zeros around it.
    pub geometry: &'a ConvGeometry,
    /// The factors of red, green and blue.
    pub scale: [f32; RGB],
    /// What is added to red, green and blue.
    pub shift: [f32; RGB],
}

/// Scales an image to what the net expects, with zeros around it.
///
/// # Shapes
/// `image` [H, W, 3]; `scaled` [`scaled_len`] values, rows one behind the other.
///
/// # Panics
/// If the lengths do not fit.
pub fn scale_pixels<P: Pixel>(
    threads: &Threads,
    isa: Isa,
    step: &Scale<'_>,
    image: &[P],
    scaled: &mut [f32],
) {
    let Scale { geometry, scale, shift } = *step;
    let ((height, width), pads) = (geometry.input(), geometry.pads());
    assert_eq!(image.len(), height * width * RGB, "an image of {height}x{width}x3");
    assert_eq!(scaled.len(), scaled_len(geometry), "the scaled image of {height}x{width}");
    let factors = Factors {
        scale: std::array::from_fn(|i| scale[i % RGB]),
        shift: std::array::from_fn(|i| shift[i % RGB]),
    };
    let row_fn = P::row_fn(pick(ROWS, isa));
    let rows_in_task = height.div_ceil(threads.count()).max(1);
    let row_len = scaled_row(geometry);
    let mut states = vec![(); threads.count()];
    threads.for_each_chunk(&mut states, scaled, rows_in_task * row_len, |(), task, rows| {
        for (index, row) in rows.chunks_exact_mut(row_len).enumerate() {
            let y = task * rows_in_task + index;
            let Some(y) = y.checked_sub(pads.top).filter(|&y| y < height) else {
                row.fill(0.0);
                continue;
            };
            let (left, rest) = row.split_at_mut(pads.left * RGB);
            let (inside, right) = rest.split_at_mut(width * RGB);
            left.fill(0.0);
            right.fill(0.0);
            // SAFETY: the row of the table was selected by the token of an instruction set that this processor runs.
            unsafe { row_fn(&image[y * width * RGB..][..width * RGB], inside, &factors) };
        }
    });
}

/// One row; compiled for an instruction set by the shells below.
#[inline(always)]
fn body<P: Pixel>(from: &[P], to: &mut [f32], factors: &Factors) {
    let (from_runs, from_rest) = from.as_chunks::<RUN>();
    let (to_runs, to_rest) = to.as_chunks_mut::<RUN>();
    for (to, from) in to_runs.iter_mut().zip(from_runs) {
        for i in 0..RUN {
            to[i] = from[i].value() * factors.scale[i] + factors.shift[i];
        }
    }
    for (i, (to, from)) in to_rest.iter_mut().zip(from_rest).enumerate() {
        *to = from.value() * factors.scale[i] + factors.shift[i];
    }
}

shells! { [P: Pixel](from: &[P], to: &mut [f32], factors: &Factors);
    avx512 row_avx512 = body::<P>;
    avx2 row_avx2 = body::<P>;
    portable row_portable = body::<P>;
}
