//! The last convolution, by tiles: 1x1, groups in, real numbers out.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::{super::avx512::Avx512Vbmi2, hardware::Hardware};
use super::{
    super::{lanes::Lanes, portable::Portable},
    machine::Machine,
    pairs::{Ending, Factors, Quad, run},
    strips::Strips,
    unit::Tiles,
};
use crate::{
    isa::{Isa, shells},
    line::BLOCK,
    row::{Kernel, row, rows},
};

/// The last convolution to some blocks. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) factors: Factors,
    pub(crate) pixels: usize,
    /// What the first block's sums are multiplied with.
    pub(crate) scales: *const f32,
    /// The first block, and values from one block to the next.
    pub(crate) output: *mut f32,
    pub(crate) block: usize,
}

impl Task {
    /// The task for some of the blocks.
    pub(crate) fn of(mut self, blocks: Range<usize>) -> Self {
        let factors = &mut self.factors;
        factors.weights = factors.weights.wrapping_add(blocks.start * factors.panel);
        factors.bias = factors.bias.wrapping_add(blocks.start * BLOCK);
        factors.blocks = blocks.len();
        self.scales = self.scales.wrapping_add(blocks.start * BLOCK);
        self.output = self.output.wrapping_add(blocks.start * self.block);
        self
    }
}

type TaskFn = unsafe fn(&Task);

pub(crate) struct LastTiles {
    pub(crate) kernel: Kernel,
    pub(crate) run: TaskFn,
}

row!(LastTiles);

rows! { LastTiles;
    #[cfg(target_arch = "x86_64")]
    last_i8_32x32_amx: IntegerLast, Amx, { run: task_amx };
    last_i8_32x32_tilemachine: IntegerLast, TileMachine, { run: task_tilemachine };
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
    unsafe { run::<T, L>(&task.factors, Strips::new(0..task.pixels), task) }
}

/// The kernel that `isa` has, if it has tiles.
pub(crate) fn chosen(isa: Isa) -> Option<&'static LastTiles> {
    ROWS.iter().find(|row| row.kernel.runs_on(isa))
}

impl<L: Lanes> Ending<L> for Task {
    #[inline(always)]
    unsafe fn end(&self, sums: *const u8, quad: Quad) {
        let output = self.output.wrapping_add(quad.block * self.block + quad.pixel * BLOCK);
        let scales = self.scales.wrapping_add(quad.block * BLOCK);
        for (pixel, sums) in quad.places(sums).into_iter().enumerate().take(quad.count) {
            // SAFETY: by the contract.
            unsafe { L::store_real(L::bias(sums), scales, output.wrapping_add(pixel * BLOCK)) };
        }
    }
}
