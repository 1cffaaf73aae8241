//! Bilinear resampling of an RGB image exactly as TensorFlow's `tf.image.resize(…, "bilinear")` does it: half-pixel
//! centers, no antialias, sides scaled apart ("squash"), the result in f32 and not rounded.
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
//!    bytes. The order of the two roundings changes the result by about 1e-5 of a gray level.
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

use crate::{
    isa::{Isa, shells},
    row::{Kernel, pick, row, rows},
};

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

/// The buffers of [`resize_bilinear_rgb`], reused from image to image; each thread needs its own.
#[derive(Debug, Default)]
pub struct ResizeScratch {
    columns: Vec<Tap>,
    blended: Vec<f32>,
}

/// Height and width of an image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The number of rows.
    pub height: usize,
    /// The number of columns.
    pub width: usize,
}

impl Size {
    /// Bytes or values of an RGB image of this size.
    fn values(self) -> usize {
        self.height * self.width * CHANNELS
    }
}

/// An RGB image borrowed for reading: a byte a channel, row by row.
#[derive(Clone, Copy)]
pub struct RgbView<'a> {
    /// `[height, width, 3]`.
    pub pixels: &'a [u8],
    /// The image's height and width.
    pub size: Size,
}

/// Resamples `image` to the size `to` as TensorFlow's bilinear resize without antialias does, the sides scaled apart.
///
/// # Shapes
/// `out` `[to.height, to.width, 3]`.
///
/// # Units
/// Gray levels, 0 to 255; `out` is not rounded.
///
/// # Panics
/// If a side is 0 or a slice's length is not its shape's.
///
/// # Cost
/// About `2 * to.height * image.size.width * 3` byte reads. No allocation once `scratch` has seen the widths.
pub fn resize_bilinear_rgb(
    isa: Isa,
    image: RgbView<'_>,
    to: Size,
    out: &mut [f32],
    scratch: &mut ResizeScratch,
) {
    let RgbView { pixels, size: from } = image;
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
    unsafe { (pick(ROWS, isa).resample)(job, scratch, out) }
}

/// What is resampled to what.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
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
    resize_f32_rows_portable: Resize, Portable, { resample: resize_rows_portable };
}

shells! { [](job: Job<'_>, scratch: &mut ResizeScratch, out: &mut [f32]);
    avx512 resize_rows_avx512 = resize_rows;
    avx2 resize_rows_avx2 = resize_rows;
    portable resize_rows_portable = resize_rows;
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
