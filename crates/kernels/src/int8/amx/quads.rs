//! The half of an expansion by tiles that makes quads of sums, and what both halves know.

use super::super::{lanes::Lanes, layout::QUAD, tile::ScaleTable};
use crate::line::LINE_BYTES;

/// Blocks of outputs whose weights are used together.
pub(super) const BLOCKS: usize = 4;

/// Tiles whose sums are kept.
pub(super) const KEPT: usize = 4;

/// Bytes of the sums of a pixel.
pub(super) const SUMS: usize = BLOCKS * LINE_BYTES;

/// An expansion of some pixels to some blocks. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    /// The first pixel; bytes from pixel to pixel, bytes of a pixel's group, and bytes from group to group.
    pub(crate) input: *const u8,
    pub(crate) pixel: usize,
    pub(crate) bytes: usize,
    pub(crate) group: usize,
    pub(crate) groups: usize,
    /// The first block's weights, and bytes from one panel to the next.
    pub(crate) weights: *const i8,
    pub(crate) panel: usize,
    pub(crate) bias: *const i32,
    pub(crate) scales: ScaleTable,
    pub(crate) blocks: usize,
    /// Rows and columns of pixels.
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// The quad of the first pixel, the pixel's place in it, bytes from row to row and from block to block.
    pub(crate) output: *mut u8,
    pub(crate) phase: usize,
    pub(crate) row_len: usize,
    pub(crate) block_len: usize,
}

/// The tiles of pixels that are computed for each four blocks.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) rows: usize,
    pub(super) count: usize,
    /// Rows that the last tile repeats.
    pub(super) repeated: usize,
}

/// The half that makes quads of sums, and the next one that it makes.
///
/// Pixels are counted over all tiles of all blocks, those that only a full tile would have included.
pub(super) struct Quads<L: Lanes> {
    ring: *const u8,
    /// Pixels of the tiles of four blocks, and rows of the ring.
    pixels: usize,
    kept: usize,
    /// The last pixel.
    last: usize,
    /// The first pixel: its place in the ring, its column and its row.
    at: usize,
    x: usize,
    y: usize,
    /// Pixels, and the first one's place in the quad.
    len: usize,
    place: usize,
    output: *mut u8,
    /// The first block, and blocks.
    first: usize,
    blocks: usize,
    scales: [L::Scales; BLOCKS],
}

impl<L: Lanes> Quads<L> {
    /// # Safety
    /// `task` is as its fields say and has blocks and pixels; the processor runs L's instruction set.
    #[inline(always)]
    pub(super) unsafe fn new(task: &Task, ring: *const u8, cut: Cut) -> Self {
        let len = (QUAD - task.phase).min(task.width);
        Self {
            ring,
            pixels: cut.rows * cut.count,
            kept: KEPT * cut.rows,
            last: len - 1,
            at: 0,
            x: 0,
            y: 0,
            len,
            place: task.phase,
            output: task.output,
            first: 0,
            blocks: task.blocks.min(BLOCKS),
            // SAFETY: by the contract.
            scales: unsafe { Self::scales(task, 0) },
        }
    }

    /// # Safety
    /// As [`Quads::new`].
    #[inline(always)]
    unsafe fn scales(task: &Task, first: usize) -> [L::Scales; BLOCKS] {
        // SAFETY: by the contract; where there are fewer blocks the last one stands for them.
        std::array::from_fn(|b| unsafe { task.scales.load::<L>((first + b).min(task.blocks - 1)) })
    }

    /// Makes the quads whose last pixel is before `limit`.
    ///
    /// # Safety
    /// As [`Quads::new`]; the sums of pixels before `limit` are in the ring, unless their quad was made.
    #[inline(always)]
    pub(super) unsafe fn until(&mut self, task: &Task, limit: usize) {
        while self.last < limit {
            // SAFETY: by the contract.
            unsafe {
                self.make(task);
                self.step(task);
            }
        }
    }

    /// # Safety
    /// As [`Quads::until`], for the next quad.
    #[inline(always)]
    unsafe fn make(&self, task: &Task) {
        // Places without a pixel take one that there is, and are cleared.
        let sums: [*const u8; QUAD] = std::array::from_fn(|place| {
            let at = self.at + place.saturating_sub(self.place).min(self.len - 1);
            self.ring.wrapping_add(if at >= self.kept { at - self.kept } else { at } * SUMS)
        });
        let keep = ((1u8 << self.len) - 1) << self.place;
        for b in 0..self.blocks {
            // SAFETY: by the contract.
            unsafe {
                let four = sums.map(|sums| L::bias(sums.add(b * LINE_BYTES).cast()));
                let first = L::rescale(self.scales[b], four[0], four[1]);
                let second = L::rescale(self.scales[b], four[2], four[3]);
                L::store(
                    L::transposed(first, second, keep),
                    self.output.wrapping_add((self.first + b) * task.block_len),
                );
            }
        }
    }

    /// # Safety
    /// As [`Quads::new`].
    #[inline(always)]
    unsafe fn step(&mut self, task: &Task) {
        self.x += self.len;
        self.at += self.len;
        let mut next = self.last + 1;
        self.place = 0;
        self.output = self.output.wrapping_add(LINE_BYTES);
        if self.x == task.width {
            (self.x, self.place, self.y) = (0, task.phase, self.y + 1);
            self.output = task.output.wrapping_add(self.y * task.row_len);
            if self.y == task.rows {
                self.y = 0;
                self.output = task.output;
                self.first += self.blocks;
                if self.first >= task.blocks {
                    self.last = usize::MAX;
                    return;
                }
                self.blocks = (task.blocks - self.first).min(BLOCKS);
                // SAFETY: by the contract.
                self.scales = unsafe { Self::scales(task, self.first) };
                // The last tile repeated some pixels.
                let missing = next.next_multiple_of(self.pixels) - next;
                next += missing;
                self.at += missing;
            }
        }
        if self.at >= self.kept {
            self.at -= self.kept;
        }
        self.len = (QUAD - self.place).min(task.width - self.x);
        self.last = next + self.len - 1;
    }
}
