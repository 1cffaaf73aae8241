//! The register tile that pointwise and stem convolutions share: MR pixels by NV vectors of output channels.
//!
//! ```text
//! for p in 0..MR, v in 0..NV:   acc[p][v]  = bias[v]
//! for k in 0..K:                acc[p][v] += input[p][k] * weights[k][v]
//! for p in 0..MR, v in 0..NV:   output[p][v] = relu6(acc[p][v])       (or flush(acc[p][v]), with an image's value added,
//!                                                                  or kept where ReLU6's output lets it through)
//! ```
//!
//! 1. The accumulators stay in registers over all of K: one load of each weight vector and one broadcast of each
//!    pixel serve MR * NV multiply-adds. With 14x32 on AVX-512 that is 16 loads beside 28 multiply-adds, so the
//!    multiply-adds are the limit (two of each a cycle).
//! 2. K is walked in segments: a segment's inputs lie one behind the other for every pixel, and the next segment is
//!    a fixed stride away. A pointwise convolution has segments of 16 channels in pixels 16 values apart; the stem
//!    has three segments (rows of the window) of nine values, in windows 6 values apart.
//! 3. An output's sum starts at the bias and goes through k in order, whatever the tile: a tile of another size gives
//!    the same bits.
//!
//! What it does badly: the first load depends on addresses that the caller has just computed, and with K below 32 the
//! stores are not hidden behind the multiply-adds.

use std::mem::MaybeUninit;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    isa::shells,
    line::BLOCK,
    row::{Kernel, row},
    simd::{Portable8, Vector, prefetch},
};

/// Pixels in channel blocks: where they start and what lies between them. `P` is a pointer to f32.
#[derive(Clone, Copy)]
pub(crate) struct Image<P> {
    /// The first pixel's first lane.
    pub(crate) at: P,
    /// Values from one channel block to the next.
    pub(crate) block: usize,
    /// Values between a row's end and the next row.
    pub(crate) gap: usize,
}

impl Image<*const f32> {
    /// No image: nothing is added to a tile's sums.
    pub(crate) const NONE: Self = Self { at: std::ptr::null(), block: 0, gap: 0 };
}

/// Values from one tile of a walk to the next.
#[derive(Clone, Copy, Default)]
pub(crate) struct Step {
    pub(crate) input: usize,
    pub(crate) weights: usize,
    pub(crate) bias: usize,
    pub(crate) output: usize,
    pub(crate) residual: usize,
}

/// The tiles that one call computes, all of them at the first one's column.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    /// How many there are.
    pub(crate) count: usize,
    /// From one tile to the next.
    pub(crate) step: Step,
    /// Values from the weights in use to those that are needed after the last tile; 0 if nothing is known of them.
    pub(crate) ahead: usize,
}

impl Walk {
    /// One tile.
    pub(crate) const ONE: Self =
        Self { count: 1, step: Step { input: 0, weights: 0, bias: 0, output: 0, residual: 0 }, ahead: 0 };
}

/// Where a walk over tiles starts and what it steps by. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// The first pixel's first input.
    pub(crate) input: *const f32,
    /// Values of one segment, and from one segment to the next.
    pub(crate) segment: usize,
    pub(crate) segment_stride: usize,
    /// Inputs in all.
    pub(crate) k: usize,
    /// The first lane's weight of k = 0, and values from one panel to the next.
    pub(crate) weights: *const f32,
    pub(crate) panel: usize,
    /// The first lane's bias.
    pub(crate) bias: *const f32,
    pub(crate) output: Image<*mut f32>,
    /// What is added at the end, or what decides what is kept; its pointer is null if there is neither.
    pub(crate) residual: Image<*const f32>,
    /// Whether the residual is what left a ReLU6: a sum is kept where it lies strictly between 0 and 6, else it is 0.
    pub(crate) masked: bool,
    /// The first pixel's column, and the columns of a row.
    pub(crate) column: usize,
    pub(crate) width: usize,
    /// Whether the result is clamped to [0, 6].
    pub(crate) relu6: bool,
    pub(crate) walk: Walk,
}

impl Tile {
    /// From one tile of `lanes` output channels, whole panels, to the next ones of the same pixels.
    pub(crate) fn beside(&self, lanes: usize) -> Step {
        let panels = lanes / BLOCK;
        Step {
            input: 0,
            weights: panels * self.panel,
            bias: lanes,
            output: panels * self.output.block,
            residual: panels * self.residual.block,
        }
    }
}

/// A compiled walk over tiles. Calling it asks for the row's instruction set and for a valid [`Tile`].
pub(crate) type TileFn = unsafe fn(&Tile);

/// The tiles of one kernel.
pub(crate) struct TileRow {
    pub(crate) kernel: Kernel,
    /// Output channels of a tile.
    pub(crate) lanes: usize,
    /// The functions for 1, 2, … pixels.
    pub(crate) tiles: &'static [TileFn],
}

row!(TileRow);

/// Values from one pixel's inputs to the next: a block of channels, or two RGB pixels.
pub(crate) const POINTWISE_STEP: usize = BLOCK;
pub(crate) const STEM_STEP: usize = 6;

/// Lines that the largest tile has.
const ASIDE: usize = 28;

/// Which panel vector `v` of a tile lies in, and at which of its lanes.
#[inline(always)]
fn lane_of<V: Vector>(v: usize) -> (usize, usize) {
    (v * V::LANES / BLOCK, v * V::LANES % BLOCK)
}

/// The walk of one call; compiled for an instruction set by the shells below.
///
/// # Safety
/// Every value that the walk reads or writes lies in a live allocation: for each of its tiles, pixel p, segment s, j below
/// `segment`, `input[s * segment_stride + p * STEP + j]`; for vector v and k, the `LANES` values from
/// `weights[panel * v's panel + k * 16 + v's lane]` on; outputs and residuals of each pixel and vector likewise.
/// The processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector, const MR: usize, const NV: usize, const STEP: usize>(tile: &Tile) {
    let (mut input, mut weights, mut bias) = (tile.input, tile.weights, tile.bias);
    let (mut output, mut residual) = (tile.output.at, tile.residual.at);
    let (walk, straight) = (&tile.walk, tile.column + MR <= tile.width);
    let mut aside = [const { MaybeUninit::<[f32; BLOCK]>::uninit() }; ASIDE];
    const { assert!(MR * (NV * V::LANES).div_ceil(BLOCK) <= ASIDE && NV * V::LANES <= 32) };
    let mut left = walk.count;
    while left > 0 {
        left -= 1;
        let ahead = if left == 0 { walk.ahead } else { 0 };
        let (to, place) = (Image { at: output, ..tile.output }, aside.as_mut_ptr().cast::<f32>());
        let mut other = Image { at: residual, ..tile.residual };
        // SAFETY: by the contract; the pixels of `aside` lie one behind the other. It holds those of the residual until the
        // results take their places.
        unsafe {
            if !straight && !residual.is_null() {
                let from = Image { at: residual.cast_mut(), block: other.block, gap: other.gap };
                carry_vectors::<V, MR, NV, false>(tile, from, place);
                other = Image { at: place.cast_const(), block: MR * BLOCK, gap: 0 };
            }
            let mut acc = products::<V, MR, NV, STEP>(tile, input, weights, bias, ahead);
            let results = if straight { to } else { Image { at: place, block: MR * BLOCK, gap: 0 } };
            finish(&mut acc, tile, results, other);
            if !straight {
                carry_vectors::<V, MR, NV, true>(tile, to, place);
            }
        }
        // Past the last tile these point behind what was used; wrapping arithmetic allows that.
        input = input.wrapping_add(walk.step.input);
        weights = weights.wrapping_add(walk.step.weights);
        bias = bias.wrapping_add(walk.step.bias);
        output = output.wrapping_add(walk.step.output);
        if !tile.residual.at.is_null() {
            residual = residual.wrapping_add(walk.step.residual);
        }
    }
}

/// The sums of one tile.
///
/// # Safety
/// What [`body`] asks for.
#[inline(always)]
unsafe fn products<V: Vector, const MR: usize, const NV: usize, const STEP: usize>(
    tile: &Tile,
    mut input: *const f32,
    mut weights: *const f32,
    bias: *const f32,
    ahead: usize,
) -> [[V; NV]; MR] {
    // SAFETY: the processor runs V's instruction set, by the contract.
    let zero = unsafe { V::splat(0.0) };
    let mut acc = [[zero; NV]; MR];
    for v in 0..NV {
        // SAFETY: the bias has a value for every lane of the group.
        let bias = unsafe { V::load(bias.add(v * V::LANES)) };
        for p in 0..MR {
            acc[p][v] = bias;
        }
    }
    let mut left = tile.k;
    while left > 0 {
        let steps = left.min(tile.segment);
        let mut pixel = input;
        if ahead > 0 {
            for panel in 0..(NV * V::LANES).div_ceil(BLOCK) {
                for line in 0..BLOCK {
                    prefetch(weights.wrapping_add(panel * tile.panel + line * BLOCK + ahead));
                }
            }
        }
        for _ in 0..steps {
            // SAFETY: by the function's contract; the offsets are those that it names.
            unsafe {
                let mut row = [zero; NV];
                for v in 0..NV {
                    let (panel, lane) = lane_of::<V>(v);
                    row[v] = V::load(weights.add(panel * tile.panel + lane));
                }
                for p in 0..MR {
                    let value = V::splat(*pixel.add(p * STEP));
                    for v in 0..NV {
                        acc[p][v] = value.mul_add(row[v], acc[p][v]);
                    }
                }
            }
            // Past the last step these point behind what was read; wrapping arithmetic allows that.
            pixel = pixel.wrapping_add(1);
            weights = weights.wrapping_add(BLOCK);
        }
        input = input.wrapping_add(tile.segment_stride);
        left -= steps;
    }
    acc
}

/// Clamps, adds or masks, and stores the sums of one tile whose pixels lie one behind the other, in the output and in what
/// is added: the offsets are constants.
///
/// # Safety
/// What [`body`] asks for.
#[inline(always)]
unsafe fn finish<V: Vector, const MR: usize, const NV: usize>(
    acc: &mut [[V; NV]; MR],
    tile: &Tile,
    output: Image<*mut f32>,
    residual: Image<*const f32>,
) {
    for p in 0..MR {
        for v in 0..NV {
            acc[p][v] = if tile.relu6 { acc[p][v].relu6() } else { acc[p][v].flush() };
        }
    }
    if !residual.at.is_null() {
        for p in 0..MR {
            for v in 0..NV {
                let (panel, lane) = lane_of::<V>(v);
                // SAFETY: the residual has the output's pixels and lanes.
                let added = unsafe { V::load(residual.at.add(panel * residual.block + p * BLOCK + lane)) };
                acc[p][v] = if tile.masked { acc[p][v].masked(added) } else { acc[p][v].add(added) };
            }
        }
    }
    for p in 0..MR {
        for v in 0..NV {
            let (panel, lane) = lane_of::<V>(v);
            // SAFETY: by the contract.
            unsafe { acc[p][v].store(output.at.add(panel * output.block + p * BLOCK + lane)) };
        }
    }
}

/// Copies LANES channels of a tile whose pixels run over row ends: from `aside`, where they lie one behind the other and the
/// channel blocks MR lines apart, to an image (OUT), or from the image to there.
///
/// # Safety
/// The tile's pixels and lanes lie in `image`, which is not written unless OUT, and `aside` has room for them.
#[inline(never)]
unsafe fn carry<const MR: usize, const LANES: usize, const OUT: bool>(
    tile: &Tile,
    image: Image<*mut f32>,
    aside: *mut f32,
) {
    for panel in 0..LANES.div_ceil(BLOCK) {
        let lanes = (LANES - panel * BLOCK).min(BLOCK);
        let mut own = aside.wrapping_add(panel * MR * BLOCK);
        let mut line = image.at.wrapping_add(panel * image.block);
        let (mut left, mut of_row) = (MR, tile.width - tile.column);
        while left > 0 {
            for _ in 0..left.min(of_row) {
                let (from, to) = if OUT { (own, line) } else { (line, own) };
                // SAFETY: by the contract.
                unsafe { std::ptr::copy_nonoverlapping(from, to, lanes) };
                (own, line) = (own.wrapping_add(BLOCK), line.wrapping_add(BLOCK));
            }
            left -= left.min(of_row);
            line = line.wrapping_add(image.gap);
            of_row = tile.width;
        }
    }
}

/// [`carry`] for the lanes of NV vectors, of which there are 8, 16 or 32.
///
/// # Safety
/// What [`carry`] asks for.
#[inline(always)]
unsafe fn carry_vectors<V: Vector, const MR: usize, const NV: usize, const OUT: bool>(
    tile: &Tile,
    image: Image<*mut f32>,
    aside: *mut f32,
) {
    // SAFETY: by the contract.
    unsafe {
        match NV * V::LANES {
            8 => carry::<MR, 8, OUT>(tile, image, aside),
            16 => carry::<MR, 16, OUT>(tile, image, aside),
            _ => carry::<MR, 32, OUT>(tile, image, aside),
        }
    }
}

// The half is half a register: where the processor splits 512 bits into two halves, eight channels cost half of sixteen.
shells! { [const MR: usize, const NV: usize, const STEP: usize](tile: &Tile);
    avx512 tile_avx512 = body::<Avx512x16, MR, NV, STEP>;
    avx512 tile_avx512_half = body::<Avx2x8, MR, NV, STEP>;
    avx2 tile_avx2 = body::<Avx2x8, MR, NV, STEP>;
    portable tile_portable = body::<Portable8, MR, NV, STEP>;
}

/// The tiles of 1, 2, … pixels of one kernel.
macro_rules! tiles {
    ($shell:ident, $vectors:literal, $step:expr; $($pixels:literal)+) => {
        &[$($crate::tile::$shell::<$pixels, $vectors, { $step }> as $crate::tile::TileFn),+]
    };
}
pub(crate) use tiles;
