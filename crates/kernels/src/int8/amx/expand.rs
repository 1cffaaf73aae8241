//! The 1x1 convolution that widens a block, by tiles: groups in, quads out.
//!
//! A tile is up to 16 pixels one behind the other, wherever rows end, by four blocks of sixteen outputs one after the
//! other. What is computed is one long row of products: of four blocks all tiles of pixels, then of the next four. The sums
//! of a product are stored two products later, and the quads of a tile are made two tiles later, a part of them behind each
//! product: so neither waits for the other. Between the two lies a ring of sums of four tiles in the first-level cache, in
//! which a quad finds its four pixels also where they belong to two tiles.
//!
//! Where a pixel's inputs are one group of up to 64 bytes the weights of four blocks stay in registers.

use std::mem::MaybeUninit;

#[cfg(target_arch = "x86_64")]
use super::super::avx512::Avx512Vbmi2;
#[cfg(target_arch = "x86_64")]
use super::hardware::Hardware;
pub(crate) use super::quads::Task;
use super::{
    super::{lanes::Lanes, portable::Portable},
    machine::Machine,
    quads::{BLOCKS, Cut, KEPT, Quads, SUMS},
    unit::{Config, Part, TILE_ROWS, Tiles},
};
use crate::{
    isa::{Isa, shells},
    line::{BLOCK, LINE_BYTES},
    row::{Kernel, row, rows},
};

/// Sums of the tiles that are kept; before them room for the rows that a last tile repeats.
#[repr(C, align(64))]
struct Ring([[u8; SUMS]; TILE_ROWS + KEPT * TILE_ROWS]);

type TaskFn = unsafe fn(&Task);

pub(crate) struct ExpandTiles {
    pub(crate) kernel: Kernel,
    pub(crate) run: TaskFn,
}

row!(ExpandTiles);

rows! { ExpandTiles;
    #[cfg(target_arch = "x86_64")]
    expand_i8_16x64_amx: IntegerExpand, Amx, { run: task_amx };
    expand_i8_16x64_tilemachine: IntegerExpand, TileMachine, { run: task_tilemachine };
}

shells! { [](task: &Task);
    amx task_amx = body::<Hardware, Avx512Vbmi2>;
    tilemachine task_tilemachine = body::<Machine, Portable>;
}

/// The kernel that `isa` has, if it has tiles.
pub(crate) fn chosen(isa: Isa) -> Option<&'static ExpandTiles> {
    ROWS.iter().find(|row| row.kernel.runs_on(isa))
}

/// # Safety
/// `task` is as its fields say; the processor has the unit T and runs L's instruction set.
#[inline(always)]
unsafe fn body<T: Tiles, L: Lanes>(task: &Task) {
    let pixels = task.rows * task.width;
    let count = pixels.div_ceil(TILE_ROWS);
    let rows = pixels.div_ceil(count);
    let cut = Cut { rows, count, repeated: count * rows - pixels };
    let sums = Part::sums(rows);
    let (read, weights) = (Part::pixels(rows, task.bytes), Part::weights(task.bytes));
    // Registers 0 to 2 are for sums in turn. Of one group: 3 for pixels, the others for weights. Of several: 3, 4 and 7 for
    // pixels, 5 and 6 for weights.
    let config = if task.groups == 1 {
        Config::new([sums, sums, sums, read, weights, weights, weights, weights])
    } else {
        Config::new([sums, sums, sums, read, read, weights, weights, read])
    };
    let mut ring = MaybeUninit::<Ring>::uninit();
    // SAFETY: by the contract. The ring has room for the rows before it.
    unsafe {
        let ring = ring.as_mut_ptr().cast::<u8>().add(TILE_ROWS * SUMS);
        let mut products = Products::<T> {
            tiles: T::configured(&config),
            ring,
            cut,
            // What is stored before there is anything: into the first place, where the first sums go afterwards.
            behind: [ring, ring],
            index: 0,
        };
        let mut quads = Quads::<L>::new(task, ring, cut);
        let mut turn = 0;
        for first in (0..task.blocks).step_by(BLOCKS) {
            let blocks = (task.blocks - first).min(BLOCKS);
            products.weights(task, first, blocks);
            let parts = [1, 2, 3, 4].map(|products: usize| (rows * products).div_ceil(blocks));
            for tile in 0..count {
                let at = At { tile, first, blocks, parts };
                match turn {
                    0 => products.tile::<L, 0, 1, 2>(task, &at, &mut quads),
                    1 => products.tile::<L, 1, 2, 0>(task, &at, &mut quads),
                    _ => products.tile::<L, 2, 0, 1>(task, &at, &mut quads),
                }
                turn = (turn + blocks) % 3;
            }
        }
        match turn {
            0 => products.finish::<1, 2>(),
            1 => products.finish::<2, 0>(),
            _ => products.finish::<0, 1>(),
        }
        quads.until(task, usize::MAX - 1);
    }
}

/// A tile of pixels by some blocks.
struct At {
    tile: usize,
    first: usize,
    blocks: usize,
    /// Of a tile's pixels those that can have their quads made behind each product.
    parts: [usize; BLOCKS],
}

/// The half that multiplies.
struct Products<T> {
    tiles: T,
    ring: *mut u8,
    cut: Cut,
    /// Where the sums of the product before the last go, and those of the last.
    behind: [*mut u8; 2],
    /// Tiles begun, of all blocks.
    index: usize,
}

// SAFETY of the blocks below: `task` is as its fields say, its config is in force, and tiles and blocks lie in it; the ring
// has a place for each row that is stored.
impl<T: Tiles> Products<T> {
    /// Keeps the weights of some blocks, if they are of one group.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn weights(&mut self, task: &Task, first: usize, blocks: usize) {
        if task.groups > 1 {
            return;
        }
        let of = |b: usize| task.weights.wrapping_add((first + b) * task.panel).cast::<u8>();
        // SAFETY: as above.
        unsafe {
            self.tiles.load::<4>(of(0), LINE_BYTES);
            if blocks > 1 {
                self.tiles.load::<5>(of(1), LINE_BYTES);
            }
            if blocks > 2 {
                self.tiles.load::<6>(of(2), LINE_BYTES);
            }
            if blocks > 3 {
                self.tiles.load::<7>(of(3), LINE_BYTES);
            }
        }
    }

    /// The products of a tile, whose sums lie in registers A, B, C and A again; what other tiles left in them is stored.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const A: u8, const B: u8, const C: u8>(
        &mut self,
        task: &Task,
        at: &At,
        quads: &mut Quads<L>,
    ) {
        let Cut { rows, count, repeated } = self.cut;
        let last = at.tile + 1 == count;
        let skipped = if last { repeated } else { 0 };
        let pixels = task.input.wrapping_add((at.tile * rows - skipped) * task.pixel);
        let place = self.ring.wrapping_add(self.index % KEPT * rows * SUMS).wrapping_sub(skipped * SUMS);
        // Quads whose last pixel is before this can be made: those of two tiles ago, part by part.
        let limits = at.parts.map(|part| (self.index * rows + part).saturating_sub(2 * rows));
        // SAFETY: as above.
        unsafe {
            self.tiles.load::<3>(pixels, task.pixel);
            if task.groups > 1 {
                self.tiles.load::<4>(pixels.wrapping_add(task.group), task.pixel);
            }
            if task.groups == 3 {
                self.tiles.load::<7>(pixels.wrapping_add(2 * task.group), task.pixel);
            }
            self.product::<A, B, 4>(task, at, pixels, (0, place));
            quads.until(task, limits[0]);
            if at.blocks > 1 {
                self.product::<B, C, 5>(task, at, pixels, (1, place));
                quads.until(task, limits[1]);
            }
            if at.blocks > 2 {
                self.product::<C, A, 6>(task, at, pixels, (2, place));
                quads.until(task, limits[2]);
            }
            if at.blocks > 3 {
                self.product::<A, B, 7>(task, at, pixels, (3, place));
                quads.until(task, limits[3]);
            }
        }
        self.index += 1;
    }

    /// The sums of block `b` in register S, with weights in register W where they are of one group; those of two products
    /// ago, in register O, are stored.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn product<const S: u8, const O: u8, const W: u8>(
        &mut self,
        task: &Task,
        at: &At,
        pixels: *const u8,
        (b, place): (usize, *mut u8),
    ) {
        let block = at.first + b;
        // SAFETY: as above.
        unsafe {
            self.tiles.load::<S>(task.bias.wrapping_add(block * BLOCK).cast(), 0);
            if task.groups == 1 {
                self.tiles.dot::<S, 3, W>();
            } else {
                let mut weights = task.weights.wrapping_add(block * task.panel).cast::<u8>();
                for group in 0..task.groups {
                    if group > 1 && task.groups > 3 {
                        self.tiles.load::<7>(pixels.wrapping_add(group * task.group), task.pixel);
                    }
                    if group % 2 == 0 {
                        self.tiles.load::<5>(weights, LINE_BYTES);
                    } else {
                        self.tiles.load::<6>(weights, LINE_BYTES);
                    }
                    match group {
                        0 => self.tiles.dot::<S, 3, 5>(),
                        1 => self.tiles.dot::<S, 4, 6>(),
                        _ if group % 2 == 0 => self.tiles.dot::<S, 7, 5>(),
                        _ => self.tiles.dot::<S, 7, 6>(),
                    }
                    weights = weights.wrapping_add(task.bytes * BLOCK);
                }
            }
            self.tiles.store::<O>(self.behind[0], SUMS);
        }
        self.behind = [self.behind[1], place.wrapping_add(b * LINE_BYTES)];
    }

    /// Stores the last sums but one, in register O, and the last.
    ///
    /// # Safety
    /// As above.
    #[inline(always)]
    unsafe fn finish<const O: u8, const S: u8>(&mut self) {
        // SAFETY: as above.
        unsafe {
            self.tiles.store::<O>(self.behind[0], SUMS);
            self.tiles.store::<S>(self.behind[1], SUMS);
        }
    }
}
