//! Depthwise 3x3 convolution, stride 1 or 2: each channel by its own window.
//!
//! ```text
//! output[y][x][c] = act(bias[c] + sum over i, j of input[s*y + i][s*x + j][c] * weights[i][j][c])
//! ```
//!
//! Departures from that loop:
//! 1. Sixteen channels are one cache line (`blocked.rs`), and the input has its zeros around it: no edge code.
//! 2. The nine weights of a block of channels stay in registers.
//! 3. A tile is one or two output rows by several pixels: each input pixel is loaded once and serves every window of
//!    the tile that it lies in. Two rows by four pixels at stride 1 take 24 loads for 72 multiply-adds, where one pixel
//!    at a time would need 72. Tiles of 7, 5 and 4 columns make whole rows of 7, 14, 28, 56, of 5, 10, 20, 40.
//! 4. Where no tile divides a row, the last one overlaps its neighbor: the same value is written twice, which costs
//!    less than code for remainders. Rows that are left over go one at a time.
//! 5. An output's sum starts at the bias and takes the window in row order, whatever the tile.
//!
//! What it does badly: images narrower than a tile go pixel by pixel. On AVX2 nine weights and eight sums do not fit
//! sixteen registers, so its tiles have four or five sums. Stride 2 with two rows by seven pixels is not kept in
//! registers by the compiler, hence one row.
//!
//! # Source
//! The tile of two rows by four pixels with resident weights is ncnn's.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    blocked::Blocked,
    buffer::Buffer,
    element::Element,
    geometry::{ConvGeometry, WINDOW},
    isa::{Isa, shells},
    line::BLOCK,
    row::{Kernel, forced, row, rows, select},
    simd::{Portable8, Vector},
};

/// Weights of one channel.
pub(crate) const TAPS: usize = WINDOW * WINDOW;

/// Weights of a depthwise 3x3 convolution, packed: `[C/16][9][16]` and a bias.
#[derive(Clone, Debug)]
pub struct PackedDepthwise {
    channels: usize,
    weights: Buffer,
    bias: Buffer,
}

impl PackedDepthwise {
    /// Packs `weights` [3, 3, channels], row-major, and `bias` `[channels]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[f32], bias: &[f32], channels: usize) -> Self {
        assert_eq!(weights.len(), TAPS * channels, "depthwise weights of {channels} channels");
        assert_eq!(bias.len(), channels, "a bias for {channels} channels");
        let blocks = channels.div_ceil(BLOCK);
        let mut packed: Buffer = Buffer::zeros(blocks * TAPS * BLOCK);
        let mut padded: Buffer = Buffer::zeros(blocks * BLOCK);
        for c in 0..channels {
            let (block, lane) = (c / BLOCK, c % BLOCK);
            for tap in 0..TAPS {
                packed[(block * TAPS + tap) * BLOCK + lane] = weights[tap * channels + c].flush();
            }
            padded[c] = bias[c].flush();
        }
        Self { channels, weights: packed, bias: padded }
    }

    /// Packed weights from buffers that hold what [`Self::values`] gave: `take` gives the next buffer, of as many values as
    /// it is asked for. Returns `None` as soon as `take` does, or if a buffer has another length.
    #[must_use]
    pub fn unpack(channels: usize, take: &mut dyn FnMut(usize) -> Option<Buffer>) -> Option<Self> {
        let blocks = channels.div_ceil(BLOCK);
        let (weights, bias) = (take(blocks.checked_mul(TAPS * BLOCK)?)?, take(blocks * BLOCK)?);
        let fits = weights.len() == blocks * TAPS * BLOCK && bias.len() == blocks * BLOCK;
        fits.then_some(Self { channels, weights, bias })
    }

    /// Weights of zeros, to be written by [`Self::values_mut`].
    ///
    /// # Panics
    /// If they would not fit the address space.
    #[must_use]
    pub fn zeros(channels: usize) -> Self {
        let blocks = channels.div_ceil(BLOCK);
        let Some(len) = blocks.checked_mul(TAPS * BLOCK) else {
            panic!("weights of {channels} channels are larger than the address space")
        };
        Self { channels, weights: Buffer::zeros(len), bias: Buffer::zeros(blocks * BLOCK) }
    }

    /// The packed weights and the packed bias for writing, in the order of memory: `[C/16][9][16]` and `[C/16][16]`. What is
    /// written is to be as [`Element::flush`] leaves it, and 0 in the lanes above the channels.
    #[must_use]
    pub fn values_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.weights, &mut self.bias]
    }

    /// The packed weights and the packed bias, in the order of memory. [`PACK_VERSION`](crate::PACK_VERSION) names their
    /// layout.
    #[must_use]
    pub fn values(&self) -> [&[f32]; 2] {
        [&self.weights, &self.bias]
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The number of blocks of 16 channels.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }
}

/// One block of 16 channels. The pointers are valid for what the walk in [`body`] touches.
pub(crate) struct Plane {
    /// The padded input's first value, and values from one of its rows to the next.
    input: *const f32,
    input_row: usize,
    weights: *const f32,
    bias: *const f32,
    output: *mut f32,
    height: usize,
    width: usize,
    relu6: bool,
}

type PlaneFn = unsafe fn(&Plane);

pub(crate) struct DepthwiseRow {
    pub(crate) kernel: Kernel,
    stride: usize,
    /// Rows and columns of a tile.
    rows: usize,
    columns: usize,
    plane: PlaneFn,
}

row!(DepthwiseRow);

rows! { DepthwiseRow;
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_f32_2x7x16c_avx512: DepthwiseStride1, Avx512, { stride: 1, rows: 2, columns: 7, plane: plane_avx512::<1, 2, 7> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_f32_2x5x16c_avx512: DepthwiseStride1, Avx512, { stride: 1, rows: 2, columns: 5, plane: plane_avx512::<1, 2, 5> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_f32_2x4x16c_avx512: DepthwiseStride1, Avx512, { stride: 1, rows: 2, columns: 4, plane: plane_avx512::<1, 2, 4> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_f32_1x7x16c_avx512: DepthwiseStride2, Avx512, { stride: 2, rows: 1, columns: 7, plane: plane_avx512::<2, 1, 7> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_f32_2x5x16c_avx512: DepthwiseStride2, Avx512, { stride: 2, rows: 2, columns: 5, plane: plane_avx512::<2, 2, 5> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_f32_2x4x16c_avx512: DepthwiseStride2, Avx512, { stride: 2, rows: 2, columns: 4, plane: plane_avx512::<2, 2, 4> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_f32_1x5x8c_avx2: DepthwiseStride1, Avx2, { stride: 1, rows: 1, columns: 5, plane: plane_avx2::<1, 1, 5> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_f32_2x2x8c_avx2: DepthwiseStride1, Avx2, { stride: 1, rows: 2, columns: 2, plane: plane_avx2::<1, 2, 2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_f32_1x5x8c_avx2: DepthwiseStride2, Avx2, { stride: 2, rows: 1, columns: 5, plane: plane_avx2::<2, 1, 5> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_f32_2x2x8c_avx2: DepthwiseStride2, Avx2, { stride: 2, rows: 2, columns: 2, plane: plane_avx2::<2, 2, 2> };
    depthwise3x3s1_f32_1x2x8c_portable: DepthwiseStride1, Portable, { stride: 1, rows: 1, columns: 2, plane: plane_portable::<1, 1, 2> };
    depthwise3x3s2_f32_1x2x8c_portable: DepthwiseStride2, Portable, { stride: 2, rows: 1, columns: 2, plane: plane_portable::<2, 1, 2> };
}

/// What a depthwise convolution does with an image.
#[derive(Clone)]
pub struct Depthwise<'a> {
    /// Sizes, padding and stride.
    pub geometry: &'a ConvGeometry,
    /// The packed weights of all channels.
    pub weights: &'a PackedDepthwise,
    /// The blocks of 16 channels to compute; the input holds these alone.
    pub blocks: Range<usize>,
    /// Whether each result is clamped to [0, 6].
    pub relu6: bool,
}

/// Computes a depthwise convolution of some blocks of channels of one image.
///
/// # Shapes
/// `input` [channels of `blocks`, H, W], a band or a whole image, with the geometry's padding, which holds zeros; `output`
/// [16 * blocks, H', W'] in blocks, without padding.
///
/// # Panics
/// If the shapes do not fit or the stride is neither 1 nor 2.
///
/// # Cost
/// H' * W' * 9 * 16 multiply-adds a block.
pub fn depthwise(isa: Isa, step: &Depthwise<'_>, input: Blocked<'_>, output: &mut [f32]) {
    let Depthwise { geometry, weights, blocks, relu6 } = step;
    let from = input.layout();
    let (height, width) = geometry.output();
    let plane_len = height * width * BLOCK;
    assert_eq!((from.height(), from.width()), geometry.input(), "input pixels of a depthwise convolution");
    assert_eq!(from.pads(), geometry.pads(), "padding of a depthwise convolution");
    assert_eq!(from.blocks(), blocks.len(), "input channels of a depthwise convolution");
    assert!(blocks.end <= weights.blocks(), "blocks {blocks:?} of {}", weights.blocks());
    assert_eq!(output.len(), blocks.len() * plane_len, "output of a depthwise convolution");
    let row = choose(isa, geometry);
    for (index, (block, output)) in blocks.clone().zip(output.chunks_exact_mut(plane_len)).enumerate() {
        let input = &input.data()[index * from.block_len()..];
        let plane = Plane {
            input: input.as_ptr(),
            input_row: from.row_len(),
            weights: weights.weights[block * TAPS * BLOCK..].as_ptr(),
            bias: weights.bias[block * BLOCK..].as_ptr(),
            output: output.as_mut_ptr(),
            height,
            width,
            relu6: *relu6,
        };
        // SAFETY: one padded block in, one compact block out, as asserted above, and `ConvGeometry` proves that every
        // window of `height` x `width` outputs lies in the padded input; `row` was selected by the token of an
        // instruction set that this processor runs.
        unsafe { (row.plane)(&plane) };
    }
}

/// The row that computes a convolution of this geometry: the one that `isa` prefers, if it has the stride. Else the one
/// with the fewest columns computed twice (of an image narrower than the tile, all of them alone), then the fewest rows
/// that are no whole tile; of equals the first.
pub(crate) fn choose(isa: Isa, geometry: &ConvGeometry) -> &'static DepthwiseRow {
    let (height, width) = geometry.output();
    let fits = |row: &&DepthwiseRow| row.stride == geometry.stride();
    let best = || {
        let rows = select(ROWS, isa).iter().filter(fits);
        rows.min_by_key(|row| (width.next_multiple_of(row.columns), height % row.rows))
    };
    match forced(ROWS, isa).filter(fits).or_else(best) {
        Some(row) => row,
        None => panic!("a depthwise convolution of stride {}", geometry.stride()),
    }
}

/// A block of channels with stride S, in tiles of R rows by P pixels.
///
/// # Safety
/// `plane` is as its fields say, and the processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector, const S: usize, const R: usize, const P: usize>(plane: &Plane) {
    // An image narrower than a tile goes pixel by pixel.
    let column_step = if plane.width >= P { P } else { 1 };
    let mut row = 0;
    while row < plane.height {
        let row_step = if row + R <= plane.height && column_step == P { R } else { 1 };
        for lane in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: sixteen channels of bias and of each of nine weights.
            let (bias, weights) = unsafe {
                let mut weights = [V::splat(0.0); TAPS];
                for tap in 0..TAPS {
                    weights[tap] = V::load(plane.weights.add(tap * BLOCK + lane));
                }
                (V::load(plane.bias.add(lane)), weights)
            };
            for x in (0..plane.width).step_by(column_step) {
                let at = At { row, column: x.min(plane.width - column_step), lane };
                // SAFETY: the tile lies inside the output.
                unsafe {
                    if row_step == R && column_step == P {
                        tile::<V, S, R, P>(plane, bias, &weights, at);
                    } else if column_step == P {
                        tile::<V, S, 1, P>(plane, bias, &weights, at);
                    } else {
                        tile::<V, S, 1, 1>(plane, bias, &weights, at);
                    }
                }
            }
        }
        row += row_step;
    }
}

/// Where a tile lies: its first output's row and column, and the first of its channels in the block.
#[derive(Clone, Copy)]
struct At {
    row: usize,
    column: usize,
    lane: usize,
}

/// R x P outputs from `at` on.
///
/// # Safety
/// The outputs lie inside the plane; otherwise as [`body`].
#[inline(always)]
unsafe fn tile<V: Vector, const S: usize, const R: usize, const P: usize>(
    plane: &Plane,
    bias: V,
    weights: &[V; TAPS],
    at: At,
) {
    let At { row, column, lane } = at;
    let mut acc = [[bias; P]; R];
    for i in 0..(R - 1) * S + WINDOW {
        for j in 0..(P - 1) * S + WINDOW {
            // SAFETY: row * S + i and column * S + j stay inside the padded input.
            let value = unsafe {
                let at = (row * S + i) * plane.input_row + (column * S + j) * BLOCK + lane;
                V::load(plane.input.add(at))
            };
            for r in 0..R {
                for p in 0..P {
                    // This input is tap (i - r*S, j - p*S) of output (r, p), where that lies in the window.
                    let (tap_row, tap_column) = (i.wrapping_sub(r * S), j.wrapping_sub(p * S));
                    if tap_row < WINDOW && tap_column < WINDOW {
                        acc[r][p] = value.mul_add(weights[tap_row * WINDOW + tap_column], acc[r][p]);
                    }
                }
            }
        }
    }
    for r in 0..R {
        for p in 0..P {
            let result = if plane.relu6 { acc[r][p].relu6() } else { acc[r][p].flush() };
            // SAFETY: (row + r, column + p) lies inside the output.
            unsafe { result.store(plane.output.add(((row + r) * plane.width + column + p) * BLOCK + lane)) };
        }
    }
}

shells! { [const S: usize, const R: usize, const P: usize](plane: &Plane);
    avx512 plane_avx512 = body::<Avx512x16, S, R, P>;
    avx2 plane_avx2 = body::<Avx2x8, S, R, P>;
    portable plane_portable = body::<Portable8, S, R, P>;
}
