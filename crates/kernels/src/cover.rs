//! Which of an instruction set's tiles cover a row of output channels.

use crate::{LINE, tile::TileRow};

/// Up to so many inputs a tile of one vector is the faster one: it can take each input from memory within the
/// multiply-add, which leaves more of the instruction window for the stores of one tile beside the sums of the next.
/// Above, two vectors need half the loads.
const SHORT: usize = 64;

/// Output channels that one kernel covers, tile by tile.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) row: &'static TileRow,
    /// The first channel, and how many tiles there are side by side.
    pub(crate) lane: usize,
    pub(crate) count: usize,
}

/// Which kernels cover `lanes` output channels: as many tiles as go of the widest that suits K inputs, then what is
/// narrower, down to half a panel.
pub(crate) fn cover(rows: &'static [TileRow], k: usize, lanes: usize) -> [Segment; 3] {
    let most = if k <= SHORT { LINE } else { 2 * LINE };
    let mut cover = [Segment { row: &rows[0], lane: 0, count: 0 }; 3];
    let (mut lane, mut left) = (0, lanes.next_multiple_of(LINE / 2));
    for segment in &mut cover {
        let widest = rows.iter().filter(|row| row.lanes <= left.min(most)).max_by_key(|row| row.lanes);
        let narrowest = || rows.iter().min_by_key(|row| row.lanes);
        let Some(row) = widest.or_else(narrowest).filter(|_| left > 0) else { break };
        *segment = Segment { row, lane, count: (left / row.lanes).max(1) };
        lane += segment.count * row.lanes;
        left = left.saturating_sub(segment.count * row.lanes);
    }
    cover
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Isa, pointwise, registry::select, stem};

    #[test]
    fn every_lane_is_covered_once_and_in_order() {
        for isa in Isa::available() {
            for rows in [select(pointwise::ROWS, isa), select(stem::ROWS, isa)] {
                for (k, lanes) in [16, 64, 65, 960].into_iter().flat_map(|k| (1..=200).map(move |n| (k, n))) {
                    let mut next = 0;
                    for segment in cover(rows, k, lanes).iter().filter(|segment| segment.count > 0) {
                        assert_eq!(segment.lane, next, "{isa}, {k} to {lanes}");
                        next += segment.count * segment.row.lanes;
                    }
                    assert!(next >= lanes && next < lanes + LINE, "{isa}, {k} to {lanes}: {next} covered");
                }
            }
        }
    }
}
