//! Images [pixels, channels] in the layouts between int8 kernels, and out of them. `icecap_kernels::int8` has the layouts.

use icecap_kernels::int8::{Grouping, Quads, Reading, eighths_len};
use icecap_kernels::{BLOCK, Buffer, ConvGeometry, Isa};

/// Channels of a piece of 16 bytes in which each takes two.
const FINE: usize = BLOCK / 2;
/// Columns of a quad, and the bytes of sixteen channels of them.
const QUAD: usize = 4;
const QUAD_BYTES: usize = QUAD * BLOCK;

/// Groups of some pixels, of so many pieces of 16 bytes each.
pub(crate) struct Groups {
    grouping: Grouping,
    pixels: usize,
}

impl Groups {
    pub(crate) fn new(isa: Isa, pieces: usize, pixels: usize) -> Self {
        Self { grouping: Grouping::new(isa, pieces), pixels }
    }

    fn zeros(&self) -> Buffer<u8> {
        Buffer::zeros(self.grouping.len(self.pixels))
    }

    /// Where a byte of a piece of a pixel lies.
    fn at(&self, piece: usize, pixel: usize, byte: usize) -> usize {
        let beside = self.grouping.beside();
        let group = piece / beside * self.grouping.group_len(self.pixels);
        group + pixel * self.grouping.pixel_len() + piece % beside * BLOCK + byte
    }

    /// Where the byte of a channel lies.
    fn byte_at(&self, pixel: usize, channel: usize) -> usize {
        self.at(channel / BLOCK, pixel, channel % BLOCK)
    }

    /// Where the upper byte of an eighth lies that is read with all bits; the lower one is [`FINE`] behind it.
    fn fine_at(&self, pixel: usize, channel: usize) -> usize {
        self.at(channel / FINE, pixel, channel % FINE)
    }

    /// The image of `len` bytes that lies in `data`.
    pub(crate) fn bytes(&self, len: usize, data: &[u8]) -> Vec<u8> {
        image(self.pixels, len, |pixel, c| data[self.byte_at(pixel, c)])
    }

    /// The image of `len` values with all bits that lies in `data`, their upper and lower bytes.
    pub(crate) fn fine(&self, len: usize, data: &[u8]) -> Vec<[u8; 2]> {
        image(self.pixels, len, |pixel, c| {
            let at = self.fine_at(pixel, c);
            [data[at], data[at + FINE]]
        })
    }
}

/// An image [pixels, channels] of `len` values, each by its pixel and channel.
fn image<T>(pixels: usize, len: usize, value: impl Fn(usize, usize) -> T) -> Vec<T> {
    let channels = len / pixels;
    (0..len).map(|at| value(at / channels, at % channels)).collect()
}

/// Where an eighth lies, in bytes.
fn eighth_at(pixels: usize, pixel: usize, channel: usize) -> usize {
    let in_line = channel % BLOCK / 4 * 8 + pixel % 2 * 4 + channel % 4;
    channel / BLOCK * eighths_len(pixels) + pixel / 2 * QUAD_BYTES + in_line * 2
}

/// Where a byte of an image lies in the quads that a depthwise convolution of this geometry reads.
fn quad_at(geometry: &ConvGeometry, pixel: usize, channel: usize) -> usize {
    let (quads, pads, width) = (Quads::new(geometry), geometry.pads(), geometry.input().1);
    let (row, column) = (pads.top + pixel / width, pads.left + pixel % width);
    let in_quad = channel % BLOCK * QUAD + column % QUAD;
    channel / BLOCK * quads.block_len() + row * quads.row_len() + column / QUAD * QUAD_BYTES + in_quad
}

/// The upper eight bits of an eighth as it is read with all bits, and its lower three.
pub(crate) fn both(eighth: i16) -> [u8; 2] {
    let kept = eighth.clamp(0, 2047);
    [(kept >> 3) as u8, (kept & 7) as u8]
}

/// An eighth as it is read as a byte.
pub(crate) fn coarse(eighth: i16) -> u8 {
    (eighth.saturating_add(4) >> 3).clamp(0, 255) as u8
}

/// Bytes in groups.
pub(crate) fn groups(isa: Isa, channels: usize, image: &[u8]) -> Buffer<u8> {
    let groups = Groups::new(isa, Reading::Bytes.groups(channels), image.len() / channels);
    let mut data = groups.zeros();
    for (at, &value) in image.iter().enumerate() {
        data[groups.byte_at(at / channels, at % channels)] = value;
    }
    data
}

/// Eighths in groups as `reading` takes them.
pub(crate) fn groups_of_eighths(isa: Isa, reading: Reading, channels: usize, eighths: &[i16]) -> Buffer<u8> {
    if reading == Reading::Bytes {
        let image: Vec<u8> = eighths.iter().map(|&eighth| coarse(eighth)).collect();
        return groups(isa, channels, &image);
    }
    let groups = Groups::new(isa, reading.groups(channels), eighths.len() / channels);
    let mut data = groups.zeros();
    for (at, &eighth) in eighths.iter().enumerate() {
        let place = groups.fine_at(at / channels, at % channels);
        [data[place], data[place + FINE]] = both(eighth);
    }
    data
}

/// Bytes in the quads that a depthwise convolution of this geometry reads, zeros around them.
pub(crate) fn quads(geometry: &ConvGeometry, channels: usize, image: &[u8]) -> Buffer<u8> {
    let mut quads = Buffer::zeros(channels.div_ceil(BLOCK) * Quads::new(geometry).block_len());
    for (at, &value) in image.iter().enumerate() {
        quads[quad_at(geometry, at / channels, at % channels)] = value;
    }
    quads
}

/// Eighths as blocks add them.
pub(crate) fn eighths(channels: usize, image: &[i16]) -> Buffer<u8> {
    let pixels = image.len() / channels;
    let mut eighths = Buffer::zeros(channels.div_ceil(BLOCK) * eighths_len(pixels));
    for (at, value) in image.iter().enumerate() {
        let place = eighth_at(pixels, at / channels, at % channels);
        eighths[place..place + 2].copy_from_slice(&value.to_ne_bytes());
    }
    eighths
}

/// The image of `len` bytes that lies in quads.
pub(crate) fn of_quads(geometry: &ConvGeometry, len: usize, data: &[u8]) -> Vec<u8> {
    let (height, width) = geometry.input();
    image(height * width, len, |pixel, c| data[quad_at(geometry, pixel, c)])
}

/// The image of `len` eighths that blocks add.
pub(crate) fn of_eighths(pixels: usize, len: usize, data: &[u8]) -> Vec<i16> {
    image(pixels, len, |pixel, c| {
        let at = eighth_at(pixels, pixel, c);
        i16::from_ne_bytes([data[at], data[at + 1]])
    })
}
