//! Depthwise 3x3 convolution in integers, stride 1 or 2: quads in, groups out, kept in 0 to 255.
//!
//! A product of four bytes sees four columns of a channel, of which a window needs three: the weights have a 0 at one end.
//! At stride 1 the four outputs that begin in a quad take `w0 w1 w2 0` and `0 w0 w1 w2`, first with the quad itself and then
//! with the four columns from its third on: four products and a shift for four outputs and a row of the window, where one
//! product for each weight would be twelve. At stride 2 each output takes one product with `w0 w1 w2 0`.
//!
//! Two rows of outputs share what they read.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vbmi2, avx512::Avx512Vnni};
use super::{
    kept::{PackedBuffers, PackedValues},
    lanes::Lanes,
    layout::{Grouping, QUAD, Quads},
    packed::{Scales, padded},
    portable::Portable,
    tile::ScaleTable,
};
use crate::{
    buffer::Buffer,
    geometry::{ConvGeometry, WINDOW},
    isa::{Isa, shells},
    line::{BLOCK, LINE_BYTES},
    rescale::Rescale,
    row::{Kernel, forced, row, rows, select},
};

/// Vectors of weights for a row of the window: with the 0 behind them, and before them.
const SIDES: usize = 2;

/// Weights of a depthwise 3x3 convolution in integers, packed: `[C/16][3][2][16][4]`.
#[derive(Clone, Debug)]
pub struct PackedIntegerDepthwise {
    channels: usize,
    weights: Buffer<i8>,
    bias: Buffer<i32>,
    scales: Scales,
}

impl PackedIntegerDepthwise {
    /// Packs `weights` [3, 3, channels], row-major, from -127 to 127, `bias` `[channels]` and a [`Rescale`] for each channel.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[i8], bias: &[i32], rescale: &[Rescale]) -> Self {
        let channels = bias.len();
        assert_eq!(weights.len(), WINDOW * WINDOW * channels, "depthwise weights of {channels} channels");
        assert_eq!(rescale.len(), channels, "a scale for each channel");
        let mut packed: Buffer<i8> = Buffer::zeros(packed_len(channels));
        for (tap, weights) in weights.chunks_exact(channels.max(1)).enumerate() {
            let (row, column) = (tap / WINDOW, tap % WINDOW);
            for (c, &weight) in weights.iter().enumerate() {
                for side in 0..SIDES {
                    let line = (c / BLOCK * WINDOW + row) * SIDES + side;
                    packed[line * LINE_BYTES + c % BLOCK * QUAD + column + side] = weight;
                }
            }
        }
        Self { channels, weights: packed, bias: padded(bias.iter().copied()), scales: Scales::pack(rescale) }
    }

    /// The buffers in the order of the file.
    #[must_use]
    pub fn values(&self) -> Vec<PackedValues<'_>> {
        let own = [PackedValues::I8(&self.weights), PackedValues::I32(&self.bias)];
        own.into_iter().chain(self.scales.values()).collect()
    }

    /// Takes up a convolution of so many channels from the buffers that [`PackedIntegerDepthwise::values`] gave. `None` if
    /// there are too few.
    #[must_use]
    pub fn unpack(channels: usize, buffers: &mut impl PackedBuffers) -> Option<Self> {
        let weights = buffers.next(packed_len(channels))?;
        let bias = buffers.next(channels.next_multiple_of(BLOCK))?;
        Some(Self { channels, weights, bias, scales: Scales::unpack(channels, buffers)? })
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The number of blocks of 16 channels.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }
}

/// Bytes of the packed weights of so many channels.
fn packed_len(channels: usize) -> usize {
    channels.div_ceil(BLOCK) * WINDOW * SIDES * LINE_BYTES
}

/// One block of 16 channels. The pointers are valid for what the walk in [`body`] touches.
pub(crate) struct Plane {
    /// The first quad that a window reads, and bytes from row to row.
    input: *const u8,
    input_row: usize,
    weights: *const i8,
    bias: *const i32,
    scales: ScaleTable,
    /// The first output pixel.
    output: *mut u8,
    /// Bytes from pixel to pixel of the output.
    pixel: usize,
    height: usize,
    width: usize,
}

type PlaneFn = unsafe fn(&Plane);

pub(crate) struct IntegerDepthwiseRow {
    pub(crate) kernel: Kernel,
    stride: usize,
    plane: PlaneFn,
}

row!(IntegerDepthwiseRow);

rows! { IntegerDepthwiseRow;
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_i8_2x4x16c_amx: IntegerDepthwiseStride1, Amx, { stride: 1, plane: plane1_amx::<2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_i8_2x4x16c_amx: IntegerDepthwiseStride2, Amx, { stride: 2, plane: plane2_amx::<2> };
    depthwise3x3s1_i8_1x4x16c_tilemachine: IntegerDepthwiseStride1, TileMachine, { stride: 1, plane: plane1_tilemachine::<1> };
    depthwise3x3s2_i8_1x4x16c_tilemachine: IntegerDepthwiseStride2, TileMachine, { stride: 2, plane: plane2_tilemachine::<1> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_i8_2x4x16c_avx512vbmi2: IntegerDepthwiseStride1, Avx512Vbmi2, { stride: 1, plane: plane1_avx512vbmi2::<2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_i8_2x4x16c_avx512vbmi2: IntegerDepthwiseStride2, Avx512Vbmi2, { stride: 2, plane: plane2_avx512vbmi2::<2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_i8_2x4x16c_avx512vnni: IntegerDepthwiseStride1, Avx512Vnni, { stride: 1, plane: plane1_avx512vnni::<2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_i8_2x4x16c_avx512vnni: IntegerDepthwiseStride2, Avx512Vnni, { stride: 2, plane: plane2_avx512vnni::<2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_i8_1x4x16c_avxvnni: IntegerDepthwiseStride1, AvxVnni, { stride: 1, plane: plane1_avxvnni::<1> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_i8_1x4x16c_avxvnni: IntegerDepthwiseStride2, AvxVnni, { stride: 2, plane: plane2_avxvnni::<1> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1_i8_1x4x16c_avx2: IntegerDepthwiseStride1, Avx2, { stride: 1, plane: plane1_avx2::<1> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2_i8_1x4x16c_avx2: IntegerDepthwiseStride2, Avx2, { stride: 2, plane: plane2_avx2::<1> };
    depthwise3x3s1_i8_1x4x16c_portable: IntegerDepthwiseStride1, Portable, { stride: 1, plane: plane1_portable::<1> };
    depthwise3x3s2_i8_1x4x16c_portable: IntegerDepthwiseStride2, Portable, { stride: 2, plane: plane2_portable::<1> };
}

/// What a depthwise convolution in integers does with an image.
#[derive(Clone)]
pub struct IntegerDepthwise<'a> {
    /// Sizes, padding and stride.
    pub geometry: &'a ConvGeometry,
    /// The packed weights of all channels.
    pub weights: &'a PackedIntegerDepthwise,
    /// The blocks of 16 channels to compute: whole groups of [`Grouping`].
    pub blocks: Range<usize>,
    /// The first pixel of the output that is written.
    pub first_pixel: usize,
}

/// Computes a depthwise convolution of some blocks of channels of one image.
///
/// # Shapes
/// `input` are quads of `blocks`, laid out by [`Quads::new`] of the geometry, with zeros around the image; `output` are groups
/// of `blocks` by [`Grouping::new`] of all blocks, of which the pixels from `first_pixel` on are written.
///
/// # Panics
/// If the shapes do not fit or the stride is neither 1 nor 2.
///
/// # Cost
/// Output pixels times 9 times 16 products of bytes a block.
pub fn depthwise_integers(isa: Isa, step: &IntegerDepthwise<'_>, input: &[u8], output: &mut [u8]) {
    let IntegerDepthwise { geometry, weights, blocks, first_pixel } = step;
    let (height, width) = geometry.output();
    let quads = Quads::new(geometry);
    assert!(
        blocks.end <= weights.blocks() && !blocks.is_empty(),
        "blocks {blocks:?} of {}",
        weights.blocks()
    );
    let grouping = Grouping::new(isa, weights.blocks());
    let (beside, is_last) = (grouping.beside(), blocks.end == weights.blocks());
    assert!(blocks.start.is_multiple_of(beside), "blocks {blocks:?} begin inside a group of {beside}");
    assert!(is_last || blocks.end.is_multiple_of(beside), "blocks {blocks:?} end inside a group of {beside}");
    let groups = blocks.len().div_ceil(beside);
    let group = output.len() / groups;
    let pixels = *first_pixel..first_pixel + height * width;
    assert_eq!(input.len(), blocks.len() * quads.block_len(), "input of a depthwise convolution");
    assert_eq!(output.len(), groups * group, "output of a depthwise convolution");
    assert!(group >= grouping.group_len(pixels.end), "pixels of a depthwise convolution");
    if is_last {
        grouping.clear_missing(pixels, &mut output[(groups - 1) * group..]);
    }
    let row = choose(isa, geometry);
    for (index, input) in input.chunks_exact(quads.block_len()).enumerate() {
        let block = blocks.start + index;
        let at = index / beside * group + first_pixel * grouping.pixel_len() + index % beside * BLOCK;
        let plane = Plane {
            input: input.as_ptr(),
            input_row: quads.row_len(),
            weights: weights.weights[block * WINDOW * SIDES * LINE_BYTES..].as_ptr(),
            bias: weights.bias[block * BLOCK..].as_ptr(),
            scales: weights.scales.from(block),
            output: output[at..].as_mut_ptr(),
            pixel: grouping.pixel_len(),
            height,
            width,
        };
        // SAFETY: one block of quads in and its pieces of a group out, as asserted above; `Quads::new` has the rows and quads that the
        // windows of `height` x `width` outputs read, and one quad more; the kernel was selected by the token of an
        // instruction set that this processor runs.
        unsafe { (row.plane)(&plane) };
    }
}

/// The kernel that computes a convolution of this geometry: the one that `isa` prefers, if it has the stride.
pub(crate) fn choose(isa: Isa, geometry: &ConvGeometry) -> &'static IntegerDepthwiseRow {
    let fits = |row: &&IntegerDepthwiseRow| row.stride == geometry.stride();
    match forced(ROWS, isa).filter(fits).or_else(|| select(ROWS, isa).iter().find(fits)) {
        Some(row) => row,
        None => panic!("a depthwise convolution of stride {}", geometry.stride()),
    }
}

/// A vector of weights for each row of the window.
type Taps<L> = [<L as Lanes>::Weights; WINDOW];

/// # Safety
/// `plane` has the weights; the processor runs L's instruction set.
#[inline(always)]
unsafe fn taps<L: Lanes>(plane: &Plane, side: usize) -> Taps<L> {
    // SAFETY: by the contract.
    std::array::from_fn(|row| unsafe { L::weights(plane.weights.add((row * SIDES + side) * LINE_BYTES)) })
}

/// A block of channels with stride 1, R rows at a time.
///
/// # Safety
/// `plane` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn body1<L: Lanes, const APART: bool, const R: usize>(plane: &Plane) {
    // SAFETY: by the contract.
    unsafe {
        let mut row = 0;
        while row + R <= plane.height {
            rows1::<L, APART, R>(plane, row);
            row += R;
        }
        while row < plane.height {
            rows1::<L, APART, 1>(plane, row);
            row += 1;
        }
    }
}

/// R rows of outputs from `row` on.
///
/// # Safety
/// As [`body1`]; the rows lie in the output.
#[inline(always)]
unsafe fn rows1<L: Lanes, const APART: bool, const R: usize>(plane: &Plane, row: usize) {
    // SAFETY: by the contract: R + 2 rows of quads are read, and a quad more than the outputs begin in.
    unsafe {
        let (behind, before) = (taps::<L>(plane, 0), taps::<L>(plane, 1));
        let input = plane.input.add(row * plane.input_row);
        let at = |i: usize, quad: usize| input.add(i * plane.input_row + quad * LINE_BYTES);
        let bias = L::bias(plane.bias);
        let mut now: [[L::Quad; 2]; 2] = [[L::quad(at(0, 0)), L::quad(at(1, 0))], [L::quad(at(2, 0)); 2]];
        if R > 1 {
            now[1][1] = L::quad(at(3, 0));
        }
        for quad in 0..plane.width.div_ceil(QUAD) {
            let mut sums = [[bias; QUAD]; R];
            for i in 0..R + WINDOW - 1 {
                let (own, next) = (now[i / 2][i % 2], L::quad(at(i, quad + 1)));
                let shifted = L::shifted(own, next);
                for r in 0..R {
                    let tap = i.wrapping_sub(r);
                    if tap < WINDOW {
                        sums[r][0] = L::dot_quad(sums[r][0], own, behind[tap]);
                        sums[r][1] = L::dot_quad(sums[r][1], own, before[tap]);
                        sums[r][2] = L::dot_quad(sums[r][2], shifted, behind[tap]);
                        sums[r][3] = L::dot_quad(sums[r][3], shifted, before[tap]);
                    }
                }
                now[i / 2][i % 2] = next;
            }
            for r in 0..R {
                end::<L, APART>(plane, &sums[r], row + r, quad);
            }
        }
    }
}

/// A block of channels with stride 2, R rows at a time.
///
/// # Safety
/// `plane` is as its fields say; the processor runs L's instruction set.
#[inline(always)]
unsafe fn body2<L: Lanes, const APART: bool, const R: usize>(plane: &Plane) {
    // SAFETY: by the contract.
    unsafe {
        let mut row = 0;
        while row + R <= plane.height {
            rows2::<L, APART, R>(plane, row);
            row += R;
        }
        while row < plane.height {
            rows2::<L, APART, 1>(plane, row);
            row += 1;
        }
    }
}

/// R rows of outputs from `row` on.
///
/// # Safety
/// As [`body2`]; the rows lie in the output.
#[inline(always)]
unsafe fn rows2<L: Lanes, const APART: bool, const R: usize>(plane: &Plane, row: usize) {
    // SAFETY: by the contract: 2 R + 1 rows of quads are read, and a quad more than twice those of the outputs.
    unsafe {
        let weights = taps::<L>(plane, 0);
        let input = plane.input.add(row * 2 * plane.input_row);
        let bias = L::bias(plane.bias);
        for quad in 0..plane.width.div_ceil(QUAD) {
            let mut sums = [[bias; QUAD]; R];
            for i in 0..2 * R + 1 {
                let at = input.add(i * plane.input_row + 2 * quad * LINE_BYTES);
                let quads = [L::quad(at), L::quad(at.add(LINE_BYTES)), L::quad(at.add(2 * LINE_BYTES))];
                let four =
                    [quads[0], L::shifted(quads[0], quads[1]), quads[1], L::shifted(quads[1], quads[2])];
                for r in 0..R {
                    let tap = i.wrapping_sub(2 * r);
                    if tap < WINDOW {
                        for place in 0..QUAD {
                            sums[r][place] = L::dot_quad(sums[r][place], four[place], weights[tap]);
                        }
                    }
                }
            }
            for r in 0..R {
                end::<L, APART>(plane, &sums[r], row + r, quad);
            }
        }
    }
}

/// Writes four outputs of a row, or as many of them as the row has; where groups are wide, APART.
///
/// # Safety
/// As [`body1`]; the first output lies in the row.
#[inline(always)]
unsafe fn end<L: Lanes, const APART: bool>(plane: &Plane, sums: &[L::Sums; QUAD], row: usize, quad: usize) {
    // SAFETY: by the contract.
    unsafe {
        let scales = plane.scales.load::<L>(0);
        let line = L::pixels(L::rescale(scales, sums[0], sums[1]), L::rescale(scales, sums[2], sums[3]));
        let (pixel, left) = (row * plane.width + quad * QUAD, plane.width - quad * QUAD);
        if APART {
            return L::store_apart(line, plane.output.add(pixel * plane.pixel), plane.pixel, left.min(QUAD));
        }
        let to = plane.output.add(pixel * BLOCK);
        if left >= QUAD {
            L::store(line, to);
        } else {
            L::store_quarters(line, to, left);
        }
    }
}

shells! { [const R: usize](plane: &Plane);
    amx plane1_amx = body1::<Avx512Vbmi2, true, R>;
    tilemachine plane1_tilemachine = body1::<Portable, true, R>;
    avx512vbmi2 plane1_avx512vbmi2 = body1::<Avx512Vbmi2, false, R>;
    avx512vnni plane1_avx512vnni = body1::<Avx512Vnni, false, R>;
    avxvnni plane1_avxvnni = body1::<AvxVnni, false, R>;
    avx2 plane1_avx2 = body1::<Avx2, false, R>;
    portable plane1_portable = body1::<Portable, false, R>;
}

shells! { [const R: usize](plane: &Plane);
    amx plane2_amx = body2::<Avx512Vbmi2, true, R>;
    tilemachine plane2_tilemachine = body2::<Portable, true, R>;
    avx512vbmi2 plane2_avx512vbmi2 = body2::<Avx512Vbmi2, false, R>;
    avx512vnni plane2_avx512vnni = body2::<Avx512Vnni, false, R>;
    avxvnni plane2_avxvnni = body2::<AvxVnni, false, R>;
    avx2 plane2_avx2 = body2::<Avx2, false, R>;
    portable plane2_portable = body2::<Portable, false, R>;
}
