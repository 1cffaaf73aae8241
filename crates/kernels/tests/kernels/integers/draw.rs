//! Drawn values, the layouts between int8 kernels, and what the oracle makes of them.

use icecap_kernels::int8::{Grouping, Quads, Reading, eighths_len};
use icecap_kernels::{BLOCK, ConvGeometry, Isa, Pads, Rescale, integer_oracle};

use crate::drawn::Draw;

/// What is in bytes that nobody may read or write.
pub(crate) const GUARD: u8 = 0xA5;

impl Draw<'_> {
    /// Bytes: drawn, or all of them the smallest or the largest.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        match self.below(8) {
            0 => vec![255; len],
            1 => vec![0; len],
            _ => (0..len).map(|_| self.below(256) as u8).collect(),
        }
    }

    pub(crate) fn weights(&mut self, len: usize) -> Vec<i8> {
        match self.below(8) {
            0 => vec![127; len],
            1 => vec![-127; len],
            _ => (0..len).map(|_| self.below(255) as i32 - 127).map(|weight| weight as i8).collect(),
        }
    }

    /// Biases: small ones, and the largest that there are.
    pub(crate) fn biases(&mut self, len: usize) -> Vec<i32> {
        let most = [1 << 8, 1 << 20, 1 << 28][self.below(3)];
        (0..len)
            .map(|_| match self.below(8) {
                0 => most,
                1 => -most,
                _ => self.below(2 * most as usize) as i32 - most,
            })
            .collect()
    }

    pub(crate) fn rescales(&mut self, len: usize) -> Vec<Rescale> {
        let one = |draw: &mut Self| {
            let multiplier = [1 << 10, 1 << 13, 1 << 15][draw.below(3)];
            Rescale::new(draw.below(14) as u8, draw.below(multiplier) as i16)
        };
        (0..len).map(|_| one(self).unwrap()).collect()
    }

    pub(crate) fn eighths(&mut self, len: usize) -> Vec<i16> {
        match self.below(8) {
            0 => vec![i16::MAX; len],
            1 => vec![i16::MIN; len],
            2 => (0..len).map(|_| self.below(1 << 16) as u16 as i16).collect(),
            _ => (0..len).map(|_| self.below(2048) as i16).collect(),
        }
    }
}

/// Groups of pixels, in a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Grouped {
    grouping: Grouping,
    pieces: usize,
    pixels: usize,
}

impl Grouped {
    pub(crate) fn new(isa: Isa, pieces: usize, pixels: usize) -> Self {
        Self { grouping: Grouping::new(isa, pieces), pieces, pixels }
    }

    pub(crate) fn len(self) -> usize {
        self.grouping.len(self.pixels)
    }

    /// The place of a byte of a piece of a pixel.
    pub(crate) fn at(self, piece: usize, pixel: usize, byte: usize) -> usize {
        let (group, place) = (piece / self.grouping.beside(), piece % self.grouping.beside());
        group * self.grouping.group_len(self.pixels) + pixel * self.grouping.pixel_len() + place * 16 + byte
    }

    /// The piece, or none between pixels, and the pixel that a byte belongs to.
    fn of(self, at: usize) -> (Option<usize>, usize) {
        let group_len = self.grouping.group_len(self.pixels);
        let (group, rest) = (at / group_len, at % group_len);
        let (pixel, place) = (rest / self.grouping.pixel_len(), rest % self.grouping.pixel_len() / 16);
        let beside = self.grouping.beside();
        ((place < beside).then_some(group * beside + place), pixel)
    }
}

impl Grouped {
    /// Checks that only some pixels were written, and that pieces that are not there are 0.
    pub(crate) fn check_outside(self, output: &[u8], pixels: std::ops::Range<usize>, case: &str) {
        for (at, &byte) in output.iter().enumerate() {
            let (piece, pixel) = self.of(at);
            match piece {
                Some(_) if !pixels.contains(&pixel) => {
                    assert_eq!(byte, GUARD, "{case}: wrote outside its pixels")
                }
                Some(piece) if piece >= self.pieces => assert_eq!(byte, 0, "{case}: pixel {pixel}, no piece"),
                Some(_) => {}
                None => assert_eq!(byte, GUARD, "{case}: wrote between its pixels"),
            }
        }
    }
}

/// Bytes of an image that a convolution reads: as the oracle takes them, with the weights that they meet.
pub(crate) struct Read {
    pub(crate) reading: Reading,
    channels: usize,
    planes: Vec<Vec<u8>>,
}

impl Read {
    pub(crate) fn draw(draw: &mut Draw<'_>, pixels: usize, channels: usize) -> Self {
        let image = draw.bytes(pixels * channels);
        if draw.chance() {
            return Self { reading: Reading::Bytes, channels, planes: vec![image] };
        }
        let mut lower = draw.bytes(pixels * channels);
        lower.iter_mut().for_each(|value| *value %= 8);
        Self { reading: Reading::Fine, channels, planes: vec![image, lower] }
    }

    /// The image in groups. What lies between the pixels and the groups' ends, and where a piece has no channel, is a guard;
    /// pieces that are not there are 0.
    pub(crate) fn groups(&self, isa: Isa) -> Vec<u8> {
        let pieces = self.reading.groups(self.channels);
        let pixels = self.planes[0].len() / self.channels;
        let grouped = Grouped::new(isa, pieces, pixels);
        let beside = grouped.grouping.beside();
        let mut to = vec![GUARD; grouped.len()];
        for (piece, pixel) in (pieces..pieces.next_multiple_of(beside))
            .flat_map(|piece| (0..pixels).map(move |pixel| (piece, pixel)))
        {
            to[grouped.at(piece, pixel, 0)..][..16].fill(0);
        }
        let each = BLOCK / self.planes.len();
        for (half, plane) in self.planes.iter().enumerate() {
            for (at, &value) in plane.iter().enumerate() {
                let (pixel, c) = (at / self.channels, at % self.channels);
                to[grouped.at(c / each, pixel, c % each + half * 8)] = value;
            }
        }
        to
    }

    pub(crate) fn sums(&self, weights: &[i8], bias: &[i32]) -> Vec<i32> {
        let mut sums = integer_oracle::pointwise(&self.planes[0], weights, bias);
        if let Some(lower) = self.planes.get(1) {
            let eighth: Vec<i8> =
                weights.iter().map(|&weight| ((i32::from(weight) + 4) >> 3) as i8).collect();
            let rest = integer_oracle::pointwise(lower, &eighth, &vec![0; bias.len()]);
            sums.iter_mut().zip(rest).for_each(|(sum, rest)| *sum += rest);
        }
        sums
    }
}

pub(crate) fn rescaled(sums: &[i32], rescale: &[Rescale]) -> Vec<i16> {
    sums.iter().zip(rescale.iter().cycle()).map(|(&sum, rescale)| rescale.apply(sum)).collect()
}

pub(crate) fn clamped(sums: &[i32], rescale: &[Rescale]) -> Vec<u8> {
    rescaled(sums, rescale).iter().map(|value| (*value).clamp(0, 255) as u8).collect()
}

/// A value's place in an image.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) channel: usize,
}

/// The byte of a place in quads with so many zeros around the image.
pub(crate) fn quad_at(quads: &Quads, pads: Pads, Place { row, column, channel }: Place) -> usize {
    let column = column + pads.left;
    channel / BLOCK * quads.block_len()
        + (pads.top + row) * quads.row_len()
        + column / 4 * 64
        + channel % BLOCK * 4
        + column % 4
}

/// An image [H, W, C] in quads, with zeros around it and in the lanes that no channel has.
pub(crate) fn quads_of(geometry: &ConvGeometry, channels: usize, image: &[u8]) -> Vec<u8> {
    let (quads, pads, width) = (Quads::new(geometry), geometry.pads(), geometry.input().1);
    let mut to = vec![0; channels.div_ceil(BLOCK) * quads.block_len()];
    for (at, &value) in image.iter().enumerate() {
        let (pixel, c) = (at / channels, at % channels);
        to[quad_at(&quads, pads, Place { row: pixel / width, column: pixel % width, channel: c })] = value;
    }
    to
}

/// Where an eighth of a pixel and a channel lies, in bytes.
pub(crate) fn eighth_at(block: usize, pixel: usize, channel: usize) -> usize {
    channel / BLOCK * block + pixel / 2 * 64 + (channel % BLOCK / 4 * 8 + pixel % 2 * 4 + channel % 4) * 2
}

pub(crate) fn packed_eighths(channels: usize, values: &[i16]) -> Vec<u8> {
    let block = eighths_len(values.len() / channels);
    let mut to = vec![GUARD; channels.div_ceil(BLOCK) * block];
    for (at, value) in values.iter().enumerate() {
        let place = eighth_at(block, at / channels, at % channels);
        to[place..place + 2].copy_from_slice(&value.to_ne_bytes());
    }
    to
}
