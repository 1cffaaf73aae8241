//! Where bytes lie between the int8 kernels.
//!
//! | name | order | for |
//! |---|---|---|
//! | groups | `[channels/16][pixels][16]`; for tiles `[channels/64][pixels][64]`, see [`Grouping`] | what 1x1 convolutions read |
//! | quads | `[channels/16][rows][columns/4][16 channels][4 columns]` | what depthwise convolutions read, zeros around it |
//! | eighths | `[channels/16][pixels/2][4][2 pixels][4 channels]`, 16 bits each | what blocks add |

use std::ops::Range;

use crate::{
    geometry::{ConvGeometry, WINDOW},
    isa::Isa,
    line::{BLOCK, LINE_BYTES},
};

/// Bytes of a pixel that lie side by side at least.
const PIECE: usize = 16;

/// Columns of a quad.
pub(crate) const QUAD: usize = 4;

/// Pieces of 16 bytes in the widest group.
const WIDEST: usize = 4;

/// How the bytes of a pixel lie in groups for an instruction set: pieces of 16 bytes each in a group of its own, or, for
/// tiles, whose rows want up to 64 bytes side by side, up to four in a group.
///
/// Of a pixel that has ten pieces three groups have four each. Pieces that are not there are 0: they meet any weights. A
/// group of three takes the room of four, so that no pixel lies across two cache lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    pieces: usize,
    beside: usize,
}

impl Grouping {
    /// The groups of so many pieces.
    ///
    /// # Panics
    /// For no pieces.
    #[must_use]
    pub fn new(isa: Isa, pieces: usize) -> Self {
        assert!(pieces > 0, "groups of no pieces");
        let groups = pieces.div_ceil(if isa.has_tiles() { WIDEST } else { 1 });
        Self { pieces, beside: pieces.div_ceil(groups) }
    }

    /// The number of groups.
    #[must_use]
    pub fn groups(self) -> usize {
        self.pieces.div_ceil(self.beside)
    }

    /// The number of pieces in a group. The last group may have fewer.
    #[must_use]
    pub fn beside(self) -> usize {
        self.beside
    }

    /// Bytes from pixel to pixel in a group.
    #[must_use]
    pub fn pixel_len(self) -> usize {
        self.beside.next_power_of_two() * PIECE
    }

    /// Bytes of a group of so many pixels, rounded up to whole lines.
    #[must_use]
    pub fn group_len(self, pixels: usize) -> usize {
        pixels.next_multiple_of(QUAD) * self.pixel_len()
    }

    /// Bytes of all groups of so many pixels.
    #[must_use]
    pub fn len(self, pixels: usize) -> usize {
        self.groups() * self.group_len(pixels)
    }

    /// Bytes of a pixel that are read of each group.
    pub(crate) fn read(self) -> usize {
        self.beside * PIECE
    }

    /// Sets to 0 the pieces of the last group that are not there, of some pixels; `group` are the bytes of the last group.
    pub(crate) fn clear_missing(self, pixels: Range<usize>, group: &mut [u8]) {
        let missing = self.groups() * self.beside - self.pieces;
        if missing == 0 {
            return;
        }
        for pixel in group.chunks_exact_mut(self.pixel_len()).take(pixels.end).skip(pixels.start) {
            pixel[(self.beside - missing) * PIECE..self.read()].fill(0);
        }
    }
}

/// The bytes of `channels / 16` groups of so many pixels; each group is rounded up to whole lines.
#[must_use]
pub fn group_len(pixels: usize) -> usize {
    pixels.next_multiple_of(QUAD) * BLOCK
}

/// The bytes of a block of eighths of so many pixels.
#[must_use]
pub fn eighths_len(pixels: usize) -> usize {
    pixels.next_multiple_of(QUAD) * BLOCK * 2
}

/// The place of quads that a depthwise convolution reads. Columns count from the left zeros on, rows from the upper ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quads {
    /// Quads in a row.
    quads: usize,
    /// Rows with zeros.
    rows: usize,
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Quads {
    /// The quads that a depthwise convolution of this geometry reads.
    #[must_use]
    pub fn new(geometry: &ConvGeometry) -> Self {
        let ((height, width), pads) = (geometry.input(), geometry.pads());
        // Four outputs read one quad more than they start in.
        let outputs = geometry.output().1.div_ceil(QUAD);
        let read = outputs * geometry.stride() + 1;
        let quads = read.max((pads.left + width).div_ceil(QUAD));
        // Where rows are left over by the stride no window reads them.
        let rows =
            (pads.top + height + pads.bottom).max((geometry.output().0 - 1) * geometry.stride() + WINDOW);
        Self { quads, rows, top: pads.top, left: pads.left, height, width }
    }

    /// Rows and columns of the image.
    #[must_use]
    pub fn image(&self) -> (usize, usize) {
        (self.height, self.width)
    }

    /// Columns of zeros to the left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_len(&self) -> usize {
        self.quads * LINE_BYTES
    }

    /// Bytes of a block of 16 channels.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.rows * self.row_len()
    }

    /// Where a row of the image starts in a block.
    pub(crate) fn row(&self, row: usize) -> usize {
        (self.top + row) * self.row_len()
    }

    /// Sets to zero what lies around the image in each block of `data`, and what the kernels that fill it leave out.
    ///
    /// # Panics
    /// If `data` is not a whole number of blocks.
    pub fn clear_around(&self, data: &mut [u8]) {
        assert!(data.len().is_multiple_of(self.block_len()), "whole blocks of quads");
        let row_len = self.row_len();
        let filled = (self.left + self.width).div_ceil(QUAD) * LINE_BYTES;
        for block in data.chunks_exact_mut(self.block_len()) {
            block[..self.top * row_len].fill(0);
            block[(self.top + self.height) * row_len..].fill(0);
            for row in block[self.top * row_len..][..self.height * row_len].chunks_exact_mut(row_len) {
                row[filled..].fill(0);
            }
        }
    }
}

/// Writes what a ReLU6 left as eighths of steps that are `1 << shift` times as large: what a first block adds.
///
/// # Shapes
/// `input` are quads of all blocks, laid out by `quads`; `eighths` blocks of eighths of the same pixels.
///
/// # Panics
/// If the shapes do not fit.
pub fn stem_eighths(quads: &Quads, shift: u32, input: &[u8], eighths: &mut [u8]) {
    let (height, width) = quads.image();
    let block = eighths_len(height * width);
    let blocks = eighths.len() / block;
    assert_eq!(eighths.len(), blocks * block, "blocks of eighths");
    assert_eq!(input.len(), blocks * quads.block_len(), "blocks of quads");
    for (input, output) in input.chunks_exact(quads.block_len()).zip(eighths.chunks_exact_mut(block)) {
        for pixel in 0..height * width {
            let (y, x) = (pixel / width, pixel % width + quads.left);
            let from = &input[quads.row(y) + x / QUAD * LINE_BYTES..][..LINE_BYTES];
            for c in 0..BLOCK {
                let value = (i16::from(from[c * QUAD + x % QUAD]) * 8) >> shift;
                let at = pixel / 2 * LINE_BYTES + (c / 4 * 8 + pixel % 2 * 4 + c % 4) * 2;
                output[at..at + 2].copy_from_slice(&value.to_ne_bytes());
            }
        }
    }
}
