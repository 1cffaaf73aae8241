//! The 1x1 convolution that widens a block, in integers: groups in, quads out, kept in 0 to 255.
//!
//! A tile is some pixels of a row, up to a border of quads, by one, two or four blocks of output channels.

use std::ops::Range;

use super::{
    amx,
    blocks::{BlockRow, Segment, phased_tiles, segments},
    lanes::Lanes,
    layout::{Grouping, QUAD, Quads},
    packed::{GROUP, Outcome, PackedIntegers, Scales},
    portable::Portable,
    tile::{Entry, Groups, ToQuads, biased, sums, to_quads},
};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vnni};
use crate::{
    isa::{Isa, shells},
    line::{BLOCK, LINE_BYTES},
    row::rows,
};

/// A tile of pixels of one row. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    entry: Entry,
    bias: *const i32,
    end: ToQuads,
}

type TileFn = unsafe fn(&Tile);

/// A kernel's functions for 1, 2, … pixels of which the first begins a quad, and of which it comes second in one.
pub(crate) type ExpandRow = BlockRow<[&'static [TileFn]; 2]>;

rows! { ExpandRow;
    #[cfg(target_arch = "x86_64")]
    expand_i8_12x32_avx512vnni: IntegerExpand, Avx512Vnni, { lanes: 32, tiles: phased_tiles!(tile_avx512vnni, 2; 1 2 3 4 5 6 7 8 9 10 11 12),
    };
    #[cfg(target_arch = "x86_64")]
    expand_i8_12x16_avx512vnni: IntegerExpand, Avx512Vnni, { lanes: 16, tiles: phased_tiles!(tile_avx512vnni, 1; 1 2 3 4 5 6 7 8 9 10 11 12),
    };
    #[cfg(target_arch = "x86_64")]
    expand_i8_8x48_avx512vnni: IntegerExpand, Avx512Vnni, { lanes: 48, tiles: phased_tiles!(tile_avx512vnni, 3; 1 2 3 4 5 6 7 8),
    };
    #[cfg(target_arch = "x86_64")]
    expand_i8_4x16_avxvnni: IntegerExpand, AvxVnni, { lanes: 16, tiles: phased_tiles!(tile_avxvnni, 1; 1 2 3 4) };
    #[cfg(target_arch = "x86_64")]
    expand_i8_4x16_avx2: IntegerExpand, Avx2, { lanes: 16, tiles: phased_tiles!(tile_avx2, 1; 1 2 3 4) };
    expand_i8_4x16_portable: IntegerExpand, Portable, { lanes: 16, tiles: phased_tiles!(tile_portable, 1; 1 2 3 4) };
}

/// # Safety
/// `tile` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn body<L: Lanes, const P: usize, const B: usize, const PHASE: usize>(tile: &Tile) {
    // SAFETY: by the contract.
    unsafe {
        let start = biased::<L, P, B>(tile.bias);
        let sums = sums::<L, Groups, P, B>(&tile.entry, start);
        to_quads::<L, P, B, PHASE>(&sums, &tile.end);
    }
}

shells! { [const P: usize, const B: usize, const PHASE: usize](tile: &Tile);
    avx512vnni tile_avx512vnni = body::<Avx512Vnni, P, B, PHASE>;
    avxvnni tile_avxvnni = body::<AvxVnni, P, B, PHASE>;
    avx2 tile_avx2 = body::<Avx2, P, B, PHASE>;
    portable tile_portable = body::<Portable, P, B, PHASE>;
}

/// What an expansion does with an image.
#[derive(Clone)]
pub struct IntegerExpand<'a> {
    /// The packed weights of all output channels.
    pub weights: &'a PackedIntegers,
    /// The blocks of 16 output channels to compute.
    pub blocks: Range<usize>,
    /// The rows of the image to compute.
    pub rows: Range<usize>,
    /// The layout of the quads.
    pub quads: &'a Quads,
    /// The row of the quads' image that the first of `rows` becomes.
    pub at: usize,
}

/// Computes an expansion of some rows of one image.
///
/// # Shapes
/// `input` are groups, by [`Grouping::new`], of all pixels of the image; `output` are quads of `blocks` blocks.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Cost
/// Pixels times inputs times 16 products of bytes a block.
pub fn expand_integers(isa: Isa, step: &IntegerExpand<'_>, input: &[u8], output: &mut [u8]) {
    let IntegerExpand { weights, blocks, rows, quads, at } = step;
    let Outcome::Rescaled(scales) = &weights.outcome else { panic!("an expansion is rescaled") };
    let grouping = Grouping::new(isa, weights.groups());
    let group = input.len() / grouping.groups();
    assert_eq!(input.len(), group * grouping.groups(), "groups of an expansion");
    assert!(group >= grouping.group_len(rows.end * quads.image().1), "rows {rows:?} of an expansion");
    assert!(
        blocks.end <= weights.blocks() && !blocks.is_empty(),
        "blocks {blocks:?} of {}",
        weights.blocks()
    );
    assert!(at + rows.len() <= quads.image().0, "rows of quads");
    assert_eq!(output.len(), blocks.len() * quads.block_len(), "output of an expansion");
    let mut work = Work { step, scales, input, group, output };
    match amx::expand::chosen(isa) {
        _ if rows.is_empty() => {}
        Some(row) => work.by_tiles(row, grouping),
        None => work.by_blocks(isa),
    }
}

/// An expansion whose shapes fit.
struct Work<'a> {
    step: &'a IntegerExpand<'a>,
    scales: &'a Scales,
    input: &'a [u8],
    /// Bytes from group to group.
    group: usize,
    output: &'a mut [u8],
}

impl Work<'_> {
    fn by_blocks(&mut self, isa: Isa) {
        let IntegerExpand { blocks, rows, quads, at, .. } = self.step;
        let width = quads.image().1;
        let cut = Cut { width, phase: quads.left() % QUAD };
        let first_quad = quads.left() / QUAD;
        for segment in chosen(isa, blocks.len() * BLOCK, width) {
            let row = segment.row;
            for first in segment.blocks() {
                let base = self.tile(blocks.start + first, first);
                for (index, y) in rows.clone().enumerate() {
                    for pixels in cut.tiles(row.tiles[0].len()) {
                        let quad = first_quad + (pixels.start + cut.phase) / QUAD;
                        let place = quads.row(at + index) + quad * LINE_BYTES;
                        let mut tile = base;
                        tile.entry.input = base.entry.input.wrapping_add((y * width + pixels.start) * BLOCK);
                        tile.end.output = base.end.output.wrapping_add(place);
                        let phase = if pixels.start == 0 { cut.phase } else { 0 };
                        // SAFETY: the pixels lie in every group, the panels and scales of the row's blocks exist, and the
                        // quads of the tile lie in the row of each block, as `expand_integers` asserted; the kernel was
                        // selected by the token of an instruction set that this processor runs.
                        unsafe { row.tiles[phase][pixels.len() - 1](&tile) };
                    }
                }
            }
        }
    }

    /// The tile at the image's first pixel and the first quad of a block of the output.
    fn tile(&mut self, block: usize, output: usize) -> Tile {
        let weights = self.step.weights;
        Tile {
            entry: Entry {
                input: self.input.as_ptr(),
                apart: [GROUP / 2, self.group],
                pieces: weights.pieces(),
                weights: weights.weights[block * weights.panel_len()..].as_ptr(),
                panel: weights.panel_len(),
            },
            bias: weights.bias[block * BLOCK..].as_ptr(),
            end: ToQuads {
                scales: self.scales.from(block),
                output: self.output[output * self.step.quads.block_len()..].as_mut_ptr(),
                block: self.step.quads.block_len(),
            },
        }
    }

    fn by_tiles(&mut self, row: &amx::expand::ExpandTiles, grouping: Grouping) {
        let IntegerExpand { weights, blocks, rows, quads, at } = self.step;
        let width = quads.image().1;
        let output = quads.row(*at) + quads.left() / QUAD * LINE_BYTES;
        let task = amx::expand::Task {
            input: self.input[rows.start * width * grouping.pixel_len()..].as_ptr(),
            pixel: grouping.pixel_len(),
            bytes: grouping.read(),
            group: self.group,
            groups: grouping.groups(),
            weights: weights.weights[blocks.start * weights.panel_len()..].as_ptr(),
            panel: weights.panel_len(),
            bias: weights.bias[blocks.start * BLOCK..].as_ptr(),
            scales: self.scales.from(blocks.start),
            blocks: blocks.len(),
            rows: rows.len(),
            width,
            output: self.output[output..].as_mut_ptr(),
            phase: quads.left() % QUAD,
            row_len: quads.row_len(),
            block_len: quads.block_len(),
        };
        // SAFETY: the pixels lie in every group, the panels and scales of the blocks exist, with what is read behind the
        // last panel, and the rows of quads lie in each block, as `expand_integers` asserted; the kernel was selected by the
        // token of an instruction set that this processor runs.
        unsafe { (row.run)(&task) };
    }
}

/// How a row of pixels is cut into tiles: at borders of quads, as even as they come.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) width: usize,
    /// The first pixel's place in its quad.
    pub(crate) phase: usize,
}

impl Cut {
    /// The pixels of each tile, of which none has more than `most`.
    pub(crate) fn tiles(self, most: usize) -> impl Iterator<Item = Range<usize>> {
        let Self { width, phase } = self;
        let quads = (phase + width).div_ceil(QUAD);
        let count = if width <= most { 1 } else { quads.div_ceil(most / QUAD) };
        let (each, more) = (quads / count, quads % count);
        let pixel = move |quad: usize| (quad * QUAD).saturating_sub(phase).min(width);
        (0..count).map(move |index| {
            let first = index * each + index.min(more);
            let last = first + each + usize::from(index < more);
            pixel(first)..pixel(last)
        })
    }
}

/// The kernels that compute so many output channels of rows of this width.
pub(crate) fn chosen(isa: Isa, lanes: usize, width: usize) -> [Segment<[&'static [TileFn]; 2]>; 3] {
    // A row of few pixels does not fill a tile of many.
    segments(ROWS, isa, lanes, if width <= NARROW { 3 * BLOCK } else { 2 * BLOCK })
}

/// Rows of up to so many pixels are computed by tiles of few pixels and many channels.
const NARROW: usize = 8;
