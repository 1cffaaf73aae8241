//! Kernels by the blocks of output channels that they compute at once, and which of them compute a row of blocks.

use crate::{
    isa::Isa,
    row::{Kernel, Row, forced, select},
};

/// A kernel of an operation on int8, with its functions.
pub(crate) struct BlockRow<T: 'static> {
    pub(crate) kernel: Kernel,
    /// Blocks of 16 output channels.
    pub(crate) blocks: usize,
    pub(crate) tiles: T,
}

impl<T> Row for BlockRow<T> {
    fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

/// Blocks that one kernel computes, tile by tile.
pub(crate) struct Segment<T: 'static> {
    pub(crate) row: &'static BlockRow<T>,
    /// The first block, and how many there are: a multiple of the row's.
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// Which kernels compute `blocks` blocks: as many whole tiles as go of the widest with up to `wanted` blocks, then what is
/// narrower. A row that `isa` prefers comes first wherever it fits.
pub(crate) fn segments<T: Sync>(
    rows: &'static [BlockRow<T>],
    isa: Isa,
    blocks: usize,
    wanted: usize,
) -> [Segment<T>; 3] {
    let (preferred, rows) = (forced(rows, isa), select(rows, isa));
    let mut first = 0;
    std::array::from_fn(|_| {
        let left = blocks - first;
        let widest = || rows.iter().filter(|row| row.blocks <= left.min(wanted)).max_by_key(|row| row.blocks);
        let row = preferred.filter(|row| row.blocks <= left).or_else(widest).unwrap_or(&rows[0]);
        let segment = Segment { row, first, count: left / row.blocks * row.blocks };
        first += segment.count;
        segment
    })
}
