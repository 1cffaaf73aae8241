//! The last convolution in integers: 1x1, groups in, real numbers out, kept in 0 to 6.
//!
//! The real numbers lie as those of f32 do: sixteen channels of a pixel, then the next pixel's.

use std::ops::Range;

use super::{
    amx::{self, pairs::Factors},
    blocks::{BlockRow, Segment, segments, tiles},
    lanes::Lanes,
    layout::Grouping,
    packed::{GROUP, Outcome, PackedIntegers},
    portable::Portable,
    project::cut,
    tile::{Entry, Groups, biased, sums},
};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vnni};
use crate::{
    blocked::BlockedMut,
    isa::{Isa, shells},
    line::BLOCK,
    par::{Threads, share},
    row::rows,
};

/// A tile of pixels. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    entry: Entry,
    bias: *const i32,
    factors: *const f32,
    output: *mut f32,
    /// Values from one block to the next.
    block: usize,
}

type TileFn = unsafe fn(&Tile);

/// A kernel's functions for 1, 2, … pixels.
pub(crate) type LastRow = BlockRow<&'static [TileFn]>;

rows! { LastRow;
    #[cfg(target_arch = "x86_64")]
    last_i8_13x32_avx512vnni: IntegerLast, Avx512Vnni, { lanes: 32, tiles: tiles!(tile_avx512vnni, 2; 1 2 3 4 5 6 7 8 9 10 11 12 13),
    };
    #[cfg(target_arch = "x86_64")]
    last_i8_13x16_avx512vnni: IntegerLast, Avx512Vnni, { lanes: 16, tiles: tiles!(tile_avx512vnni, 1; 1 2 3 4 5 6 7 8 9 10 11 12 13),
    };
    #[cfg(target_arch = "x86_64")]
    last_i8_4x16_avxvnni: IntegerLast, AvxVnni, { lanes: 16, tiles: tiles!(tile_avxvnni, 1; 1 2 3 4) };
    #[cfg(target_arch = "x86_64")]
    last_i8_4x16_avx2: IntegerLast, Avx2, { lanes: 16, tiles: tiles!(tile_avx2, 1; 1 2 3 4) };
    last_i8_4x16_portable: IntegerLast, Portable, { lanes: 16, tiles: tiles!(tile_portable, 1; 1 2 3 4) };
}

/// # Safety
/// `tile` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn body<L: Lanes, const P: usize, const B: usize>(tile: &Tile) {
    // SAFETY: by the contract.
    unsafe {
        let start = biased::<L, P, B>(tile.bias);
        let sums = sums::<L, Groups, P, B>(&tile.entry, start);
        for b in 0..B {
            for p in 0..P {
                L::store_real(
                    sums[p][b],
                    tile.factors.add(b * BLOCK),
                    tile.output.add(b * tile.block + p * BLOCK),
                );
            }
        }
    }
}

shells! { [const P: usize, const B: usize](tile: &Tile);
    avx512vnni tile_avx512vnni = body::<Avx512Vnni, P, B>;
    avxvnni tile_avxvnni = body::<AvxVnni, P, B>;
    avx2 tile_avx2 = body::<Avx2, P, B>;
    portable tile_portable = body::<Portable, P, B>;
}

/// The kernels that compute so many output channels.
pub(crate) fn chosen(isa: Isa, lanes: usize) -> [Segment<&'static [TileFn]>; 3] {
    segments(ROWS, isa, lanes, 2 * BLOCK)
}

/// Computes the last convolution of one image.
///
/// # Shapes
/// `input` are groups, by [`Grouping::new`], of the image; `output` [outputs, H, W] without padding.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Cost
/// Pixels times inputs times outputs products of bytes.
pub fn last_integers(
    threads: &Threads,
    isa: Isa,
    weights: &PackedIntegers,
    input: &[u8],
    output: &mut BlockedMut<'_>,
) {
    let Outcome::Real(factors) = &weights.outcome else { panic!("the last convolution gives real numbers") };
    let to = output.layout();
    let pixels = to.pixels();
    let grouping = Grouping::new(isa, weights.groups());
    let group = input.len() / grouping.groups();
    assert_eq!(input.len(), group * grouping.groups(), "input of the last convolution");
    assert!(group >= grouping.group_len(pixels), "pixels of the last convolution");
    assert!(to.is_compact() && to.is_whole(), "the last convolution writes an image without padding");
    assert_eq!(to.channels(), weights.outputs(), "outputs of the last convolution");
    let base = Tile {
        entry: Entry {
            input: input.as_ptr(),
            apart: [GROUP / 2, group],
            pieces: weights.pieces(),
            weights: weights.weights.as_ptr(),
            panel: weights.panel_len(),
        },
        bias: weights.bias.as_ptr(),
        factors: factors.as_ptr(),
        output: output.data_mut().as_mut_ptr(),
        block: to.block_len(),
    };
    let work = Work { base, isa, pixels, grouping };
    let parts = threads.count();
    let pairs = weights.blocks().div_ceil(2);
    threads.for_each(parts, |part| {
        let own = share(pairs, parts, part);
        work.run(own.start * 2..(own.end * 2).min(weights.blocks()));
    });
}

struct Work {
    base: Tile,
    isa: Isa,
    pixels: usize,
    grouping: Grouping,
}

// SAFETY: the pointers come from borrows that outlive the call; threads read the inputs and write blocks that no other thread
// has (`last_integers` splits them into disjoint ranges).
unsafe impl Sync for Work {}

impl Work {
    fn run(&self, blocks: Range<usize>) {
        if blocks.is_empty() {
            return;
        }
        if let Some(row) = amx::last::chosen(self.isa) {
            let task = self.tiles().of(blocks);
            // SAFETY: pixels, panels and blocks exist, with what is read behind the last panel, as `last_integers`
            // asserted; the kernel was selected by the token of an instruction set that this processor runs.
            unsafe { (row.run)(&task) };
            return;
        }
        for segment in chosen(self.isa, blocks.len() * BLOCK) {
            let row = segment.row;
            for block in segment.blocks().map(|block| blocks.start + block) {
                for pixels in cut(0..self.pixels, row.tiles.len()) {
                    let base = &self.base;
                    let mut tile = *base;
                    tile.entry.input = base.entry.input.wrapping_add(pixels.start * BLOCK);
                    tile.entry.weights = base.entry.weights.wrapping_add(block * base.entry.panel);
                    tile.bias = base.bias.wrapping_add(block * BLOCK);
                    tile.factors = base.factors.wrapping_add(block * BLOCK);
                    tile.output = base.output.wrapping_add(block * base.block + pixels.start * BLOCK);
                    // SAFETY: pixels, panels and blocks exist, as `last_integers` asserted; the kernel was selected by the
                    // token of an instruction set that this processor runs.
                    unsafe { row.tiles[pixels.len() - 1](&tile) };
                }
            }
        }
    }
    /// All blocks of the image, for tiles.
    fn tiles(&self) -> amx::last::Task {
        let Tile { entry, bias, factors, output, block } = self.base;
        amx::last::Task {
            factors: Factors::new(&entry, bias, self.grouping),
            pixels: self.pixels,
            scales: factors,
            output,
            block,
        }
    }
}
