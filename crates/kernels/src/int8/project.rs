//! The 1x1 convolution that narrows a block, in integers: groups in, eighths of steps and groups out.
//!
//! ```text
//! value[p][n] = rescaled sum + (zero, or what the block before gave)          16 bits, in eighths of a step
//! output      = the value as one byte, or with all of its bits as two
//! ```
//!
//! A tile is some pixels, wherever rows end, by one or two blocks of output channels. It begins at every fourth pixel; the
//! last one may have one more than the others, rather than be a tile of one.

use std::ops::Range;

use super::{
    amx::{self, pairs::Factors},
    blocks::{BlockRow, Segment, segments, tiles},
    lanes::Lanes,
    layout::{Grouping, QUAD, eighths_len},
    packed::{GROUP, Outcome, PackedIntegers, Reading},
    portable::Portable,
    tile::{Entry, Groups, ScaleTable, biased, sums},
};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vnni, avx512::Avx512VnniHalf};
use crate::{
    isa::{Isa, shells},
    line::{BLOCK, LINE_BYTES},
    par::{Threads, share},
    row::rows,
};

/// Where the values of a tile go and what is added to them. Null pointers are for what is not asked for.
#[derive(Clone, Copy)]
struct End {
    scales: ScaleTable,
    /// What is added everywhere.
    zero: i16,
    /// What is added besides, and the values written; bytes from one block to the next.
    added: *const u8,
    eighths: *mut u8,
    block: usize,
    /// Groups written, and bytes from one group to the next.
    output: *mut u8,
    group: usize,
    /// With all bits: output channels from the tile's first on.
    fine: bool,
    channels: usize,
}

/// A tile of pixels. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    entry: Entry,
    bias: *const i32,
    end: End,
}

type TileFn = unsafe fn(&Tile);

/// A kernel's functions for 1, 2, … pixels.
pub(crate) type ProjectRow = BlockRow<&'static [TileFn]>;

rows! { ProjectRow;
    #[cfg(target_arch = "x86_64")]
    project_i8_13x32_avx512vnni: IntegerProject, Avx512Vnni, { lanes: 32, tiles: tiles!(tile_avx512vnni, 2; 1 2 3 4 5 6 7 8 9 10 11 12 13),
    };
    #[cfg(target_arch = "x86_64")]
    project_i8_13x16_avx512vnni: IntegerProject, Avx512Vnni, { lanes: 16, tiles: tiles!(tile_avx512vnni, 1; 1 2 3 4 5 6 7 8 9 10 11 12 13),
    };
    #[cfg(target_arch = "x86_64")]
    project_i8_13x8_avx512vnni: IntegerProject, Avx512Vnni, {
        lanes: 8, tiles: tiles!(tile_avx512vnni_half, 1; 1 2 3 4 5 6 7 8 9 10 11 12 13),
    };
    #[cfg(target_arch = "x86_64")]
    project_i8_4x16_avxvnni: IntegerProject, AvxVnni, { lanes: 16, tiles: tiles!(tile_avxvnni, 1; 1 2 3 4) };
    #[cfg(target_arch = "x86_64")]
    project_i8_4x16_avx2: IntegerProject, Avx2, { lanes: 16, tiles: tiles!(tile_avx2, 1; 1 2 3 4) };
    project_i8_4x16_portable: IntegerProject, Portable, { lanes: 16, tiles: tiles!(tile_portable, 1; 1 2 3 4) };
}

/// # Safety
/// `tile` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn body<L: Lanes, const P: usize, const B: usize>(tile: &Tile) {
    // SAFETY: by the contract.
    unsafe {
        let start = biased::<L, P, B>(tile.bias);
        let sums = sums::<L, Groups, P, B>(&tile.entry, start);
        // Written out: a loop that is not unrolled would put all sums into memory.
        end::<L, P, B>(&sums, &tile.end, 0);
        if B > 1 {
            end::<L, P, B>(&sums, &tile.end, 1);
        }
    }
}

/// Writes what becomes of the sums of a block.
///
/// # Safety
/// `end` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn end<L: Lanes, const P: usize, const B: usize>(sums: &[[L::Sums; B]; P], end: &End, b: usize) {
    // SAFETY: by the contract.
    unsafe {
        let scales = end.scales.load::<L>(b);
        let zero = L::splat_half(end.zero);
        for quad in 0..P.div_ceil(QUAD) {
            // Places behind the last pixel hold it again: their values are never read.
            let pixel = |place: usize| sums[(quad * QUAD + place).min(P - 1)][b];
            let at = b * end.block + quad * 2 * LINE_BYTES;
            let mut halves = [L::rescale(scales, pixel(0), pixel(1)), L::rescale(scales, pixel(2), pixel(3))];
            for (half, value) in halves.iter_mut().enumerate() {
                *value = L::add(*value, zero);
                if !end.added.is_null() {
                    *value = L::add(*value, L::load_half(end.added.add(at + half * LINE_BYTES)));
                }
                if !end.eighths.is_null() {
                    L::store_half(*value, end.eighths.add(at + half * LINE_BYTES));
                }
            }
            let count = (P - quad * QUAD).min(QUAD);
            let to = |group: usize| end.output.add(group * end.group + quad * LINE_BYTES);
            if !end.fine {
                L::store_quarters(L::coarse(halves[0], halves[1]), to(b), count);
                continue;
            }
            let [first, second] = L::fine(halves[0], halves[1]);
            L::store_quarters(first, to(2 * b), count);
            if end.channels > b * BLOCK + BLOCK / 2 {
                L::store_quarters(second, to(2 * b + 1), count);
            }
        }
    }
}

shells! { [const P: usize, const B: usize](tile: &Tile);
    avx512vnni tile_avx512vnni = body::<Avx512Vnni, P, B>;
    avx512vnni tile_avx512vnni_half = body::<Avx512VnniHalf, P, B>;
    avxvnni tile_avxvnni = body::<AvxVnni, P, B>;
    avx2 tile_avx2 = body::<Avx2, P, B>;
    portable tile_portable = body::<Portable, P, B>;
}

/// The kernels that compute so many output channels.
pub(crate) fn chosen(isa: Isa, lanes: usize) -> [Segment<&'static [TileFn]>; 3] {
    segments(ROWS, isa, lanes, 2 * BLOCK)
}

/// What a projection does with an image.
#[derive(Clone, Copy)]
pub struct IntegerProject<'a> {
    /// The packed weights.
    pub weights: &'a PackedIntegers,
    /// The pixels to compute; the first is a multiple of four.
    pub pixels: (usize, usize),
    /// What is added to every value, in eighths of a step.
    pub zero: i16,
    /// The eighths of what the block before gave, if it is added.
    pub added: Option<&'a [u8]>,
    /// How what is written is read.
    pub writes: Reading,
}

/// What a projection writes.
pub struct Projected<'a> {
    /// Groups of the image.
    pub groups: &'a mut [u8],
    /// Eighths of the image, if the next block adds them.
    pub eighths: Option<&'a mut [u8]>,
}

/// Computes a projection of some pixels of one image.
///
/// # Shapes
/// `input` are groups, by [`Grouping::new`], of the image, `output.groups` groups for the channels that leave, `added` and
/// `output.eighths` blocks of eighths of them; `pixels` are the first pixel and the one behind the last.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Cost
/// Pixels times inputs times outputs products of bytes.
pub fn project_integers(
    threads: &Threads,
    isa: Isa,
    step: &IntegerProject<'_>,
    input: &[u8],
    output: &mut Projected<'_>,
) {
    let IntegerProject { weights, pixels: (start, end), zero, added, writes } = *step;
    let Outcome::Rescaled(scales) = &weights.outcome else { panic!("a projection is rescaled") };
    let (blocks, outputs) = (weights.blocks(), weights.outputs());
    let (reads, written) = (Grouping::new(isa, weights.groups()), Grouping::new(isa, writes.groups(outputs)));
    let (from, to) = (input.len() / reads.groups(), output.groups.len() / written.groups());
    let block = output.eighths.as_ref().map(|all| all.len()).or(added.map(<[u8]>::len)).unwrap_or(0) / blocks;
    assert!(start.is_multiple_of(QUAD) && start < end, "pixels {start} to {end} of a projection");
    assert_eq!(input.len(), from * reads.groups(), "input of a projection");
    assert_eq!(output.groups.len(), to * written.groups(), "output of a projection");
    assert!(from >= reads.group_len(end) && to >= written.group_len(end), "pixels of a projection");
    assert!(added.is_none_or(|added| added.len() == block * blocks), "what a projection adds");
    assert!(output.eighths.as_ref().is_none_or(|all| all.len() == block * blocks), "eighths of a projection");
    assert!(block == 0 || block >= eighths_len(end), "pixels of eighths");
    written.clear_missing(start..end, &mut output.groups[(written.groups() - 1) * to..]);
    let base = Tile {
        entry: Entry {
            input: input.as_ptr(),
            apart: [GROUP / 2, from],
            pieces: weights.pieces(),
            weights: weights.weights.as_ptr(),
            panel: weights.panel_len(),
        },
        bias: weights.bias.as_ptr(),
        end: End {
            scales: scales.from(0),
            zero,
            added: added.map_or(std::ptr::null(), <[u8]>::as_ptr),
            eighths: output.eighths.as_mut().map_or(std::ptr::null_mut(), |all| all.as_mut_ptr()),
            block,
            output: output.groups.as_mut_ptr(),
            group: to,
            fine: writes == Reading::Fine,
            channels: outputs,
        },
    };
    Work { base, isa, outputs, reads, written }.share_out(threads, start..end);
}

/// With fewer quads than this for a thread, threads share channels rather than pixels.
const FEW_QUADS: usize = 8;

struct Work {
    base: Tile,
    isa: Isa,
    outputs: usize,
    reads: Grouping,
    written: Grouping,
}

// SAFETY: the pointers come from borrows that outlive the call; threads read the inputs and write tiles of blocks and pixels
// that no other thread has (`project_integers` splits one of the two into disjoint ranges, pixels at multiples of four).
unsafe impl Sync for Work {}

impl Work {
    /// Computes all blocks of some pixels, a part of them on each thread.
    fn share_out(&self, threads: &Threads, pixels: Range<usize>) {
        let (quads, blocks) = (pixels.len().div_ceil(QUAD), self.outputs.div_ceil(BLOCK));
        let parts = threads.count();
        if parts > 1 && quads < FEW_QUADS * parts && blocks >= 2 * parts {
            // Each thread reads only its own weights.
            let pairs = blocks.div_ceil(2);
            threads.for_each(parts, |part| {
                let own = share(pairs, parts, part);
                self.run(own.start * 2..(own.end * 2).min(blocks), pixels.clone());
            });
            return;
        }
        threads.for_each(parts, |part| {
            let own = share(quads, parts, part);
            let own = pixels.start + own.start * QUAD..(pixels.start + own.end * QUAD).min(pixels.end);
            if !own.is_empty() {
                self.run(0..blocks, own);
            }
        });
    }

    fn run(&self, blocks: Range<usize>, pixels: Range<usize>) {
        if blocks.is_empty() {
            return;
        }
        if let Some(row) = amx::project::chosen(self.isa) {
            let task = self.tiles().of(blocks, pixels);
            // SAFETY: pixels, panels, groups and blocks of eighths exist, with what is read behind the last panel, as
            // `project_integers` asserted; the kernel was selected by the token of an instruction set that this
            // processor runs.
            unsafe { (row.run)(&task) };
            return;
        }
        let lanes = self.outputs.min(blocks.end * BLOCK) - blocks.start * BLOCK;
        for segment in chosen(self.isa, lanes) {
            let row = segment.row;
            for block in segment.blocks().map(|block| blocks.start + block) {
                let base = self.of_block(block);
                for tile in cut(pixels.clone(), row.tiles.len()) {
                    let mut at = base;
                    at.entry.input = base.entry.input.wrapping_add(tile.start * BLOCK);
                    at.end.output = base.end.output.wrapping_add(tile.start * BLOCK);
                    if !base.end.added.is_null() {
                        at.end.added = base.end.added.wrapping_add(tile.start * BLOCK * 2);
                    }
                    if !base.end.eighths.is_null() {
                        at.end.eighths = base.end.eighths.wrapping_add(tile.start * BLOCK * 2);
                    }
                    // SAFETY: pixels, panels, groups and blocks of eighths exist, as `project_integers` asserted; the
                    // kernel was selected by the token of an instruction set that this processor runs.
                    unsafe { row.tiles[tile.len() - 1](&at) };
                }
            }
        }
    }

    /// All blocks and pixels, for tiles.
    fn tiles(&self) -> amx::project::Task {
        let Tile { entry, bias, end } = self.base;
        amx::project::Task {
            factors: Factors::new(&entry, bias, self.reads),
            start: 0,
            end: 0,
            first: 0,
            scales: end.scales,
            zero: end.zero,
            added: end.added,
            eighths: end.eighths,
            block: end.block,
            output: end.output,
            pixel: self.written.pixel_len(),
            group: end.group,
            beside: self.written.beside(),
            fine: end.fine,
            channels: end.channels,
        }
    }

    /// The tile at the first pixel of a block.
    fn of_block(&self, block: usize) -> Tile {
        let mut tile = self.base;
        let end = &mut tile.end;
        tile.entry.weights = tile.entry.weights.wrapping_add(block * tile.entry.panel);
        tile.bias = tile.bias.wrapping_add(block * BLOCK);
        end.scales.shifts = end.scales.shifts.wrapping_add(block * BLOCK);
        end.scales.multipliers = end.scales.multipliers.wrapping_add(block * BLOCK);
        if !end.added.is_null() {
            end.added = end.added.wrapping_add(block * end.block);
        }
        if !end.eighths.is_null() {
            end.eighths = end.eighths.wrapping_add(block * end.block);
        }
        let groups = if end.fine { 2 * block } else { block };
        end.output = end.output.wrapping_add(groups * end.group);
        end.channels = self.outputs - block * BLOCK;
        tile
    }
}

/// Cuts pixels into tiles of up to `most`: each begins a multiple of four behind the first, and they are as even as they
/// come. Where one pixel would be left over and a tile can take it, the last one does.
pub(crate) fn cut(pixels: Range<usize>, most: usize) -> impl Iterator<Item = Range<usize>> {
    let len = pixels.len();
    let odd = !most.is_multiple_of(QUAD) && len % QUAD == 1 && len > 1;
    let quads = if odd { len / QUAD } else { len.div_ceil(QUAD) };
    let count = quads.div_ceil(most / QUAD);
    let (each, more) = (quads / count, quads % count);
    (0..count).map(move |index| {
        // The larger ones come last.
        let quad = |index: usize| index * each + index.saturating_sub(count - more);
        let start = pixels.start + quad(index) * QUAD;
        let end = if index + 1 == count { pixels.end } else { pixels.start + quad(index + 1) * QUAD };
        start..end
    })
}
