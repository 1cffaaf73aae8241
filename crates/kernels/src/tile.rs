//! The register tile that pointwise and stem convolutions share: MR pixels by NV vectors of output channels.
//!
//! ```text
//! for p in 0..MR, v in 0..NV:   acc[p][v]  = bias[v]
//! for k in 0..K:                acc[p][v] += input[p][k] * weights[k][v]
//! for p in 0..MR, v in 0..NV:   output[p][v] = relu6(acc[p][v])       (or + residual[p][v], or as it is)
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
//! What it does badly: the first load of a tile waits for the caller's, and K below 32 leaves the stores in sight.

use crate::{LINE, simd::Portable8, simd::Vector};
#[cfg(target_arch = "x86_64")]
use crate::{
    isa::{shell_avx2, shell_avx512},
    simd::{Avx2x8, Avx512x16},
};

/// Where one tile's values lie. The pointers are valid for what the walk in [`body`] touches.
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
    /// The first pixel's first lane, and values from one channel block to the next.
    pub(crate) output: *mut f32,
    pub(crate) output_block: usize,
    /// The first pixel's column, the columns of a row, and the values between a row's end and the next row.
    pub(crate) column: usize,
    pub(crate) width: usize,
    pub(crate) gap: usize,
    /// The first pixel's first lane of what is added at the end, or null, and values between its channel blocks.
    pub(crate) residual: *const f32,
    pub(crate) residual_block: usize,
    /// Values between a row's end and the next row of what is added.
    pub(crate) residual_gap: usize,
    /// Whether the result is clamped to [0, 6].
    pub(crate) relu6: bool,
}

/// A compiled tile. Calling it asks for the row's instruction set and for a valid [`Tile`].
pub(crate) type TileFn = unsafe fn(&Tile);

/// Values from one pixel's inputs to the next: a block of channels, or two RGB pixels.
pub(crate) const POINTWISE_STEP: usize = LINE;
pub(crate) const STEM_STEP: usize = 6;

/// The arithmetic of one tile; compiled for an instruction set by the shells below.
///
/// # Safety
/// Every value that the walk reads or writes lies in a live allocation: for pixel p, segment s, j below `segment`,
/// `input[s * segment_stride + p * STEP + j]`; for vector v and k, the `LANES` values from
/// `weights[panel_of(v) * panel + k * 16 + lane_of(v)]` on; outputs and residuals of each pixel and vector likewise.
/// The processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector, const MR: usize, const NV: usize, const STEP: usize>(tile: &Tile) {
    // Vector v covers the lanes from v * LANES on: in which panel, and where in it.
    let panel_of = |v: usize| v * V::LANES / LINE;
    let lane_of = |v: usize| v * V::LANES % LINE;

    // SAFETY: the processor runs V's instruction set, by the contract.
    let zero = unsafe { V::splat(0.0) };
    let mut acc = [[zero; NV]; MR];
    for v in 0..NV {
        // SAFETY: the bias has a value for every lane of the group.
        let bias = unsafe { V::load(tile.bias.add(v * V::LANES)) };
        for p in 0..MR {
            acc[p][v] = bias;
        }
    }

    let mut input = tile.input;
    let mut weights = tile.weights;
    let mut left = tile.k;
    while left > 0 {
        let steps = left.min(tile.segment);
        let mut pixel = input;
        for _ in 0..steps {
            // SAFETY: by the function's contract; the offsets are those that it names.
            unsafe {
                let mut row = [zero; NV];
                for v in 0..NV {
                    row[v] = V::load(weights.add(panel_of(v) * tile.panel + lane_of(v)));
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
            weights = weights.wrapping_add(LINE);
        }
        input = input.wrapping_add(tile.segment_stride);
        left -= steps;
    }

    if !tile.residual.is_null() {
        let mut walk = RowWalk::new(tile, tile.residual_gap);
        for p in 0..MR {
            for v in 0..NV {
                // SAFETY: the residual has the output's pixels and lanes; the walk skips what lies between its rows.
                let added = unsafe {
                    V::load(tile.residual.add(panel_of(v) * tile.residual_block + walk.offset + lane_of(v)))
                };
                acc[p][v] = acc[p][v].add(added);
            }
            walk.next();
        }
    }
    if tile.relu6 {
        for p in 0..MR {
            for v in 0..NV {
                acc[p][v] = acc[p][v].relu6();
            }
        }
    }
    let mut walk = RowWalk::new(tile, tile.gap);
    for p in 0..MR {
        for v in 0..NV {
            let at = panel_of(v) * tile.output_block + walk.offset + lane_of(v);
            // SAFETY: by the contract; the walk skips the padding between rows.
            unsafe { acc[p][v].store(tile.output.add(at)) };
        }
        walk.next();
    }
}

/// The offsets of a tile's pixels in an image whose rows may have a gap between them.
struct RowWalk {
    offset: usize,
    column: usize,
    width: usize,
    gap: usize,
}

impl RowWalk {
    #[inline(always)]
    fn new(tile: &Tile, gap: usize) -> Self {
        Self { offset: 0, column: tile.column, width: tile.width, gap }
    }

    #[inline(always)]
    fn next(&mut self) {
        self.column += 1;
        let wrapped = self.column == self.width;
        self.offset += LINE + if wrapped { self.gap } else { 0 };
        self.column = if wrapped { 0 } else { self.column };
    }
}

#[cfg(target_arch = "x86_64")]
shell_avx512! {
    pub(crate) unsafe fn tile_avx512<const MR: usize, const NV: usize, const STEP: usize>(tile: &Tile) {
        // SAFETY: the shell has the features; the rest is the caller's promise.
        unsafe { body::<Avx512x16, MR, NV, STEP>(tile) }
    }
}

#[cfg(target_arch = "x86_64")]
shell_avx2! {
    pub(crate) unsafe fn tile_avx2<const MR: usize, const NV: usize, const STEP: usize>(tile: &Tile) {
        // SAFETY: the shell has the features; the rest is the caller's promise.
        unsafe { body::<Avx2x8, MR, NV, STEP>(tile) }
    }
}

pub(crate) unsafe fn tile_portable<const MR: usize, const NV: usize, const STEP: usize>(tile: &Tile) {
    // SAFETY: the portable vector needs no feature; the rest is the caller's promise.
    unsafe { body::<Portable8, MR, NV, STEP>(tile) }
}

/// The tiles of 1, 2, … pixels of one kernel.
macro_rules! tiles {
    ($shell:ident, $vectors:literal, $step:expr; $($pixels:literal)+) => {
        &[$($crate::tile::$shell::<$pixels, $vectors, { $step }> as $crate::tile::TileFn),+]
    };
}
pub(crate) use tiles;

/// How `pixels` are cut into tiles of at most `most`: as even as they come, so that none is a small remainder.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    count: usize,
    base: usize,
    extra: usize,
}

impl Cut {
    pub(crate) fn new(pixels: usize, most: usize) -> Self {
        let count = pixels.div_ceil(most).max(1);
        Self { count, base: pixels / count, extra: pixels % count }
    }

    pub(crate) fn count(self) -> usize {
        self.count
    }

    /// The first pixel of a tile and its number of pixels.
    pub(crate) fn tile(self, index: usize) -> (usize, usize) {
        (index * self.base + index.min(self.extra), self.base + usize::from(index < self.extra))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_covers_all_pixels_once_with_tiles_that_differ_by_one() {
        for pixels in 1..200 {
            for most in [1, 4, 6, 14] {
                let cut = Cut::new(pixels, most);
                let mut next = 0;
                for (first, len) in (0..cut.count()).map(|i| cut.tile(i)) {
                    assert_eq!(first, next);
                    assert!(len <= most && len >= pixels / cut.count());
                    next += len;
                }
                assert_eq!(next, pixels);
            }
        }
    }
}
