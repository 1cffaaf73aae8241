//! Kernels by the output channels that they compute at once, and which of them compute a row of channels.

use crate::{
    isa::Isa,
    line::BLOCK,
    row::{Kernel, Row, forced, select},
};

/// A kernel of an operation on int8, with its functions.
pub(crate) struct BlockRow<T: 'static> {
    pub(crate) kernel: Kernel,
    /// Output channels of a tile: whole blocks of 16, or half of one.
    pub(crate) lanes: usize,
    pub(crate) tiles: T,
}

impl<T> Row for BlockRow<T> {
    fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

/// Output channels that one kernel computes, tile by tile.
pub(crate) struct Segment<T: 'static> {
    pub(crate) row: &'static BlockRow<T>,
    /// The first block, and how many tiles there are side by side.
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl<T> Segment<T> {
    /// The first block of each tile.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = usize> + use<T> {
        let (first, each) = (self.first, self.row.lanes.div_ceil(BLOCK));
        (0..self.count).map(move |tile| first + tile * each)
    }
}

/// Which kernels compute `lanes` channels: as many whole tiles as go of the widest with up to `wanted` channels, then what is
/// narrower. A row that `isa` prefers comes first wherever it fits.
pub(crate) fn segments<T: Sync>(
    rows: &'static [BlockRow<T>],
    isa: Isa,
    lanes: usize,
    wanted: usize,
) -> [Segment<T>; 3] {
    let (preferred, rows) = (forced(rows, isa), select(rows, isa));
    let (mut first, mut left) = (0, lanes.next_multiple_of(BLOCK / 2));
    std::array::from_fn(|_| {
        // Half a block is the last one: a tile begins at a whole one.
        let fits = |row: &&BlockRow<T>| if row.lanes < BLOCK { left <= row.lanes } else { row.lanes <= left };
        let widest =
            || rows.iter().filter(fits).filter(|row| row.lanes <= wanted).max_by_key(|row| row.lanes);
        let narrowest = || rows.iter().filter(|row| row.lanes >= BLOCK).min_by_key(|row| row.lanes);
        let row = preferred.filter(|row| fits(row)).or_else(widest).or_else(narrowest);
        let Some(row) = row else { unreachable!("an instruction set has a kernel of every operation") };
        let count = if left == 0 { 0 } else { (left / row.lanes).max(1) };
        let segment = Segment { row, first, count };
        first += count * row.lanes.div_ceil(BLOCK);
        left = left.saturating_sub(count * row.lanes);
        segment
    })
}

/// A kernel's functions for so many pixels by B blocks.
macro_rules! tiles {
    ($tile:ident, $blocks:literal; $($pixels:literal)+) => {
        &[$($tile::<$pixels, $blocks>),+]
    };
}
pub(crate) use tiles;

/// The same for tiles that end in quads: of which the first pixel begins one, and of which it comes second in one.
macro_rules! phased_tiles {
    ($tile:ident, $blocks:literal; $($pixels:literal)+) => {
        [&[$($tile::<$pixels, $blocks, 0>),+], &[$($tile::<$pixels, $blocks, 1>),+]]
    };
}
pub(crate) use phased_tiles;
