//! The 1x1 convolution that narrows a block, by tiles: groups in, eighths of steps and groups out.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::{super::avx512::Avx512Vbmi2, hardware::Hardware};
use super::{
    super::{lanes::Lanes, portable::Portable, tile::ScaleTable},
    machine::Machine,
    pairs::{Ending, Factors, Quad, run},
    strips::Strips,
    unit::Tiles,
};
use crate::{
    isa::{Isa, shells},
    line::{BLOCK, LINE_BYTES},
    row::{Kernel, row, rows},
};

/// A projection of some pixels to some blocks. The pointers are those of the image's first pixel and of the first of all
/// blocks; null pointers are for what is not asked for. They are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) factors: Factors,
    /// The pixels to compute; the first is a multiple of four.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The first block of those that the factors have.
    pub(crate) first: usize,
    pub(crate) scales: ScaleTable,
    /// What is added everywhere.
    pub(crate) zero: i16,
    /// Eighths added and written, bytes from block to block.
    pub(crate) added: *const u8,
    pub(crate) eighths: *mut u8,
    pub(crate) block: usize,
    /// Groups written: bytes from pixel to pixel and from group to group, and pieces of 16 bytes of a group.
    pub(crate) output: *mut u8,
    pub(crate) pixel: usize,
    pub(crate) group: usize,
    pub(crate) beside: usize,
    /// With all bits; output channels.
    pub(crate) fine: bool,
    pub(crate) channels: usize,
}

impl Task {
    /// The task for some of the blocks and pixels.
    pub(crate) fn of(mut self, blocks: Range<usize>, pixels: Range<usize>) -> Self {
        let factors = &mut self.factors;
        factors.weights = factors.weights.wrapping_add(blocks.start * factors.panel);
        factors.bias = factors.bias.wrapping_add(blocks.start * BLOCK);
        factors.blocks = blocks.len();
        Self { first: self.first + blocks.start, start: pixels.start, end: pixels.end, ..self }
    }

    /// A piece of the output at a pixel.
    #[inline(always)]
    fn piece(&self, piece: usize, pixel: usize) -> *mut u8 {
        let (group, place) = (piece as u32 / self.beside as u32, piece as u32 % self.beside as u32);
        self.output.wrapping_add(group as usize * self.group + place as usize * BLOCK + pixel * self.pixel)
    }
}

type TaskFn = unsafe fn(&Task);

pub(crate) struct ProjectTiles {
    pub(crate) kernel: Kernel,
    pub(crate) run: TaskFn,
}

row!(ProjectTiles);

rows! { ProjectTiles;
    #[cfg(target_arch = "x86_64")]
    project_i8_32x32_amx: IntegerProject, Amx, { run: task_amx };
    project_i8_32x32_tilemachine: IntegerProject, TileMachine, { run: task_tilemachine };
}

shells! { [](task: &Task);
    amx task_amx = body::<Hardware, Avx512Vbmi2>;
    tilemachine task_tilemachine = body::<Machine, Portable>;
}

/// # Safety
/// `task` is as its fields say; the processor has the unit T and runs L's instruction set.
#[inline(always)]
unsafe fn body<T: Tiles, L: Lanes>(task: &Task) {
    // SAFETY: by the contract.
    unsafe { run::<T, L>(&task.factors, Strips::new(task.start..task.end), task) }
}

/// The kernel that `isa` has, if it has tiles.
pub(crate) fn chosen(isa: Isa) -> Option<&'static ProjectTiles> {
    ROWS.iter().find(|row| row.kernel.runs_on(isa))
}

impl<L: Lanes> Ending<L> for Task {
    #[inline(always)]
    unsafe fn end(&self, sums: *const u8, quad: Quad) {
        let (block, pixel) = (self.first + quad.block, quad.pixel);
        let at = block * self.block + pixel * BLOCK * 2;
        // SAFETY: by the contract; places of eighths are there up to the next multiple of four pixels.
        unsafe {
            let scales = self.scales.load::<L>(block);
            let zero = L::splat_half(self.zero);
            let four = quad.places(sums).map(|sums| L::bias(sums));
            let mut halves = [L::rescale(scales, four[0], four[1]), L::rescale(scales, four[2], four[3])];
            for (half, value) in halves.iter_mut().enumerate() {
                let at = at + half * LINE_BYTES;
                *value = L::add(*value, zero);
                if !self.added.is_null() {
                    *value = L::add(*value, L::load_half(self.added.wrapping_add(at)));
                }
                if !self.eighths.is_null() {
                    L::store_half(*value, self.eighths.wrapping_add(at));
                }
            }
            if !self.fine {
                let line = L::coarse(halves[0], halves[1]);
                return L::store_apart(line, self.piece(block, pixel), self.pixel, quad.count);
            }
            let [first, second] = L::fine(halves[0], halves[1]);
            L::store_apart(first, self.piece(2 * block, pixel), self.pixel, quad.count);
            if self.channels > block * BLOCK + BLOCK / 2 {
                L::store_apart(second, self.piece(2 * block + 1, pixel), self.pixel, quad.count);
            }
        }
    }
}
