//! The register tile of the int8 convolutions that see all channels at once: P pixels by B blocks of sixteen output channels.
//!
//! ```text
//! sums[p][b]  = bias[b]
//! sums[p][b] += input[p][4 k + 0..4] . weights[b][4 k + 0..4]          for each four inputs
//! ```
//!
//! Inputs come in pieces: of a 1x1 convolution halves of groups, 8 bytes, whose pixels are 16 bytes apart; of the first
//! convolution rows of the window, 12 bytes of which the last three have weights of 0, in windows 6 bytes apart. What
//! becomes of the sums is up to the operation.

use super::lanes::Lanes;
use crate::line::{BLOCK, LINE_BYTES};

/// Where a tile reads. The pointers are valid for what [`sums`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// The first pixel's first input.
    pub(crate) input: *const u8,
    /// Bytes from the first piece to the next, and to the one behind that: two by two they are alike.
    pub(crate) apart: [usize; 2],
    pub(crate) pieces: usize,
    /// The first block's weights, and bytes from one panel to the next.
    pub(crate) weights: *const i8,
    pub(crate) panel: usize,
}

/// A tile's shape in memory: bytes from pixel to pixel, and steps of four inputs in a piece.
pub(crate) trait Form {
    const PIXEL: usize;
    const STEPS: usize;
}

/// A 1x1 convolution.
pub(crate) struct Groups;

impl Form for Groups {
    const PIXEL: usize = 16;
    const STEPS: usize = 2;
}

/// The first convolution, over pixels of three bytes.
pub(crate) struct Windows;

impl Form for Windows {
    const PIXEL: usize = 6;
    const STEPS: usize = 3;
}

/// The sums of a tile, from `start` on.
///
/// # Safety
/// `entry` is as its fields say: P pixels of all pieces are readable, and B panels. The processor runs L's instruction
/// set.
#[inline(always)]
pub(crate) unsafe fn sums<L: Lanes, F: Form, const P: usize, const B: usize>(
    entry: &Entry,
    start: [[L::Sums; B]; P],
) -> [[L::Sums; B]; P] {
    let mut sums = start;
    let (mut input, mut weights) = (entry.input, entry.weights);
    let [mut next, both] = entry.apart;
    for _ in 0..entry.pieces {
        for step in 0..F::STEPS {
            // SAFETY: by the contract.
            unsafe {
                let at = weights.add(step * BLOCK * 4);
                let weights: [L::Weights; B] = std::array::from_fn(|b| L::weights(at.add(b * entry.panel)));
                for p in 0..P {
                    let pixel = L::broadcast(input.add(p * F::PIXEL + step * 4));
                    for b in 0..B {
                        sums[p][b] = L::dot(sums[p][b], pixel, weights[b]);
                    }
                }
            }
        }
        input = input.wrapping_add(next);
        next = both.wrapping_sub(next);
        weights = weights.wrapping_add(F::STEPS * LINE_BYTES);
    }
    sums
}

/// The same start for all pixels: the bias of B blocks.
///
/// # Safety
/// `bias` has B times 16 values; the processor runs L's instruction set.
#[inline(always)]
pub(crate) unsafe fn biased<L: Lanes, const P: usize, const B: usize>(bias: *const i32) -> [[L::Sums; B]; P] {
    // SAFETY: by the contract.
    let row: [L::Sums; B] = std::array::from_fn(|b| unsafe { L::bias(bias.add(b * BLOCK)) });
    [row; P]
}

/// Shifts and multipliers of a tile's first block.
#[derive(Clone, Copy)]
pub(crate) struct ScaleTable {
    pub(crate) shifts: *const i32,
    pub(crate) multipliers: *const i16,
}

impl ScaleTable {
    /// # Safety
    /// The tables have block `b`; the processor runs L's instruction set.
    #[inline(always)]
    pub(crate) unsafe fn load<L: Lanes>(&self, b: usize) -> L::Scales {
        // SAFETY: by the contract.
        unsafe { L::scales(self.shifts.add(b * BLOCK), self.multipliers.add(b * BLOCK)) }
    }
}

/// Quads that a tile ends in.
#[derive(Clone, Copy)]
pub(crate) struct ToQuads {
    pub(crate) scales: ScaleTable,
    /// The quad of the first pixel, and bytes from one block to the next.
    pub(crate) output: *mut u8,
    pub(crate) block: usize,
}

/// Writes sums as quads whose first has the first pixel at its place `PHASE`; what has no pixel is 0.
///
/// # Safety
/// `end` is as its fields say, for B blocks; the processor runs L's instruction set.
#[inline(always)]
pub(crate) unsafe fn to_quads<L: Lanes, const P: usize, const B: usize, const PHASE: usize>(
    sums: &[[L::Sums; B]; P],
    end: &ToQuads,
) {
    // SAFETY: by the contract. Written out: a loop that is not unrolled would put all sums into memory.
    unsafe {
        block_to_quads::<L, P, B, PHASE>(sums, end, 0);
        if B > 1 {
            block_to_quads::<L, P, B, PHASE>(sums, end, 1);
        }
        if B > 2 {
            block_to_quads::<L, P, B, PHASE>(sums, end, 2);
        }
    }
}

/// Writes the sums of block `b` of at most three as [`to_quads`] does.
///
/// # Safety
/// As [`to_quads`].
#[inline(always)]
unsafe fn block_to_quads<L: Lanes, const P: usize, const B: usize, const PHASE: usize>(
    sums: &[[L::Sums; B]; P],
    end: &ToQuads,
    b: usize,
) {
    // SAFETY: by the contract.
    let scales = unsafe { end.scales.load::<L>(b) };
    for quad in 0..(PHASE + P).div_ceil(4) {
        let (mut keep, mut four) = (0u8, [sums[0][b]; 4]);
        for place in 0..4 {
            let pixel = (quad * 4 + place).wrapping_sub(PHASE);
            if pixel < P {
                keep |= 1 << place;
                four[place] = sums[pixel][b];
            }
        }
        let first = L::rescale(scales, four[0], four[1]);
        let second = L::rescale(scales, four[2], four[3]);
        let line = L::transposed(first, second, keep);
        // SAFETY: by the contract.
        unsafe { L::store(line, end.output.add(b * end.block + quad * LINE_BYTES)) };
    }
}
