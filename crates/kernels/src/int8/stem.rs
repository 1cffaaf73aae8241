//! The first convolution in integers: 3x3, stride 2, from pixels of three bytes to quads, kept in 0 to 255.
//!
//! A row of the window is nine bytes side by side in the image: twelve are read, the last three against weights of 0. Pixels
//! that lie outside the image are 0, and what stands for zero in the others is taken from the bias; so the windows at each
//! border have a bias of their own.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vnni};
use super::{
    blocks::{BlockRow, Segment, phased_tiles, segments},
    expand::Cut,
    kept::{PackedBuffers, PackedValues},
    lanes::Lanes,
    layout::{QUAD, Quads},
    packed::{Scales, Source, padded, panels, panels_len},
    portable::Portable,
    tile::{Entry, ToQuads, Windows, sums, to_quads},
};
use crate::{
    buffer::Buffer,
    geometry::{ConvGeometry, WINDOW},
    isa::{Isa, shells},
    line::{BLOCK, LINE_BYTES},
    par::{Threads, share},
    rescale::Rescale,
    row::rows,
};

/// Ways in which a window can lie over the border: three of rows times three of columns.
const BORDERS: usize = 9;

/// Bytes of a pixel.
const RGB: usize = 3;

/// Bytes of a row of the window as they are read: the last three count nothing.
const READ: usize = 12;

/// Stride of the first convolution.
const STRIDE: usize = 2;

/// Weights of the first convolution in integers, packed: panels of 16 channels by 3 rows of 12 bytes, and nine biases.
#[derive(Clone, Debug)]
pub struct PackedIntegerStem {
    outputs: usize,
    weights: Buffer<i8>,
    /// Of each border all channels, padded to whole blocks.
    bias: Buffer<i32>,
    scales: Scales,
}

impl PackedIntegerStem {
    /// Packs `weights` [3, 3, 3, outputs], row-major, from -127 to 127, `bias` [9, outputs] and a [`Rescale`] for each
    /// output. Borders are three times their row, then their column, each 0 inside, 1 before the image's first and 2 behind
    /// its last.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[i8], bias: &[i32], rescale: &[Rescale]) -> Self {
        let outputs = rescale.len();
        assert_eq!(weights.len(), WINDOW * WINDOW * RGB * outputs, "weights of {outputs} outputs");
        assert_eq!(bias.len(), BORDERS * outputs, "a bias for each border of {outputs} outputs");
        let source = Source { weights, outputs };
        let input = |place: usize| {
            let (row, byte) = (place / READ, place % READ);
            (byte < WINDOW * RGB).then_some(row * WINDOW * RGB + byte)
        };
        let padded_len = outputs.next_multiple_of(BLOCK);
        let mut all = Buffer::zeros(BORDERS * padded_len);
        for (to, from) in all.chunks_exact_mut(padded_len.max(1)).zip(bias.chunks_exact(outputs.max(1))) {
            to.copy_from_slice(&padded(from.iter().copied()));
        }
        Self {
            outputs,
            weights: panels(source, WINDOW * READ, input, |_, weight| weight),
            bias: all,
            scales: Scales::pack(rescale),
        }
    }

    /// The buffers in the order of the file.
    #[must_use]
    pub fn values(&self) -> Vec<PackedValues<'_>> {
        let own = [PackedValues::I8(&self.weights), PackedValues::I32(&self.bias)];
        own.into_iter().chain(self.scales.values()).collect()
    }

    /// Takes up a convolution of so many outputs from the buffers that [`PackedIntegerStem::values`] gave. `None` if there
    /// are too few.
    #[must_use]
    pub fn unpack(outputs: usize, buffers: &mut impl PackedBuffers) -> Option<Self> {
        let weights = buffers.next(panels_len(outputs, WINDOW * READ))?;
        let bias = buffers.next(BORDERS * outputs.next_multiple_of(BLOCK))?;
        Some(Self { outputs, weights, bias, scales: Scales::unpack(outputs, buffers)? })
    }

    /// The number of blocks of 16 output channels.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.outputs.div_ceil(BLOCK)
    }

    fn panel_len(&self) -> usize {
        WINDOW * READ * BLOCK
    }

    /// Where the sums of a block start at a border.
    fn bias(&self, block: usize, border: usize) -> *const i32 {
        self.bias[(border * self.blocks() + block) * BLOCK..].as_ptr()
    }
}

/// A tile of outputs of one row. The pointers are valid for what [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    entry: Entry,
    /// Where the sums of the first pixel start, of those between, and of the last.
    bias: [*const i32; 3],
    end: ToQuads,
}

type TileFn = unsafe fn(&Tile);

/// A kernel's functions for 1, 2, … outputs of which the first begins a quad, and of which it comes second in one.
pub(crate) type StemRow = BlockRow<[&'static [TileFn]; 2]>;

rows! { StemRow;
    #[cfg(target_arch = "x86_64")]
    stem_i8_12x32_avx512vnni: IntegerStem, Avx512Vnni, { lanes: 32, tiles: phased_tiles!(tile_avx512vnni, 2; 1 2 3 4 5 6 7 8 9 10 11 12),
    };
    #[cfg(target_arch = "x86_64")]
    stem_i8_12x16_avx512vnni: IntegerStem, Avx512Vnni, { lanes: 16, tiles: phased_tiles!(tile_avx512vnni, 1; 1 2 3 4 5 6 7 8 9 10 11 12),
    };
    #[cfg(target_arch = "x86_64")]
    stem_i8_4x16_avxvnni: IntegerStem, AvxVnni, { lanes: 16, tiles: phased_tiles!(tile_avxvnni, 1; 1 2 3 4) };
    #[cfg(target_arch = "x86_64")]
    stem_i8_4x16_avx2: IntegerStem, Avx2, { lanes: 16, tiles: phased_tiles!(tile_avx2, 1; 1 2 3 4) };
    stem_i8_4x16_portable: IntegerStem, Portable, { lanes: 16, tiles: phased_tiles!(tile_portable, 1; 1 2 3 4) };
}

/// # Safety
/// `tile` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn body<L: Lanes, const P: usize, const B: usize, const PHASE: usize>(tile: &Tile) {
    // SAFETY: by the contract.
    unsafe {
        let of = |side: usize| -> [L::Sums; B] {
            std::array::from_fn(|b| L::bias(tile.bias[side].add(b * BLOCK)))
        };
        let mut start = [of(1); P];
        start[P - 1] = of(2);
        // A single output has the first's.
        start[0] = of(0);
        let sums = sums::<L, Windows, P, B>(&tile.entry, start);
        to_quads::<L, P, B, PHASE>(&sums, &tile.end);
    }
}

shells! { [const P: usize, const B: usize, const PHASE: usize](tile: &Tile);
    avx512vnni tile_avx512vnni = body::<Avx512Vnni, P, B, PHASE>;
    avxvnni tile_avxvnni = body::<AvxVnni, P, B, PHASE>;
    avx2 tile_avx2 = body::<Avx2, P, B, PHASE>;
    portable tile_portable = body::<Portable, P, B, PHASE>;
}

/// The kernels that compute so many output channels.
pub(crate) fn chosen(isa: Isa, lanes: usize) -> [Segment<[&'static [TileFn]; 2]>; 3] {
    segments(ROWS, isa, lanes, 2 * BLOCK)
}

/// The bytes of an image as the first convolution reads it: pixels of 0 around it, and some behind it.
#[must_use]
pub fn padded_image_len(geometry: &ConvGeometry) -> usize {
    padded_rows(geometry) * padded_row_len(geometry) + READ
}

fn padded_row_len(geometry: &ConvGeometry) -> usize {
    let pads = geometry.pads();
    (pads.left + geometry.input().1 + pads.right) * RGB
}

fn padded_rows(geometry: &ConvGeometry) -> usize {
    let pads = geometry.pads();
    pads.top + geometry.input().0 + pads.bottom
}

/// Copies rows of an image into the middle of zeros: `rows` of all rows with zeros, `pixels` giving each byte of a row of the
/// image by its index in the image.
pub fn pad_image(geometry: &ConvGeometry, mut copy: impl FnMut(Range<usize>, &mut [u8]), padded: &mut [u8]) {
    assert_eq!(padded.len(), padded_image_len(geometry), "a padded image");
    let ((height, width), pads, row_len) = (geometry.input(), geometry.pads(), padded_row_len(geometry));
    padded[..pads.top * row_len].fill(0);
    padded[(pads.top + height) * row_len..].fill(0);
    for (y, row) in padded[pads.top * row_len..].chunks_exact_mut(row_len).take(height).enumerate() {
        row[..pads.left * RGB].fill(0);
        row[(pads.left + width) * RGB..].fill(0);
        copy(y * width * RGB..(y + 1) * width * RGB, &mut row[pads.left * RGB..(pads.left + width) * RGB]);
    }
}

/// What the first convolution does with an image.
#[derive(Clone)]
pub struct IntegerStem<'a> {
    /// Sizes and padding; the stride is 2.
    pub geometry: &'a ConvGeometry,
    /// The packed weights.
    pub weights: &'a PackedIntegerStem,
    /// The rows of the output to compute.
    pub rows: Range<usize>,
    /// The layout of the quads.
    pub quads: &'a Quads,
    /// The row of the quads' image that the first of `rows` becomes.
    pub at: usize,
}

/// Computes some rows of the first convolution.
///
/// # Shapes
/// `image` as [`pad_image`] writes it; `output` are quads of all blocks.
///
/// # Panics
/// If the shapes do not fit.
///
/// # Cost
/// Output pixels times 36 times 16 products of bytes a block.
pub fn stem_integers(threads: &Threads, isa: Isa, step: &IntegerStem<'_>, image: &[u8], output: &mut [u8]) {
    let IntegerStem { geometry, weights, rows, quads: to, at } = step;
    let (height, width) = geometry.output();
    assert_eq!(geometry.stride(), STRIDE, "stride of the first convolution");
    assert_eq!(image.len(), padded_image_len(geometry), "a padded image");
    assert!(rows.end <= height && to.image().1 == width, "rows {rows:?} of the first convolution");
    assert!(at + rows.len() <= to.image().0, "rows of quads");
    assert_eq!(output.len(), weights.blocks() * to.block_len(), "output of the first convolution");
    let work = Work { geometry, weights, image, quads: to, output: output.as_mut_ptr(), isa };
    let parts = threads.count();
    threads.for_each(parts, |part| {
        let own = share(rows.len(), parts, part);
        work.run(rows.start + own.start..rows.start + own.end, at + own.start);
    });
}

struct Work<'a> {
    geometry: &'a ConvGeometry,
    weights: &'a PackedIntegerStem,
    image: &'a [u8],
    quads: &'a Quads,
    output: *mut u8,
    isa: Isa,
}

// SAFETY: the output comes from a borrow that outlives the call; threads write rows that no other thread has
// (`stem_integers` splits them into disjoint ranges).
unsafe impl Sync for Work<'_> {}

impl Work<'_> {
    /// Computes some rows, to those of the quads from `at` on.
    fn run(&self, rows: Range<usize>, at: usize) {
        let cut = Cut { width: self.quads.image().1, phase: self.quads.left() % QUAD };
        for segment in chosen(self.isa, self.weights.blocks() * BLOCK) {
            let row = segment.row;
            for block in segment.blocks() {
                for (index, y) in rows.clone().enumerate() {
                    for pixels in cut.tiles(row.tiles[0].len()) {
                        let phase = if pixels.start == 0 { cut.phase } else { 0 };
                        let quad = self.quads.left() / QUAD + (pixels.start + cut.phase) / QUAD;
                        let place = self.quads.row(at + index) + quad * LINE_BYTES;
                        let tile = self.tile(block, y, &pixels, place);
                        // SAFETY: the windows of the tile's outputs lie in the padded image, three bytes behind it
                        // included; panels, biases and scales of the row's blocks exist, and the quads lie in the row of
                        // each block, as `stem_integers` asserted; the kernel was selected by the token of an instruction
                        // set that this processor runs.
                        unsafe { row.tiles[phase][pixels.len() - 1](&tile) };
                    }
                }
            }
        }
    }

    fn tile(&self, block: usize, y: usize, pixels: &Range<usize>, place: usize) -> Tile {
        let (pads, (height, width)) = (self.geometry.pads(), self.geometry.input());
        let side = |place: usize, before: usize, len: usize| {
            if place * STRIDE < before { 1 } else { usize::from(place * STRIDE + WINDOW > before + len) * 2 }
        };
        let border = side(y, pads.top, height) * 3;
        let bias = |x: usize| self.weights.bias(block, border + side(x, pads.left, width));
        let row_len = padded_row_len(self.geometry);
        Tile {
            entry: Entry {
                input: self.image[y * STRIDE * row_len + pixels.start * STRIDE * RGB..].as_ptr(),
                apart: [row_len, 2 * row_len],
                pieces: WINDOW,
                weights: self.weights.weights[block * self.weights.panel_len()..].as_ptr(),
                panel: self.weights.panel_len(),
            },
            bias: [bias(pixels.start), self.weights.bias(block, border), bias(pixels.end - 1)],
            end: ToQuads {
                scales: self.weights.scales.from(block),
                output: self.output.wrapping_add(block * self.quads.block_len() + place),
                block: self.quads.block_len(),
            },
        }
    }
}
