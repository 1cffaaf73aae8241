//! The gradient of a pointwise convolution's weights and bias.
//!
//! ```text
//! kernel[k][n] += sum over p of input[p][k] * d_output[p][n]
//! bias[n]      += sum over p of d_output[p][n]
//! ```
//!
//! The gradient of its input needs no kernel of its own: it is a pointwise convolution with the transposed weights
//! ([`PackedPointwise::transpose_into`](crate::PackedPointwise::transpose_into)).
//!
//! Departures from that loop:
//! 1. A tile holds the sums of some inputs by some vectors of output channels in registers, over all pixels of the call.
//!    With 8 inputs by three panels on AVX-512 a pixel takes 11 loads for 24 multiply-adds.
//! 2. Inputs of a tile lie in one block of channels, so that a pixel's are side by side; a block's inputs, and the output
//!    channels, are cut into tiles as even as they come.
//! 3. A sum starts at the value in memory and takes the pixels in order: tiles, ranges of panels, and pixels dealt to
//!    several calls one after the other all give the same bits.
//!
//! What it does badly: few pixels. Each call reads and writes every sum once, which takes longer than the products of less
//! than some ten pixels.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    blocked::Blocked,
    cut::Cut,
    isa::{Isa, shells},
    line::BLOCK,
    row::{Kernel, pick, row, rows},
    simd::{Portable8, Vector},
};

/// The sums of one tile. The pointers are valid for what [`body`] and [`sums`] touch.
pub(crate) struct Tile {
    /// The first pixel's value of the first input.
    input: *const f32,
    /// The first pixel's first lane, and values from one block of channels to the next.
    d_output: *const f32,
    block: usize,
    pixels: usize,
    /// The first input's first lane, and values from one panel to the next.
    kernel: *mut f32,
    panel: usize,
}

type TileFn = unsafe fn(&Tile);

pub(crate) struct PointwiseGradientRow {
    pub(crate) kernel: Kernel,
    /// Values in a vector.
    lanes: usize,
    /// The sums of the bias of 1, 2, … vectors.
    sums: &'static [TileFn],
    /// The functions for 1, 2, … vectors, and in each for 1, 2, … inputs.
    tiles: &'static [&'static [TileFn]],
}

row!(PointwiseGradientRow);

/// The tiles of 1, 2, … inputs of so many vectors.
macro_rules! tiles {
    ($shell:ident, $vectors:literal; $($inputs:literal)+) => { &[$($shell::<$inputs, $vectors> as TileFn),+] };
}

rows! { PointwiseGradientRow;
    #[cfg(target_arch = "x86_64")]
    pointwisegradient_f32_8x48_avx512: PointwiseGradient, Avx512, {
        lanes: 16,
        sums: &[sums_avx512::<1>, sums_avx512::<2>, sums_avx512::<3>],
        tiles: &[
            tiles!(tile_avx512, 1; 1 2 3 4 5 6 7 8),
            tiles!(tile_avx512, 2; 1 2 3 4 5 6 7 8),
            tiles!(tile_avx512, 3; 1 2 3 4 5 6 7 8),
        ],
    };
    #[cfg(target_arch = "x86_64")]
    pointwisegradient_f32_6x16_avx2: PointwiseGradient, Avx2, {
        lanes: 8,
        sums: &[sums_avx2::<1>, sums_avx2::<2>],
        tiles: &[tiles!(tile_avx2, 1; 1 2 3 4 5 6), tiles!(tile_avx2, 2; 1 2 3 4 5 6)],
    };
    pointwisegradient_f32_4x8_portable: PointwiseGradient, Portable, {
        lanes: 8,
        sums: &[sums_portable::<1>],
        tiles: &[tiles!(tile_portable, 1; 1 2 3 4)],
    };
}

/// What the gradient of a pointwise convolution's weights is computed from.
#[derive(Clone)]
pub struct PointwiseGradient<'a> {
    /// What entered the convolution.
    pub input: Blocked<'a>,
    /// The gradient of what left it, before what ended it.
    pub d_output: Blocked<'a>,
    /// The panels of 16 output channels whose gradients are computed.
    pub panels: Range<usize>,
}

/// Adds the gradients of a pointwise convolution's weights and bias to `kernel` and `bias`.
///
/// # Shapes
/// `input` [inputs, H, W] and `d_output` [outputs, H', W'] without padding, with as many pixels as each other; each may be a
/// band. `kernel` [panels, inputs, 16] and `bias` [panels, 16], for the panels asked for, as packed weights lie. Lanes above
/// the outputs are sums of what `d_output` holds there, which is zeros.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Cost
/// H * W * inputs * 16 multiply-adds a panel.
pub fn pointwise_gradient(isa: Isa, step: &PointwiseGradient<'_>, kernel: &mut [f32], bias: &mut [f32]) {
    let PointwiseGradient { input, d_output, panels } = step;
    let (from, to) = (input.layout(), d_output.layout());
    let (inputs, pixels) = (from.channels(), from.pixels());
    assert!(from.is_compact() && to.is_compact(), "a gradient of weights reads images without padding");
    assert_eq!(pixels, to.pixels(), "pixels of a pointwise convolution's gradient");
    assert!(panels.start <= panels.end && panels.end <= to.blocks(), "panels {panels:?} of {}", to.blocks());
    assert_eq!(kernel.len(), panels.len() * inputs * BLOCK, "the gradient of {inputs} inputs, {panels:?}");
    assert_eq!(bias.len(), panels.len() * BLOCK, "the gradient of the bias of panels {panels:?}");
    if pixels == 0 || panels.is_empty() {
        return;
    }
    let row = pick(ROWS, isa);
    let groups = Cut::new(bias.len() / row.lanes, row.tiles.len());
    for (vector, vectors) in (0..groups.count()).map(|group| groups.tile(group)) {
        let (panel, lane) = (vector * row.lanes / BLOCK, vector * row.lanes % BLOCK);
        let first = &d_output.data()[(panels.start + panel) * to.block_len() + lane..];
        let tile = |input: &[f32], sums: &mut [f32], panel: usize| Tile {
            input: input.as_ptr(),
            d_output: first.as_ptr(),
            block: to.block_len(),
            pixels,
            kernel: sums.as_mut_ptr(),
            panel,
        };
        let (tiles, whole) = (row.tiles[vectors - 1], inputs * BLOCK);
        // SAFETY: the tile's output channels are among the panels asked for, of which both images and both gradients hold
        // all pixels, inputs and lanes, as asserted above; the row was selected by the token of an instruction set that
        // this processor runs.
        unsafe { row.sums[vectors - 1](&tile(&[], &mut bias[panel * BLOCK + lane..], BLOCK)) };
        for block in 0..from.blocks() {
            let cut = Cut::new(BLOCK.min(inputs - block * BLOCK), tiles.len());
            for (input_lane, count) in (0..cut.count()).map(|index| cut.tile(index)) {
                let input = &input.data()[block * from.block_len() + input_lane..];
                let at = panel * whole + (block * BLOCK + input_lane) * BLOCK + lane;
                // SAFETY: as above; the tile's inputs lie in one block.
                unsafe { tiles[count - 1](&tile(input, &mut kernel[at..], whole)) };
            }
        }
    }
}

/// Which panel vector `v` of a tile lies in, and at which of its lanes.
#[inline(always)]
fn lane_of<V: Vector>(v: usize) -> (usize, usize) {
    (v * V::LANES / BLOCK, v * V::LANES % BLOCK)
}

/// The products of MK inputs by NV vectors.
///
/// # Safety
/// For each pixel p and vector v the tile's pointers lead to live values: `input[p * 16 + k]` for k below MK, the `LANES`
/// values from `d_output[v's panel * block + p * 16 + v's lane]` on, and those from
/// `kernel[v's panel * panel + k * 16 + v's lane]` on, which nothing else uses. The processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector, const MK: usize, const NV: usize>(tile: &Tile) {
    // SAFETY: the processor runs V's instruction set, by the contract.
    let zero = unsafe { V::splat(0.0) };
    let mut acc = [[zero; NV]; MK];
    for k in 0..MK {
        for v in 0..NV {
            let (panel, lane) = lane_of::<V>(v);
            // SAFETY: by the contract.
            acc[k][v] = unsafe { V::load(tile.kernel.add(panel * tile.panel + k * BLOCK + lane)) };
        }
    }
    let (mut input, mut d_output) = (tile.input, tile.d_output);
    for _ in 0..tile.pixels {
        // SAFETY: by the contract.
        unsafe {
            let mut row = [zero; NV];
            for v in 0..NV {
                let (panel, lane) = lane_of::<V>(v);
                row[v] = V::load(d_output.add(panel * tile.block + lane));
            }
            for k in 0..MK {
                let value = V::splat(*input.add(k));
                for v in 0..NV {
                    acc[k][v] = value.mul_add(row[v], acc[k][v]);
                }
            }
        }
        // Past the last pixel these point behind what was read; wrapping arithmetic allows that.
        input = input.wrapping_add(BLOCK);
        d_output = d_output.wrapping_add(BLOCK);
    }
    for k in 0..MK {
        for v in 0..NV {
            let (panel, lane) = lane_of::<V>(v);
            // SAFETY: by the contract.
            unsafe { acc[k][v].store(tile.kernel.add(panel * tile.panel + k * BLOCK + lane)) };
        }
    }
}

/// The sums of NV vectors of output channels over the pixels.
///
/// # Safety
/// What [`body`] asks for with MK = 1, but for the input, which is not read.
#[inline(always)]
unsafe fn sums<V: Vector, const NV: usize>(tile: &Tile) {
    // SAFETY: the processor runs V's instruction set, by the contract.
    let mut acc = [unsafe { V::splat(0.0) }; NV];
    for v in 0..NV {
        let (panel, lane) = lane_of::<V>(v);
        // SAFETY: by the contract.
        acc[v] = unsafe { V::load(tile.kernel.add(panel * tile.panel + lane)) };
    }
    for pixel in 0..tile.pixels {
        for v in 0..NV {
            let (panel, lane) = lane_of::<V>(v);
            // SAFETY: by the contract.
            acc[v] =
                acc[v].add(unsafe { V::load(tile.d_output.add(panel * tile.block + pixel * BLOCK + lane)) });
        }
    }
    for v in 0..NV {
        let (panel, lane) = lane_of::<V>(v);
        // SAFETY: by the contract.
        unsafe { acc[v].store(tile.kernel.add(panel * tile.panel + lane)) };
    }
}

shells! { [const MK: usize, const NV: usize](tile: &Tile);
    avx512 tile_avx512 = body::<Avx512x16, MK, NV>;
    avx2 tile_avx2 = body::<Avx2x8, MK, NV>;
    portable tile_portable = body::<Portable8, MK, NV>;
}

shells! { [const NV: usize](tile: &Tile);
    avx512 sums_avx512 = sums::<Avx512x16, NV>;
    avx2 sums_avx2 = sums::<Avx2x8, NV>;
    portable sums_portable = sums::<Portable8, NV>;
}
