//! Pointwise (1x1) convolution: a matrix product over the channels of each pixel.
//!
//! ```text
//! output[p][n] = act(bias[n] + sum over k of input[p][k] * weights[k][n])
//! ```
//!
//! Nine tenths of the net's multiply-adds are done here, so it is worth knowing how one call is laid out. Take 14 x 14
//! pixels, 96 channels in and 576 out, on AVX-512.
//!
//! **Output channels first.** The weights are packed in panels of 16 output channels (`panels.rs`). A kernel computes one
//! panel at a time, or two, or half of one; `tiling.rs` says which kernel computes which channels. Here 96 inputs are
//! many, so all 576 channels go to the kernel of two panels: 18 **groups** of 32.
//!
//! **Then pixels.** A kernel holds some pixels in registers, up to 14 of them by its 32 channels, and goes through all 96
//! inputs for these (`tile.rs`). A **line** of pixels is cut into such tiles, as even as they come: 20 pixels are two
//! tiles of ten, not one of 14 and a rest of six. What a line is depends on the zeros around the output:
//!
//! - Neither the output nor what is added, or masks, has zeros around it: both are **compact**. Rows follow each other without a
//!   gap, so the whole image is one line of 196 pixels, and where a row ends does not matter.
//! - There are zeros (a depthwise convolution comes next and wants them), and rows are at least [`NARROW`] pixels long:
//!   each row is a line, and tiles stay inside it.
//! - There are zeros and rows are shorter: tiles of so few pixels would waste most of their registers. The whole image is
//!   one line again, and a tile that runs over a row's end puts its pixels aside first, then where they belong.
//!
//! **Which loop is outside.** All panels of a call together may fit the first-level cache beside a tile's inputs and
//! outputs ([`RESIDENT_BYTES`]): then they are **resident**. The loop over pixels is the outer one, each tile's inputs are
//! fetched once, and the weights are found in the cache every time. Larger weights would push each other out: the loop
//! over groups is the outer one, each group's weights are fetched once, and the last tile asks for the next group's ahead
//! of time.
//!
//! **Walks.** Tiles of the same width, a fixed step apart, are computed in one call of the kernel: one group after the
//! other in the resident case, one cut after the other else.
//!
//! **Threads** split either the groups, if there are four or more for each thread, or the lines.
//!
//! A range of panels may be asked for instead of all: a block of the net expands a few channels, convolves them while they
//! are in the cache, and goes on with the next few.
//!
//! Neither tile nor thread changes a sum's order, from the bias through k = 0, 1, 2, …: the result has the same bits in
//! each of these cases. What it does badly: with few inputs (K below 32) writing the outputs costs more than computing
//! them.

use std::ops::Range;

use crate::{
    blocked::{Blocked, BlockedMut},
    cut::Cut,
    isa::Isa,
    layout::Layout,
    line::BLOCK,
    packed_pointwise::PackedPointwise,
    par::{Threads, share},
    row::rows,
    tile::{Image, POINTWISE_STEP, Step, Tile, TileRow, Walk, tiles},
    tiling::{Segment, tiling},
};

/// What happens to a sum before it is stored.
#[derive(Clone, Copy)]
pub enum Epilogue<'a> {
    /// Nothing: a linear bottleneck.
    Linear,
    /// The sum is clamped to [0, 6].
    Relu6,
    /// The block's input is added: a residual connection around a linear bottleneck.
    Add(Blocked<'a>),
    /// The sum is a gradient of what left a ReLU6, and the image is what left it: the sum is kept where the image lies
    /// strictly between 0 and 6, else the result is 0; it is 0 where the image is NaN.
    Masked(Blocked<'a>),
}

impl PackedPointwise {
    /// The convolution of all panels, ending with `epilogue`.
    #[must_use]
    pub fn whole<'a>(&'a self, epilogue: Epilogue<'a>) -> Pointwise<'a> {
        Pointwise { weights: self, panels: 0..self.panels(), epilogue }
    }
}

rows! { TileRow;
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_14x32_avx512: Pointwise, Avx512, {
        lanes: 32, tiles: tiles!(tile_avx512, 2, POINTWISE_STEP; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    };
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_14x16_avx512: Pointwise, Avx512, {
        lanes: 16, tiles: tiles!(tile_avx512, 1, POINTWISE_STEP; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    };
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_14x8_avx512: Pointwise, Avx512, {
        lanes: 8, tiles: tiles!(tile_avx512_half, 1, POINTWISE_STEP; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    };
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_6x16_avx2: Pointwise, Avx2, {
        lanes: 16, tiles: tiles!(tile_avx2, 2, POINTWISE_STEP; 1 2 3 4 5 6),
    };
    #[cfg(target_arch = "x86_64")]
    pointwise_f32_12x8_avx2: Pointwise, Avx2, {
        lanes: 8, tiles: tiles!(tile_avx2, 1, POINTWISE_STEP; 1 2 3 4 5 6 7 8 9 10 11 12),
    };
    pointwise_f32_4x8_portable: Pointwise, Portable, {
        lanes: 8, tiles: tiles!(tile_portable, 1, POINTWISE_STEP; 1 2 3 4),
    };
}

/// The tiles that compute `lanes` output channels of `k` inputs each.
pub(crate) fn segments(isa: Isa, k: usize, lanes: usize) -> [Segment; 3] {
    tiling(ROWS, isa, k, lanes)
}

/// Panels that take up no more than this together stay in the first-level cache beside a tile's inputs and outputs.
const RESIDENT_BYTES: usize = 24 << 10;

/// What a 1x1 convolution does with an image.
#[derive(Clone)]
pub struct Pointwise<'a> {
    /// The packed weights of all output channels.
    pub weights: &'a PackedPointwise,
    /// The panels to compute, 16 output channels each; they become the blocks of the output.
    pub panels: Range<usize>,
    /// What happens to each sum before it is stored.
    pub epilogue: Epilogue<'a>,
}

/// Computes a 1x1 convolution of one image.
///
/// # Shapes
/// `input` [inputs, H, W] without padding; `output` [the panels' channels, H, W] with any padding, of which nothing is
/// written; what is added, or masks, has `output`'s sizes, with any padding. Each may be a band.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Cost
/// H * W * inputs * 16 multiply-adds a panel.
pub fn pointwise(
    threads: &Threads,
    isa: Isa,
    step: &Pointwise<'_>,
    input: Blocked<'_>,
    output: &mut BlockedMut<'_>,
) {
    let Pointwise { weights, panels, epilogue } = step;
    let packed = &weights.0;
    let (from, to) = (input.layout(), output.layout());
    assert!(from.is_compact(), "a pointwise convolution reads an image without padding");
    assert_eq!(from.channels(), packed.k, "input channels of a pointwise convolution");
    assert!(panels.end <= packed.count() && panels.len() == to.blocks(), "panels {panels:?} for {to:?}");
    assert_eq!((from.height(), from.width()), (to.height(), to.width()), "pixels of a pointwise convolution");
    let lanes = packed.n.min(panels.end * BLOCK).saturating_sub(panels.start * BLOCK);
    assert_eq!(to.channels(), lanes, "output channels of a pointwise convolution");
    if to.is_empty() {
        return;
    }
    let residual = match epilogue {
        Epilogue::Add(added) | Epilogue::Masked(added) => {
            let layout = added.layout();
            let shape = |of: Layout| (of.blocks(), of.height(), of.width());
            assert_eq!(shape(layout), shape(to), "a residual's shape");
            let at = added.data()[layout.origin()..].as_ptr();
            Image { at, block: layout.block_len(), gap: layout.row_gap() }
        }
        _ => Image::NONE,
    };
    let first = panels.start;
    // Without a gap anywhere the image is one long row.
    let compact = to.row_gap() == 0 && residual.gap == 0;
    let width = if compact { to.pixels() } else { to.width() };
    let work = Work {
        base: Tile {
            input: input.data().as_ptr(),
            segment: BLOCK,
            segment_stride: from.block_len(),
            k: packed.k,
            weights: packed.weights()[first * packed.panel_len()..].as_ptr(),
            panel: packed.panel_len(),
            bias: packed.bias()[first * BLOCK..].as_ptr(),
            output: Image {
                at: output.data_mut()[to.origin()..].as_mut_ptr(),
                block: to.block_len(),
                gap: to.row_gap(),
            },
            residual,
            masked: matches!(epilogue, Epilogue::Masked(_)),
            column: 0,
            width,
            relu6: matches!(epilogue, Epilogue::Relu6),
            walk: Walk::ONE,
        },
        segments: segments(isa, packed.k, lanes),
        line: if width < NARROW { to.pixels() } else { width },
        weights_resident: panels.len() * packed.panel_len() * size_of::<f32>() <= RESIDENT_BYTES,
    };
    work.run(threads, to.pixels());
}

/// Rows of a padded image with fewer pixels than this are not worth tiles of their own.
const NARROW: usize = 8;

/// The tiles of one call: groups of output channels, and lines of pixels cut into tiles.
struct Work {
    base: Tile,
    segments: [Segment; 3],
    /// Pixels that are cut into tiles together: a row, or all.
    line: usize,
    weights_resident: bool,
}

// SAFETY: the pointers come from borrows that outlive the call; threads read the inputs and write tiles of groups and
// pixels that no other thread has (`run` splits one axis into disjoint ranges).
unsafe impl Sync for Work {}

impl Work {
    fn run(&self, threads: &Threads, pixels: usize) {
        let parts = threads.count();
        let groups = self.segments.iter().map(|segment| segment.count).sum();
        if parts == 1 {
            self.tiles(0..groups, 0..pixels);
        } else if groups >= 4 * parts {
            // Many output channels: each thread reads only its own weights.
            threads.for_each(parts, |part| self.tiles(share(groups, parts, part), 0..pixels));
        } else {
            threads.for_each(parts, |part| {
                let lines = share(pixels / self.line, parts, part);
                let pixels = match pixels / self.line {
                    1 => share(pixels, parts, part),
                    _ => lines.start * self.line..lines.end * self.line,
                };
                self.tiles(0..groups, pixels);
            });
        }
    }

    fn tiles(&self, groups: Range<usize>, pixels: Range<usize>) {
        let mut first = 0;
        for segment in &self.segments {
            let own = first..first + segment.count;
            first = own.end;
            let (start, end) = (groups.start.max(own.start), groups.end.min(own.end));
            if start < end && !pixels.is_empty() {
                self.segment(segment, start - own.start..end - own.start, &pixels);
            }
        }
    }

    /// Some of a segment's groups for some pixels: whole lines, or a part of the only one.
    fn segment(&self, segment: &Segment, groups: Range<usize>, pixels: &Range<usize>) {
        let (row, base) = (segment.row, &self.base);
        let line = self.line.min(pixels.len());
        let cut = Cut::new(line, row.tiles.len());
        let lines = pixels.clone().step_by(line);
        // Else a share of the pixels may start anywhere in a row, however short it is.
        let in_rows = self.line <= base.width;
        let lane = |group: usize| segment.lane + group * row.lanes;
        if self.weights_resident && groups.len() > 1 && row.lanes.is_multiple_of(BLOCK) {
            let step = base.beside(row.lanes);
            for start in lines {
                for (first, len) in (0..cut.count()).map(|index| cut.tile(index)) {
                    let walk = Walk { count: groups.len(), step, ahead: 0 };
                    self.walk(row, lane(groups.start), start + first, len, walk);
                }
            }
            return;
        }
        let next = row.lanes.div_ceil(BLOCK) * base.panel;
        for group in groups {
            let lane = lane(group);
            if cut.count() == 1 && in_rows && line == base.width {
                // Every line is one tile: all of them in one walk.
                let step = self.pixels_step(line, true);
                let walk = Walk { count: pixels.len() / line, step, ahead: next };
                self.walk(row, lane, pixels.start, line, walk);
                continue;
            }
            for start in lines.clone() {
                for (first, len, count) in cut.runs() {
                    let (first, last) = (start + first, start + first + len * count == pixels.end);
                    let ahead = if last { next } else { 0 };
                    if in_rows {
                        let walk = Walk { count, step: self.pixels_step(len, false), ahead };
                        self.walk(row, lane, first, len, walk);
                        continue;
                    }
                    // Tiles that run over row ends differ in their columns.
                    for index in 0..count {
                        let ahead = if index + 1 == count { ahead } else { 0 };
                        self.walk(row, lane, first + index * len, len, Walk { ahead, ..Walk::ONE });
                    }
                }
            }
        }
    }

    /// From one tile to the next `len` pixels of the same output channels, at the end of a row or inside it.
    fn pixels_step(&self, len: usize, row_end: bool) -> Step {
        let (gap, residual_gap) =
            if row_end { (self.base.output.gap, self.base.residual.gap) } else { (0, 0) };
        Step {
            input: len * BLOCK,
            weights: 0,
            bias: 0,
            output: len * BLOCK + gap,
            residual: len * BLOCK + residual_gap,
        }
    }

    /// Computes a walk's tiles of `len` pixels each, from the pixel `pixel` and the output channel `lane` on.
    fn walk(&self, row: &TileRow, lane: usize, pixel: usize, len: usize, walk: Walk) {
        let (panel, within) = (lane / BLOCK, lane % BLOCK);
        let base = &self.base;
        let (y, column) =
            if pixel < base.width { (0, pixel) } else { (pixel / base.width, pixel % base.width) };
        let to = |block: usize, gap: usize| panel * block + pixel * BLOCK + y * gap + within;
        let (output, residual) = (base.output, base.residual);
        let residual = match residual.at.is_null() {
            true => residual,
            false => Image { at: residual.at.wrapping_add(to(residual.block, residual.gap)), ..residual },
        };
        let tile = Tile {
            input: base.input.wrapping_add(pixel * BLOCK),
            weights: base.weights.wrapping_add(panel * base.panel + within),
            bias: base.bias.wrapping_add(lane),
            output: Image { at: output.at.wrapping_add(to(output.block, output.gap)), ..output },
            residual,
            column,
            walk,
            ..*base
        };
        // SAFETY: `pointwise` asserted that input, weights, bias, residual and output hold the pixels and panels that
        // these tiles name; the row was selected by the token of an instruction set that this processor runs.
        unsafe { row.tiles[len - 1](&tile) }
    }
}
