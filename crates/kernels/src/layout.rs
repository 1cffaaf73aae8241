//! Where the values of a blocked image lie: `[C/16][top + H + bottom][left + W + right][16]`.
//!
//! All offsets and lengths are counted in values, so that a layout is the same for every element type. A **band** is some
//! rows of an image where they lie: its channel blocks are as far apart as the whole image's.

use std::ops::Range;

use crate::{element::LARGEST, geometry::Pads, line::BLOCK};

/// The sizes of a blocked image, and with them the place of each of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    channels: usize,
    height: usize,
    width: usize,
    pads: Pads,
    /// Values from one channel block to the next: those of the block, or more in a band of a higher image.
    block_len: usize,
}

impl Layout {
    /// The layout of an image of `height` x `width` pixels of `channels`, with `pads` pixels of zeros around it.
    ///
    /// # Panics
    /// If it would not fit the address space: every size and offset below is a part of that product.
    #[must_use]
    pub fn new(channels: usize, height: usize, width: usize, pads: Pads) -> Self {
        let sum = |n: usize, before: usize, after: usize| n.checked_add(before)?.checked_add(after);
        let bytes = || {
            let rows = sum(height, pads.top, pads.bottom)?;
            let columns = sum(width, pads.left, pads.right)?;
            let pixels = rows.checked_mul(columns)?.max(rows).max(columns);
            let lanes = channels.checked_next_multiple_of(BLOCK)?.max(BLOCK);
            pixels.checked_mul(lanes)?.checked_mul(LARGEST)
        };
        assert!(
            bytes().is_some(),
            "an image of {channels}x{height}x{width} is larger than the address space"
        );
        let rows = pads.top + height + pads.bottom;
        let block_len = rows * (pads.left + width + pads.right) * BLOCK;
        Self { channels, height, width, pads, block_len }
    }

    /// The layout of the band of these rows, and the offset of its first value in the image. The band's channel blocks are
    /// as far apart as the image's; it keeps the zeros to the left and right, not those above and below.
    ///
    /// # Panics
    /// If the image does not have the rows.
    #[must_use]
    pub fn band(&self, rows: Range<usize>) -> (Self, usize) {
        assert!(rows.start <= rows.end && rows.end <= self.height, "rows {rows:?} of {}", self.height);
        let offset = (self.pads.top + rows.start) * self.row_len();
        let pads = Pads { top: 0, bottom: 0, ..self.pads };
        (Self { height: rows.len(), pads, ..*self }, offset)
    }

    /// The layout of an image of `height` x `width` pixels of `channels` without zeros around it.
    #[must_use]
    pub fn compact(channels: usize, height: usize, width: usize) -> Self {
        Self::new(channels, height, width, Pads::default())
    }

    /// The layout of some of the channel blocks; the first value of the first of them is its first value.
    ///
    /// # Panics
    /// If the image does not have them.
    #[must_use]
    pub fn blocks_of(&self, blocks: Range<usize>) -> Self {
        assert!(blocks.start < blocks.end && blocks.end <= self.blocks(), "blocks {blocks:?} of {self:?}");
        Self { channels: self.channels.min(blocks.end * BLOCK) - blocks.start * BLOCK, ..*self }
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The number of rows, without padding.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The number of columns, without padding.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows and columns of zeros around the image.
    #[must_use]
    pub fn pads(&self) -> Pads {
        self.pads
    }

    /// The number of pixels, without padding.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The number of blocks of 16 channels; the last one may have fewer.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// The number of values from one row to the next.
    #[must_use]
    pub fn row_len(&self) -> usize {
        (self.pads.left + self.width + self.pads.right) * BLOCK
    }

    /// The number of values between a row's last pixel and the next row's first.
    #[must_use]
    pub fn row_gap(&self) -> usize {
        (self.pads.left + self.pads.right) * BLOCK
    }

    /// The number of values from one channel block to the next: those of a block with its padding, or more in a band.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.block_len
    }

    /// The number of values in one block's rows, its padding included.
    pub(crate) fn rows_len(&self) -> usize {
        (self.pads.top + self.height + self.pads.bottom) * self.row_len()
    }

    /// The number of values from the first block's first to the last block's last.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks().checked_sub(1).map_or(0, |others| others * self.block_len + self.rows_len())
    }

    /// Whether this is a whole image: nothing lies between its channel blocks.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.block_len == self.rows_len()
    }

    /// Whether the image has no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are no zeros around the image.
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.pads == Pads::default()
    }

    /// The offset of the first pixel in a block.
    #[must_use]
    pub fn origin(&self) -> usize {
        self.pads.top * self.row_len() + self.pads.left * BLOCK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "larger than the address space")]
    fn a_size_that_wraps_around_is_refused() {
        let _ = Layout::compact(1, 1, (1 << 60) + 1);
    }
}
