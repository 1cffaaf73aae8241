//! How pixels are cut into tiles.

use std::ops::Range;

use super::super::layout::QUAD;
use super::unit::TILE_ROWS;

/// Tiles of equally many pixels, each beginning a multiple of four behind the first. They overlap where they have to: the
/// last one ends with the pixels. What they share is computed twice, to the same values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strips {
    start: usize,
    /// Pixels of a tile.
    pub(crate) rows: usize,
    pub(crate) count: usize,
    /// Quads of pixels from the first tile's start to the last one's.
    span: usize,
}

impl Strips {
    /// # Panics
    /// If there are no pixels.
    pub(crate) fn new(pixels: Range<usize>) -> Self {
        let len = pixels.len();
        assert!(len > 0, "tiles of no pixels");
        // The start of the last tile has to be a multiple of four, too.
        let rows = if len <= TILE_ROWS { len } else { TILE_ROWS - (QUAD - len % QUAD) % QUAD };
        let span = (len - rows) / QUAD;
        let count = 1 + span.div_ceil((rows / QUAD).max(1));
        Self { start: pixels.start, rows, count, span }
    }

    /// The first pixel of a tile.
    pub(crate) fn start(&self, index: usize) -> usize {
        if self.count == 1 { self.start } else { self.start + self.span * index / (self.count - 1) * QUAD }
    }

    /// The quads of pixels that begin and end in a tile; in the last one also what is left over.
    pub(crate) fn quads(&self, index: usize) -> usize {
        if index + 1 == self.count { self.rows.div_ceil(QUAD) } else { self.rows / QUAD }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_the_same_size_and_their_quads_are_all_quads_once_or_twice() {
        for start in [0, 12] {
            for len in 1..=500 {
                let strips = Strips::new(start..start + len);
                assert!(
                    strips.rows <= TILE_ROWS && (len <= TILE_ROWS || strips.rows > TILE_ROWS - QUAD),
                    "{strips:?}"
                );
                assert!(strips.count <= 1 + len.div_ceil(12), "{strips:?}");
                let mut covered = start;
                for index in 0..strips.count {
                    let first = strips.start(index);
                    assert!(first.is_multiple_of(QUAD) && first <= covered, "{strips:?}, {index}");
                    assert!(first + strips.rows <= start + len, "{strips:?}, {index}");
                    let quads = strips.quads(index);
                    assert!(
                        quads > 0 && (first + strips.rows).next_multiple_of(QUAD) >= first + quads * QUAD
                    );
                    covered = first + quads * QUAD;
                }
                assert!(covered >= start + len && covered < start + len + QUAD, "{strips:?}");
            }
        }
    }
}
