//! The memory of a group of photos: what every layer of the tail gave, and the gradients on their way back.
//!
//! Images are blocked, and **tall**: within a block of channels the photos of the group lie one below the other. A 1x1
//! convolution sees one image without zeros around it; what a depthwise convolution reads has them around each photo, so that
//! one photo of one block is a plane of its own.

use std::ops::Range;

use icecap_kernels::{BLOCK, Blocked, BlockedMut, Buffer, ConvGeometry, Layout, Pads};

use crate::sections::Sections;

/// Photos of a group at most. Of 5x5 pixels a photo they are 200 rows of a matrix product: enough for the weights to be
/// fetched seldom.
pub const GROUP: usize = 8;

/// One pixel of zeros on every side.
const BORDER: Pads = Pads { top: 1, bottom: 1, left: 1, right: 1 };

/// Photos of one size below each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tall {
    photos: usize,
    height: usize,
    width: usize,
    pads: Pads,
}

impl Tall {
    /// Without zeros around them.
    pub(crate) fn compact(photos: usize, (height, width): (usize, usize)) -> Self {
        Self { photos, height, width, pads: Pads::default() }
    }

    /// With the zeros that a depthwise convolution reads.
    pub(crate) fn padded(photos: usize, geometry: &ConvGeometry) -> Self {
        let (height, width) = geometry.input();
        Self { photos, height, width, pads: geometry.pads() }
    }

    /// With one pixel of zeros on every side.
    pub(crate) fn bordered(photos: usize, (height, width): (usize, usize)) -> Self {
        Self { photos, height, width, pads: BORDER }
    }

    /// From one photo's first row to the next one's.
    fn rows(&self) -> usize {
        self.pads.top + self.height + self.pads.bottom
    }

    /// The layout of so many channels.
    pub(crate) fn layout(&self, channels: usize) -> Layout {
        let height = self.photos * self.rows() - self.pads.top - self.pads.bottom;
        Layout::new(channels, height, self.width, self.pads)
    }

    /// Values of a block of channels.
    pub(crate) fn block_len(&self) -> usize {
        self.layout(BLOCK).len()
    }

    /// Values of one photo in a block, with its zeros.
    pub(crate) fn plane_len(&self) -> usize {
        self.block_len() / self.photos
    }

    /// The rows of a photo in the tall image.
    pub(crate) fn photo(&self, photo: usize) -> Range<usize> {
        let first = photo * self.rows();
        first..first + self.height
    }

    /// One photo of one block of channels, `data` being the block.
    pub(crate) fn plane<'a>(&self, photo: usize, lanes: usize, data: &'a [f32]) -> Blocked<'a> {
        let layout = Layout::new(lanes, self.height, self.width, self.pads);
        Blocked::new(layout, &data[photo * self.plane_len()..])
    }

    /// The tall image of so many channels that `data` holds.
    pub(crate) fn image<'a>(&self, channels: usize, data: &'a [f32]) -> Blocked<'a> {
        Blocked::new(self.layout(channels), data)
    }

    /// The same for writing.
    pub(crate) fn image_mut<'a>(&self, channels: usize, data: &'a mut [f32]) -> BlockedMut<'a> {
        BlockedMut::new(self.layout(channels), data)
    }

    /// Copies photos without zeros around them to where they have some; both are whole blocks of channels.
    ///
    /// A 1x1 convolution that writes short rows far from each other is slower than one that writes them in one run, and this
    /// copy after it.
    pub(crate) fn place(&self, compact: &[f32], image: &mut [f32]) {
        let (width, row) = (self.width * BLOCK, (self.pads.left + self.width + self.pads.right) * BLOCK);
        let first = self.pads.top * row + self.pads.left * BLOCK;
        let planes = image.chunks_exact_mut(self.plane_len()).zip(compact.chunks_exact(self.height * width));
        for (plane, compact) in planes {
            let rows = plane[first..].chunks_mut(row).zip(compact.chunks_exact(width));
            rows.for_each(|(to, from)| to[..width].copy_from_slice(from));
        }
    }

    /// A buffer of zeros for so many channels.
    pub(crate) fn zeros(&self, channels: usize) -> Buffer {
        Buffer::zeros(self.layout(channels).len())
    }
}

/// What a block leaves for its backward pass.
#[derive(Debug)]
pub(crate) struct BlockMemory {
    /// What its expansion gave; empty if it has none, since what enters is then convolved.
    pub(crate) expanded: Buffer,
    /// What left it.
    pub(crate) filtered: Buffer,
    /// The block's output.
    pub(crate) output: Buffer,
    /// The sums of the depthwise convolution's gradients over this group: `[blocks][9][16]` and `[blocks][16]`.
    pub(crate) d_weights: Buffer,
    pub(crate) d_bias: Buffer,
}

/// What enters the section behind so many blocks: what left the last of them, or the group's entry.
pub(crate) fn entering<'a>(entry: &'a [f32], before: &'a [BlockMemory]) -> &'a [f32] {
    before.last().map_or(entry, |block| &block.output)
}

/// Everything of one group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) photos: usize,
    /// The patches that the net's first convolution reads, 27 inputs a pixel; empty unless it is trained.
    pub(crate) patches: Buffer,
    /// What enters the first of the blocks.
    pub(crate) entry: Buffer,
    pub(crate) blocks: Vec<BlockMemory>,
    pub(crate) features: Buffer,
    pub(crate) d_features: Buffer,
    /// The gradient of what enters a section, and of what leaves it.
    pub(crate) d_input: Buffer,
    pub(crate) d_output: Buffer,
    /// The gradient of what a block's expansion gave, before its ReLU6.
    pub(crate) d_expanded: Buffer,
}

impl Group {
    /// Zeros for a group of `photos`.
    pub(crate) fn new(sections: &Sections, photos: usize) -> Self {
        let taps = crate::layer::TAPS;
        let (mut outward, mut inside) = (0, 0);
        let note = |largest: &mut usize, tall: Tall, channels| {
            *largest = (*largest).max(tall.layout(channels).len());
        };
        let entry = Tall::compact(photos, sections.entry);
        note(&mut outward, entry, sections.input());
        let blocks = sections
            .blocks
            .iter()
            .map(|block| {
                let (from, to) = (block.geometry.input(), block.geometry.output());
                note(&mut inside, Tall::compact(photos, from), block.expanded);
                note(&mut outward, Tall::compact(photos, to), block.output);
                let lanes = block.expanded.next_multiple_of(BLOCK);
                BlockMemory {
                    expanded: match block.expand {
                        Some(_) => Tall::compact(photos, from).zeros(block.expanded),
                        None => Buffer::zeros(0),
                    },
                    filtered: Tall::compact(photos, to).zeros(block.expanded),
                    output: Tall::compact(photos, to).zeros(block.output),
                    d_weights: Buffer::zeros(lanes * taps),
                    d_bias: Buffer::zeros(lanes),
                }
            })
            .collect();
        let side = Tall::compact(photos, sections.side);
        let patches = match sections.stem {
            Some(geometry) => Tall::compact(photos, geometry.output()).zeros(3 * taps),
            None => Buffer::zeros(0),
        };
        Self {
            photos,
            patches,
            entry: entry.zeros(sections.input()),
            blocks,
            features: side.zeros(sections.last[1]),
            d_features: side.zeros(sections.last[1]),
            d_input: Buffer::zeros(outward),
            d_output: Buffer::zeros(outward),
            d_expanded: Buffer::zeros(inside),
        }
    }
}
