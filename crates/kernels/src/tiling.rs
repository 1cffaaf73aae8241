//! Which of an instruction set's tiles compute a row of output channels.

use crate::{
    isa::Isa,
    line::BLOCK,
    row::{forced, select},
    tile::TileRow,
};

/// With up to so many inputs a tile of one vector is the faster one: it can take each input from memory within the
/// multiply-add, which leaves more of the instruction window for the stores of one tile beside the sums of the next.
/// Above, two vectors need half the loads.
const SHORT: usize = 64;

/// Output channels that one kernel computes, tile by tile.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) row: &'static TileRow,
    /// The first channel, and how many tiles there are side by side.
    pub(crate) lane: usize,
    pub(crate) count: usize,
}

/// Which kernels compute `lanes` output channels: as many tiles as go of the widest that suits K inputs, then what is
/// narrower, down to half a panel. A row that `isa` prefers comes first wherever it fits.
pub(crate) fn tiling(rows: &'static [TileRow], isa: Isa, k: usize, lanes: usize) -> [Segment; 3] {
    let (preferred, rows) = (forced(rows, isa), select(rows, isa));
    let most = if k <= SHORT { BLOCK } else { 2 * BLOCK };
    let mut tiling = [Segment { row: &rows[0], lane: 0, count: 0 }; 3];
    let (mut lane, mut left) = (0, lanes.next_multiple_of(BLOCK / 2));
    for segment in &mut tiling {
        let widest = || rows.iter().filter(|row| row.lanes <= left.min(most)).max_by_key(|row| row.lanes);
        let narrowest = || rows.iter().min_by_key(|row| row.lanes);
        let row = preferred.filter(|row| row.lanes <= left).or_else(widest).or_else(narrowest);
        let Some(row) = row.filter(|_| left > 0) else { break };
        *segment = Segment { row, lane, count: (left / row.lanes).max(1) };
        lane += segment.count * row.lanes;
        left = left.saturating_sub(segment.count * row.lanes);
    }
    tiling
}
