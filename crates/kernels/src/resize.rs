//! Bilinear resampling of an RGB image exactly as TensorFlow's `tf.image.resize(…, "bilinear")` does it: half-pixel
//! centres, no antialias, sides scaled apart ("squash"), the result in f32 and not rounded.
//!
//! ```text
//! for y, x, c:  in_y = (y + 0.5) * in_h / out_h - 0.5             (in f32, as TensorFlow)
//!               y0 = max(floor(in_y), 0), y1 = min(ceil(in_y), in_h - 1), ty = in_y - floor(in_y)
//!               x0, x1, tx                                        the same from x
//!               top    = in[y0][x0][c] + (in[y0][x1][c] - in[y0][x0][c]) * tx
//!               bottom = in[y1][x0][c] + (in[y1][x1][c] - in[y1][x0][c]) * tx
//!               out[y][x][c] = top + (bottom - top) * ty
//! ```
//!
//! Departures, and why:
//! 1. Rows first. For each output row the two source rows are blended as they lie in memory, which is one run of
//!    contiguous bytes for the vector unit; the horizontal step then gathers from one row of f32 instead of two of
//!    bytes. The order of the two roundings changes the result by about 1e-5 of a grey level.
//! 2. Only the columns between the first and the last one read are blended.
//! 3. A pixel is gathered as four values, the fourth being the next pixel's red, and stored as four: the pixel after
//!    it overwrites the surplus one. Only the last pixel of a row is stored as three.
//!
//! Multiplication and addition stay apart (no fused form), so every instruction set gives the same bits.
//!
//! Badly done: an image reduced by more than about eight times has most of its blended columns thrown away. Its
//! decoding then costs a hundred times what this does.
//!
//! # Source
//! TensorFlow, `core/kernels/image/resize_bilinear_op.cc` and `image_resizer_state.h` (`HalfPixelScaler`).

use crate::Isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::{shell_avx2, shell_avx512};
use crate::registry::{Kernel, row, rows, select};

/// Red, green, blue.
const CHANNELS: usize = 3;
/// Values moved for one pixel.
const MOVED: usize = 4;

/// Where one output line reads: `from[low] + (from[high] - from[low]) * lerp`.
#[derive(Clone, Copy, Debug)]
struct Tap {
    low: usize,
    high: usize,
    lerp: f32,
}

impl Tap {
    /// The tap of output line `at` when `from` lines become lines of `scale = from / to`.
    fn new(at: usize, from: usize, scale: f32) -> Self {
        let position = (at as f32 + 0.5) * scale - 0.5;
        let floor = position.floor();
        let last = from - 1;
        Self {
            low: (floor.max(0.0) as usize).min(last),
            high: (position.ceil().max(0.0) as usize).min(last),
            lerp: position - floor,
        }
    }
}

/// The buffers of [`resize_bilinear_rgb`], reused from image to image. One for each thread.
#[derive(Debug, Default)]
pub struct ResizeScratch {
    columns: Vec<Tap>,
    blended: Vec<f32>,
}

/// Height and width of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Size {
    /// Bytes or values of an RGB image of this size.
    fn values(self) -> usize {
        self.height * self.width * CHANNELS
    }
}

/// Resamples `pixels` to `to` as TensorFlow's bilinear resize without antialias, the sides scaled apart.
///
/// # Shapes
/// `pixels` `[from.height, from.width, 3]`, `out` `[to.height, to.width, 3]`.
///
/// # Units
/// Grey levels, 0 to 255; `out` is not rounded.
///
/// # Panics
/// Where a side is 0 or a slice's length is not its shape's.
///
/// # Cost
/// About `2 * to.height * from.width * 3` byte reads. No allocation once `scratch` has seen the widths.
pub fn resize_bilinear_rgb(
    isa: Isa,
    pixels: &[u8],
    from: Size,
    out: &mut [f32],
    to: Size,
    scratch: &mut ResizeScratch,
) {
    assert!(from.values() > 0 && to.values() > 0, "a side of 0 in {from:?} or {to:?}");
    assert_eq!(pixels.len(), from.values(), "pixels of {from:?}");
    assert_eq!(out.len(), to.values(), "output of {to:?}");
    let scale = from.width as f32 / to.width as f32;
    scratch.columns.clear();
    scratch.columns.extend((0..to.width).map(|x| Tap::new(x, from.width, scale)));
    // One value more, because the last pixel is gathered as four.
    scratch.blended.resize(from.width * CHANNELS + MOVED - CHANNELS, 0.0);
    let job = Job { pixels, from, to };
    // SAFETY: the row was selected by the token of an instruction set that this processor runs.
    unsafe { (select(ROWS, isa)[0].resample)(job, scratch, out) }
}

/// What is resampled to what.
#[derive(Clone, Copy)]
struct Job<'a> {
    pixels: &'a [u8],
    from: Size,
    to: Size,
}

type ResampleFn = unsafe fn(Job<'_>, &mut ResizeScratch, &mut [f32]);

pub(crate) struct ResizeRow {
    pub(crate) kernel: Kernel,
    resample: ResampleFn,
}

row!(ResizeRow);

rows! { ResizeRow;
    #[cfg(target_arch = "x86_64")]
    resize_f32_rows_avx512: Resize, Avx512, { resample: resize_rows_avx512 };
    #[cfg(target_arch = "x86_64")]
    resize_f32_rows_avx2: Resize, Avx2, { resample: resize_rows_avx2 };
    resize_f32_rows_portable: Resize, Portable, { resample: resize_rows };
}

#[cfg(target_arch = "x86_64")]
shell_avx2! {
    fn resize_rows_avx2(job: Job<'_>, scratch: &mut ResizeScratch, out: &mut [f32]) {
        resize_rows(job, scratch, out);
    }
}

#[cfg(target_arch = "x86_64")]
shell_avx512! {
    fn resize_rows_avx512(job: Job<'_>, scratch: &mut ResizeScratch, out: &mut [f32]) {
        resize_rows(job, scratch, out);
    }
}

/// Plain loops that the compiler turns into the vector instructions of the shell around them.
#[inline(always)]
fn resize_rows(job: Job<'_>, scratch: &mut ResizeScratch, out: &mut [f32]) {
    let Job { pixels, from, to } = job;
    let columns = &scratch.columns[..];
    let (Some(first), Some(last)) = (columns.first(), columns.last()) else { return };
    let span = first.low * CHANNELS..(last.high + 1) * CHANNELS;
    let scale = from.height as f32 / to.height as f32;
    let stride = from.width * CHANNELS;
    let mut rest = out;
    for y in 0..to.height {
        let tap = Tap::new(y, from.height, scale);
        let top = &pixels[tap.low * stride..][span.clone()];
        let bottom = &pixels[tap.high * stride..][span.clone()];
        blend(top, bottom, tap.lerp, &mut scratch.blended[span.clone()]);
        gather(&scratch.blended, columns, rest);
        rest = &mut rest[to.width * CHANNELS..];
    }
}

/// `out = top + (bottom - top) * lerp`, value by value.
#[inline(always)]
fn blend(top: &[u8], bottom: &[u8], lerp: f32, out: &mut [f32]) {
    for ((&top, &bottom), out) in top.iter().zip(bottom).zip(out) {
        let top = f32::from(top);
        *out = top + (f32::from(bottom) - top) * lerp;
    }
}

/// One output row: every pixel from the two blended columns of its tap. Writes `columns.len()` pixels to the start
/// of `out`, and for all but the last of them the value behind it, too.
#[inline(always)]
fn gather(blended: &[f32], columns: &[Tap], out: &mut [f32]) {
    let Some((last, most)) = columns.split_last() else { return };
    for (x, tap) in most.iter().enumerate() {
        out[x * CHANNELS..x * CHANNELS + MOVED].copy_from_slice(&pixel(blended, tap));
    }
    let start = most.len() * CHANNELS;
    out[start..start + CHANNELS].copy_from_slice(&pixel(blended, last)[..CHANNELS]);
}

/// The pixel of `tap` and a fourth value that means nothing.
#[inline(always)]
fn pixel(blended: &[f32], tap: &Tap) -> [f32; MOVED] {
    let low = &blended[tap.low * CHANNELS..][..MOVED];
    let high = &blended[tap.high * CHANNELS..][..MOVED];
    std::array::from_fn(|c| low[c] + (high[c] - low[c]) * tap.lerp)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::{Purpose, Stream};

    /// The formula, pixel by pixel in f64. Positions are taken in f32, because TensorFlow does: where a position
    /// falls on a whole number, f64 may choose another pair of pixels.
    fn oracle(pixels: &[u8], from: Size, to: Size) -> Vec<f64> {
        let tap = |at: usize, from: usize, to: usize| {
            let position = (at as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
            let floor = position.floor();
            let low = floor.max(0.0) as usize;
            let high = (position.ceil().max(0.0) as usize).min(from - 1);
            (low.min(from - 1), high, f64::from(position - floor))
        };
        let mut out = Vec::new();
        for y in 0..to.height {
            let (y0, y1, ty) = tap(y, from.height, to.height);
            for x in 0..to.width {
                let (x0, x1, tx) = tap(x, from.width, to.width);
                for c in 0..3 {
                    let at = |y: usize, x: usize| f64::from(pixels[(y * from.width + x) * 3 + c]);
                    let top = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * tx;
                    let bottom = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * tx;
                    out.push(top + (bottom - top) * ty);
                }
            }
        }
        out
    }

    /// The largest difference from the oracle over every instruction set, which must also agree bit by bit.
    fn worst(from: Size, to: Size, scratch: &mut ResizeScratch) -> f64 {
        let mut stream = Stream::new(from.width as u64, Purpose::Test, from.height as u32, to.width as u32);
        let pixels: Vec<u8> = (0..from.values()).map(|_| stream.next_u32() as u8).collect();
        let expected = oracle(&pixels, from, to);
        let mut outputs = Vec::new();
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; to.values()];
            resize_bilinear_rgb(isa, &pixels, from, &mut out, to, scratch);
            outputs.push(out);
        }
        let bits = |out: &[f32]| out.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for out in &outputs {
            assert_eq!(bits(out), bits(&outputs[0]), "{from:?} -> {to:?}");
        }
        assert_eq!(outputs[0].len(), expected.len());
        let off = outputs[0].iter().zip(&expected).map(|(&got, want)| (f64::from(got) - want).abs());
        // `f64::max` would drop a NaN, as of a value that was never written.
        off.fold(0.0, |worst: f64, off| if off > worst || off.is_nan() { off } else { worst })
    }

    #[test]
    fn agrees_with_the_formula_on_the_sizes_that_go_wrong() {
        let mut scratch = ResizeScratch::default();
        let sides = [1, 2, 3, 7, 16, 33, 160, 251];
        for &height in &sides {
            for &width in &sides {
                let small = Size { height: 5, width: 9 };
                let size = Size { height, width };
                for (from, to) in [(size, small), (small, size), (size, size)] {
                    let worst = worst(from, to, &mut scratch);
                    assert!(worst < 1e-4, "{from:?} -> {to:?}: {worst}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_formula_on_any_sizes(h in 1usize..90, w in 1usize..90, oh in 1usize..90, ow in 1usize..90) {
            let worst = worst(
                Size { height: h, width: w },
                Size { height: oh, width: ow },
                &mut ResizeScratch::default(),
            );
            prop_assert!(worst < 1e-4, "{worst}");
        }
    }

    #[test]
    #[should_panic(expected = "pixels of")]
    fn refuses_pixels_that_are_not_of_the_size_stated() {
        let size = Size { height: 2, width: 2 };
        let mut out = [0.0; 12];
        resize_bilinear_rgb(Isa::best(), &[0; 11], size, &mut out, size, &mut ResizeScratch::default());
    }
}
