//! Pointwise (1x1) convolution: a matrix product over the channels of each pixel.
//!
//! ```text
//! output[p][n] = act(bias[n] + sum over k of input[p][k] * weights[k][n])
//! ```
//!
//! Departures from that loop:
//! 1. 16-channel blocks in and out (`blocked.rs`), packed panels (`panels.rs`), register tiles (`tile.rs`).
//! 2. The output may have zeros around it, so that a depthwise convolution can follow without edge code; tiles run
//!    over row ends.
//! 3. A range of panels may be asked for: a block of the net expands a few channels, convolves them while they are
//!    in cache, and goes on with the next few.
//! 4. Weights that fit the first-level cache are walked in the inner loop, larger ones in the outer loop, so that
//!    each is fetched from further away once.

use std::ops::Range;

use crate::{
    Blocked, BlockedMut, Isa, LINE, Layout, Threads,
    panels::Panels,
    registry::{Kernel, rows, select},
    tile::{Cut, POINTWISE_STEP, Tile, TileFn, tiles},
};

/// Weights of a 1x1 convolution, packed.
#[derive(Clone, Debug)]
pub struct PackedPointwise(Panels);

impl PackedPointwise {
    /// Packs `weights` [inputs, outputs], row-major, and `bias` `[outputs]`.
    ///
    /// # Panics
    /// Where the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[f32], bias: &[f32], inputs: usize, outputs: usize) -> Self {
        Self(Panels::pack(weights, bias, inputs, outputs))
    }

    /// Input channels.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.0.k
    }

    /// Output channels.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.0.n
    }

    /// Panels of 16 output channels.
    #[must_use]
    pub fn panels(&self) -> usize {
        self.0.count()
    }
}

/// What happens to a sum before it is stored.
#[derive(Clone, Copy)]
pub enum Epilogue<'a> {
    /// Nothing: a linear bottleneck.
    Linear,
    /// Clamped to [0, 6].
    Relu6,
    /// The block's input is added: a residual connection around a linear bottleneck.
    Add(Blocked<'a>),
}

pub(crate) struct PointwiseRow {
    pub(crate) kernel: Kernel,
    /// Output channels of a tile, and its functions for 1, 2, … pixels.
    lanes: usize,
    tiles: &'static [TileFn],
}

rows! { PointwiseRow;
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_14x32_avx512: Pointwise, Avx512, {
        lanes: 32, tiles: tiles!(tile_avx512, 2, POINTWISE_STEP; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    };
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_14x16_avx512: Pointwise, Avx512, {
        lanes: 16, tiles: tiles!(tile_avx512, 1, POINTWISE_STEP; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    };
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_6x16_avx2: Pointwise, Avx2, {
        lanes: 16, tiles: tiles!(tile_avx2, 2, POINTWISE_STEP; 1 2 3 4 5 6),
    };
    pointwise_f32_4x8_portable: Pointwise, Portable, {
        lanes: 8, tiles: tiles!(tile_portable, 1, POINTWISE_STEP; 1 2 3 4),
    };
}

/// Panels smaller than this together stay in the first-level cache beside a tile's inputs and outputs.
const RESIDENT_BYTES: usize = 24 << 10;

/// A 1x1 convolution of one image by the packed panels `panels`, which become the blocks of `output`.
///
/// # Shapes
/// `input` [inputs, H, W] without padding; `output` [the panels' channels, H, W], with any padding, of which nothing
/// is written; a residual as `output`, with any padding.
///
/// # Panics
/// Where the shapes do not fit.
///
/// # Cost
/// H * W * inputs * 16 multiply-adds a panel.
pub fn pointwise(
    threads: &Threads,
    isa: Isa,
    input: Blocked<'_>,
    weights: &PackedPointwise,
    panels: Range<usize>,
    epilogue: Epilogue<'_>,
    output: &mut BlockedMut<'_>,
) {
    let packed = &weights.0;
    let (from, to) = (input.layout(), output.layout());
    assert!(from.is_compact(), "a pointwise convolution reads an image without padding");
    assert_eq!(from.channels(), packed.k, "input channels of a pointwise convolution");
    assert!(panels.end <= packed.count() && panels.len() == to.blocks(), "panels {panels:?} for {to:?}");
    assert_eq!((from.height(), from.width()), (to.height(), to.width()), "pixels of a pointwise convolution");
    if to.is_empty() {
        return;
    }
    let (residual, residual_block, residual_gap) = match epilogue {
        Epilogue::Add(added) => {
            let layout = added.layout();
            let shape = |of: Layout| (of.blocks(), of.height(), of.width());
            assert_eq!(shape(layout), shape(to), "a residual's shape");
            (added.data()[layout.origin()..].as_ptr(), layout.block_len(), layout.row_gap())
        }
        _ => (std::ptr::null(), 0, 0),
    };
    let rows = select(ROWS, isa);
    let (wide, narrow) = (&rows[0], &rows[rows.len() - 1]);
    let first = panels.start;
    let work = Work {
        base: Tile {
            input: input.data().as_ptr(),
            segment: LINE,
            segment_stride: from.block_len(),
            k: packed.k,
            weights: packed.weights()[first * packed.panel_len()..].as_ptr(),
            panel: packed.panel_len(),
            bias: packed.bias()[first * LINE..].as_ptr(),
            output: output.data_mut()[to.origin()..].as_mut_ptr(),
            output_block: to.block_len(),
            column: 0,
            width: to.width(),
            gap: to.row_gap(),
            residual,
            residual_block,
            residual_gap,
            relu6: matches!(epilogue, Epilogue::Relu6),
        },
        wide,
        narrow,
        wide_groups: panels.len() * LINE / wide.lanes,
        groups: panels.len() * LINE / wide.lanes + panels.len() * LINE % wide.lanes / narrow.lanes,
        weights_resident: panels.len() * packed.panel_len() * size_of::<f32>() <= RESIDENT_BYTES,
    };
    work.run(threads, to.pixels());
}

/// One call's tiles: groups of output channels times cuts of pixels.
struct Work {
    base: Tile,
    /// Tiles as wide as the instruction set has them, and the narrowest for the channels that remain.
    wide: &'static PointwiseRow,
    narrow: &'static PointwiseRow,
    wide_groups: usize,
    groups: usize,
    weights_resident: bool,
}

// SAFETY: the pointers come from borrows that outlive the call; threads read the inputs and write tiles of groups and
// pixels that no other thread has (`run` splits one axis into disjoint ranges).
unsafe impl Sync for Work {}

impl Work {
    fn run(&self, threads: &Threads, pixels: usize) {
        let parts = threads.count();
        if parts == 1 {
            self.tiles(0..self.groups, 0..pixels);
        } else if self.groups >= 4 * parts {
            // Many output channels: each thread reads only its own weights.
            threads.for_each(parts, |part| self.tiles(share(self.groups, parts, part), 0..pixels));
        } else {
            threads.for_each(parts, |part| self.tiles(0..self.groups, share(pixels, parts, part)));
        }
    }

    fn tiles(&self, groups: Range<usize>, pixels: Range<usize>) {
        if pixels.is_empty() {
            return;
        }
        let cut = Cut::new(pixels.len(), self.wide.tiles.len());
        if self.weights_resident {
            for index in 0..cut.count() {
                for group in groups.clone() {
                    self.tile(group, pixels.start, cut.tile(index));
                }
            }
        } else {
            for group in groups {
                for index in 0..cut.count() {
                    self.tile(group, pixels.start, cut.tile(index));
                }
            }
        }
    }

    fn tile(&self, group: usize, from: usize, (first, len): (usize, usize)) {
        let (row, lane) = if group < self.wide_groups {
            (self.wide, group * self.wide.lanes)
        } else {
            let lane = self.wide_groups * self.wide.lanes + (group - self.wide_groups) * self.narrow.lanes;
            (self.narrow, lane)
        };
        let (panel, within) = (lane / LINE, lane % LINE);
        let pixel = from + first;
        let base = &self.base;
        let (y, column) = (pixel / base.width, pixel % base.width);
        let residual = if base.residual.is_null() {
            base.residual
        } else {
            base.residual
                .wrapping_add(panel * base.residual_block + pixel * LINE + y * base.residual_gap + within)
        };
        let tile = Tile {
            input: base.input.wrapping_add(pixel * LINE),
            weights: base.weights.wrapping_add(panel * base.panel + within),
            bias: base.bias.wrapping_add(lane),
            output: base
                .output
                .wrapping_add(panel * base.output_block + pixel * LINE + y * base.gap + within),
            column,
            residual,
            ..*base
        };
        // SAFETY: `pointwise` asserted that input, weights, bias, residual and output hold the pixels and panels that
        // this tile names; `row` was selected by the token of an instruction set that this processor runs.
        unsafe { row.tiles[len - 1](&tile) }
    }
}

/// The part of `0..whole` that is the `part`-th of `parts`, as even as they come.
pub(crate) fn share(whole: usize, parts: usize, part: usize) -> Range<usize> {
    whole * part / parts..whole * (part + 1) / parts
}
