//! What the bytes between the kernels add up to, channel by channel, where they lie: all that a correction of biases asks of
//! a photo. Sums of whole numbers, so it does not matter in which order.

use icecap_kernels::int8::{Grouping, Quads, Reading};
use icecap_kernels::{BLOCK, ConvGeometry, LINE_BYTES, WINDOW};

/// Bytes of a pixel that lie side by side.
const PIECE: usize = 16;

/// Columns that lie side by side in quads.
const QUAD: usize = 4;

/// Colors of a pixel of an image.
const RGB: usize = 3;

/// Bytes of an image, N of a pixel at a time: their sums, and how many are neither 0 nor 255. A sum is at most 255 for each
/// of 2^24 pixels.
#[derive(Clone, Copy)]
struct Counted<const N: usize> {
    sums: [u32; N],
    inside: [u32; N],
}

impl<const N: usize> Counted<N> {
    const NOTHING: Self = Self { sums: [0; N], inside: [0; N] };

    #[inline(always)]
    fn add(&mut self, bytes: &[u8; N]) {
        for ((sum, inside), &byte) in self.sums.iter_mut().zip(&mut self.inside).zip(bytes) {
            *sum += u32::from(byte);
            *inside += u32::from(byte.wrapping_sub(1) < u8::MAX - 1);
        }
    }
}

/// The bytes behind a ReLU6: of each channel the sum, and how many are neither 0 nor 255.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bytes {
    pub(crate) sums: Vec<i64>,
    pub(crate) inside: Vec<usize>,
}

/// Sums of what a 1x1 convolution reads of each channel: the bytes, and where all bits are read, the lower three.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) upper: Vec<i64>,
    pub(crate) lower: Vec<i64>,
}

/// An image in groups.
#[derive(Clone, Copy)]
pub(crate) struct Groups<'a> {
    pub(crate) grouping: Grouping,
    pub(crate) pixels: usize,
    pub(crate) bytes: &'a [u8],
}

impl Groups<'_> {
    /// Counts a piece of all pixels.
    fn piece(self, index: usize) -> Counted<PIECE> {
        let Self { grouping, pixels, bytes } = self;
        let (group, place) = (index / grouping.beside(), index % grouping.beside() * PIECE);
        let group = &bytes[group * grouping.group_len(pixels)..];
        let mut counted = Counted::NOTHING;
        for pixel in group.chunks_exact(grouping.pixel_len()).take(pixels) {
            if let Some(piece) = pixel[place..].first_chunk() {
                counted.add(piece);
            }
        }
        counted
    }

    /// What a depthwise convolution of so many channels left.
    pub(crate) fn bytes(self, channels: usize) -> Bytes {
        let mut all = Bytes { sums: Vec::with_capacity(channels), inside: Vec::with_capacity(channels) };
        for index in 0..channels.div_ceil(PIECE) {
            let counted = self.piece(index);
            let own = PIECE.min(channels - index * PIECE);
            all.sums.extend(counted.sums[..own].iter().map(|&sum| i64::from(sum)));
            all.inside.extend(counted.inside[..own].iter().map(|&count| count as usize));
        }
        all
    }

    /// What a 1x1 convolution reads of so many channels.
    pub(crate) fn read(self, channels: usize, reading: Reading) -> Read {
        let side = match reading {
            Reading::Bytes => PIECE,
            Reading::Fine => PIECE / 2,
        };
        let mut all = Read { upper: Vec::with_capacity(channels), lower: Vec::new() };
        for index in 0..reading.groups(channels) {
            let sums = self.piece(index).sums.map(i64::from);
            let own = side.min(channels - index * side);
            all.upper.extend(&sums[..own]);
            if side < PIECE {
                all.lower.extend(&sums[side..side + own]);
            }
        }
        all
    }
}

/// What left a convolution of so many channels as quads. The zeros around the image count for nothing.
pub(crate) fn of_quads(quads: &Quads, channels: usize, bytes: &[u8]) -> Bytes {
    let mut all = Bytes { sums: vec![0; channels], inside: vec![0; channels] };
    for (block, bytes) in bytes.chunks_exact(quads.block_len()).enumerate() {
        let mut counted = Counted::<LINE_BYTES>::NOTHING;
        bytes.as_chunks().0.iter().for_each(|line| counted.add(line));
        let own = block * BLOCK..channels.min((block + 1) * BLOCK);
        let four = counted.sums.as_chunks::<QUAD>().0.iter().zip(counted.inside.as_chunks::<QUAD>().0);
        for (channel, (sums, inside)) in own.zip(four) {
            all.sums[channel] = sums.iter().map(|&sum| i64::from(sum)).sum();
            all.inside[channel] = inside.iter().sum::<u32>() as usize;
        }
    }
    all
}

/// The sums of what each tap of a depthwise window meets over all outputs, [9, channels].
pub(crate) fn taps_of_quads(geometry: &ConvGeometry, channels: usize, bytes: &[u8]) -> Vec<i64> {
    let quads = Quads::new(geometry);
    let mut all = vec![0; WINDOW * WINDOW * channels];
    for (block, bytes) in bytes.chunks_exact(quads.block_len()).enumerate() {
        let columns = columns(geometry, bytes, quads.row_len());
        for channel in block * BLOCK..channels.min((block + 1) * BLOCK) {
            let place = |column: usize| column / QUAD * LINE_BYTES + channel % BLOCK * QUAD + column % QUAD;
            let sums = taps(geometry, &columns, place);
            all[channel..].iter_mut().step_by(channels).zip(sums).for_each(|(to, sum)| *to = sum);
        }
    }
    all
}

/// The sums of what each tap of the first convolution's window meets over all outputs, [9, 3]; `padded` is the image with
/// zeros around it.
pub(crate) fn taps_of_image(geometry: &ConvGeometry, padded: &[u8]) -> Vec<i64> {
    let pads = geometry.pads();
    let row_len = (pads.left + geometry.input().1 + pads.right) * RGB;
    let columns = columns(geometry, padded, row_len);
    let mut all = vec![0; WINDOW * WINDOW * RGB];
    for color in 0..RGB {
        let sums = taps(geometry, &columns, |column| column * RGB + color);
        all[color..].iter_mut().step_by(RGB).zip(sums).for_each(|(to, sum)| *to = sum);
    }
    all
}

/// The sum over all rows that each row of the window meets, for each byte of a row.
fn columns(geometry: &ConvGeometry, bytes: &[u8], row_len: usize) -> [Vec<u32>; WINDOW] {
    let (stride, outputs) = (geometry.stride(), geometry.output().0);
    let row = |at: usize| &bytes[at * row_len..][..row_len];
    let mut sums = std::array::from_fn(|_| vec![0u32; row_len]);
    for at in 0..WINDOW {
        if at < stride {
            for y in 0..outputs {
                sums[at]
                    .iter_mut()
                    .zip(row(y * stride + at))
                    .for_each(|(sum, &byte)| *sum += u32::from(byte));
            }
            continue;
        }
        // The same rows as one row of the window above it, but for the first, and one more.
        let (first, more) = (row(at - stride), row(at - stride + stride * outputs));
        let above = sums[at - stride].iter().zip(first).zip(more);
        sums[at] = above.map(|((&sum, &first), &more)| sum - u32::from(first) + u32::from(more)).collect();
    }
    sums
}

/// The sums of what the taps of the window meet of one channel, whose bytes lie in a row at `place(column)`.
fn taps(
    geometry: &ConvGeometry,
    columns: &[Vec<u32>; WINDOW],
    place: impl Fn(usize) -> usize,
) -> [i64; WINDOW * WINDOW] {
    let (stride, outputs) = (geometry.stride(), geometry.output().1);
    std::array::from_fn(|tap| {
        let row = &columns[tap / WINDOW];
        (0..outputs).map(|x| i64::from(row[place(x * stride + tap % WINDOW)])).sum()
    })
}
