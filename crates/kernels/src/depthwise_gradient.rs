//! The gradients of a depthwise 3x3 convolution: of its input, through the ReLU6 before it, of its weights and its bias.
//!
//! ```text
//! for each output (p, q) and tap (i, j), with (y, x) = (s*p + i - top, s*q + j - left) inside the image:
//!     d_input[y][x][c]   += weights[i][j][c] * d_output[p][q][c]
//!     kernel[i][j][c]    += input[y][x][c]   * d_output[p][q][c]
//! d_input[y][x][c] = 0 where not 0 < input[y][x][c] < 6
//! bias[c] += sum over p, q of d_output[p][q][c]
//! ```
//!
//! Departures from that loop:
//! 1. It goes over inputs, each of which gathers the outputs that it reached: up to nine at stride 1; at stride 2 four, two
//!    or one, by whether its row and column, counted from the first of the zeros around it, are even or odd. An output's
//!    gradient is loaded once for both sums.
//! 2. The zeros around `d_output` stand for outputs that do not exist: no edge code but for inputs at the edge of an image
//!    without zeros around it, whose taps are asked one by one.
//! 3. The nine sums of the weights' gradient stay in registers over the whole plane. At stride 1 two inputs side by side
//!    (three on AVX2, which takes the weights from memory) share the outputs that both met: two on AVX-512 take 14 loads
//!    for 36 multiply-adds, which are the limit there, with two comparisons an input.
//! 4. An input's sum takes the taps from the last to the first, a tap's sum the inputs in order.
//!
//! What it does badly: at stride 2 every other row has half the work for the same number of stores.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    blocked::Blocked,
    depthwise::{PackedDepthwise, TAPS},
    geometry::{ConvGeometry, Pads, WINDOW},
    isa::{Isa, shells},
    line::BLOCK,
    row::{Kernel, forced, row, rows, select},
    simd::{Portable8, Vector},
};

/// The zeros around the gradient of the output.
const BORDER: Pads = Pads { top: 1, bottom: 1, left: 1, right: 1 };

/// One block of 16 channels. The pointers are valid for what the walk in [`body`] touches.
#[derive(Clone, Copy)]
pub(crate) struct Plane {
    geometry: ConvGeometry,
    /// The first value of the image, inside the zeros, and values from one of its rows to the next.
    input: *const f32,
    input_row: usize,
    /// The first of the zeros around the output's gradient, and values from one row to the next.
    d_output: *const f32,
    d_output_row: usize,
    weights: *const f32,
    d_input: *mut f32,
    kernel: *mut f32,
    bias: *mut f32,
}

type PlaneFn = unsafe fn(&Plane);

pub(crate) struct DepthwiseGradientRow {
    pub(crate) kernel: Kernel,
    stride: usize,
    plane: PlaneFn,
}

row!(DepthwiseGradientRow);

rows! { DepthwiseGradientRow;
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1gradient_f32_1x2x16c_avx512: DepthwiseGradientStride1, Avx512, { stride: 1, plane: plane_avx512::<1, 2> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2gradient_f32_16c_avx512: DepthwiseGradientStride2, Avx512, { stride: 2, plane: plane_avx512::<2, 1> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s1gradient_f32_1x3x8c_avx2: DepthwiseGradientStride1, Avx2, { stride: 1, plane: plane_avx2::<1, 3> };
    #[cfg(target_arch = "x86_64")]
    depthwise3x3s2gradient_f32_8c_avx2: DepthwiseGradientStride2, Avx2, { stride: 2, plane: plane_avx2::<2, 1> };
    depthwise3x3s1gradient_f32_1x1x8c_portable: DepthwiseGradientStride1, Portable, { stride: 1, plane: plane_portable::<1, 1> };
    depthwise3x3s2gradient_f32_8c_portable: DepthwiseGradientStride2, Portable, { stride: 2, plane: plane_portable::<2, 1> };
}

/// What the gradients of a depthwise convolution are computed from.
#[derive(Clone)]
pub struct DepthwiseGradient<'a> {
    /// Sizes, padding and stride of the convolution.
    pub geometry: &'a ConvGeometry,
    /// The packed weights of all channels; the bias is not read.
    pub weights: &'a PackedDepthwise,
    /// The blocks of 16 channels to compute; the images hold these alone.
    pub blocks: Range<usize>,
    /// What entered the convolution, from a ReLU6, with the geometry's zeros around it.
    pub input: Blocked<'a>,
    /// The gradient of what left it, before its own ReLU6, with one pixel of zeros on each side.
    pub d_output: Blocked<'a>,
}

/// Writes the gradient of a depthwise convolution's input to `d_input`, 0 where the input does not lie strictly between 0 and
/// 6, and adds those of its weights and bias to `kernel` and `bias`.
///
/// # Shapes
/// `input` [channels of `blocks`, H, W] with the geometry's padding and `d_output` [the same channels, H', W'] with one pixel
/// of zeros on each side; `d_input` [blocks, H, W, 16] without padding; `kernel` [blocks, 9, 16] and `bias` [blocks, 16].
///
/// # Panics
/// If the shapes do not fit or the stride is neither 1 nor 2.
///
/// # Cost
/// H' * W' * 2 * 9 * 16 multiply-adds a block.
pub fn depthwise_gradient(
    isa: Isa,
    step: &DepthwiseGradient<'_>,
    d_input: &mut [f32],
    kernel: &mut [f32],
    bias: &mut [f32],
) {
    let DepthwiseGradient { geometry, weights, blocks, input, d_output } = step;
    let (from, to) = (input.layout(), d_output.layout());
    let (height, width) = geometry.input();
    let (plane_len, count) = (height * width * BLOCK, blocks.len());
    assert_eq!((from.height(), from.width()), (height, width), "input pixels of a depthwise gradient");
    assert_eq!(from.pads(), geometry.pads(), "padding of a depthwise gradient's input");
    assert_eq!((to.height(), to.width()), geometry.output(), "output pixels of a depthwise gradient");
    assert_eq!(to.pads(), BORDER, "zeros around the gradient of a depthwise convolution's output");
    assert!(blocks.end <= weights.blocks(), "blocks {blocks:?} of {}", weights.blocks());
    assert_eq!((from.blocks(), to.blocks()), (count, count), "channels of a depthwise gradient");
    assert_eq!(d_input.len(), count * plane_len, "the gradient of a depthwise convolution's input");
    assert_eq!(kernel.len(), count * TAPS * BLOCK, "the gradient of a depthwise convolution's weights");
    assert_eq!(bias.len(), count * BLOCK, "the gradient of a depthwise convolution's bias");
    let row = choose(isa, geometry);
    if plane_len == 0 {
        return;
    }
    let [packed, _] = weights.values();
    for (index, d_input) in d_input.chunks_exact_mut(plane_len).enumerate() {
        let plane = Plane {
            geometry: **geometry,
            input: input.data()[index * from.block_len() + from.origin()..].as_ptr(),
            input_row: from.row_len(),
            d_output: d_output.data()[index * to.block_len()..].as_ptr(),
            d_output_row: to.row_len(),
            weights: packed[(blocks.start + index) * TAPS * BLOCK..].as_ptr(),
            d_input: d_input.as_mut_ptr(),
            kernel: kernel[index * TAPS * BLOCK..].as_mut_ptr(),
            bias: bias[index * BLOCK..].as_mut_ptr(),
        };
        // SAFETY: the planes have the geometry's sizes with the zeros that `Plane` names, and the gradients are those of
        // one block, as asserted above; `row` was selected by the token of an instruction set that this processor runs.
        unsafe { (row.plane)(&plane) };
    }
}

/// The row that computes the gradients of a convolution of this geometry.
pub(crate) fn choose(isa: Isa, geometry: &ConvGeometry) -> &'static DepthwiseGradientRow {
    let fits = |row: &&DepthwiseGradientRow| row.stride == geometry.stride();
    match forced(ROWS, isa).filter(fits).or_else(|| select(ROWS, isa).iter().find(fits)) {
        Some(row) => row,
        None => panic!("the gradient of a depthwise convolution of stride {}", geometry.stride()),
    }
}

/// Weights of one block and the sums of their gradients.
struct Taps<V> {
    weights: [V; TAPS],
    sums: [V; TAPS],
}

/// A block of channels at stride S, P inputs of a row at a time where they lie side by side.
///
/// # Safety
/// `plane` is as its fields say, and the processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector, const S: usize, const P: usize>(plane: &Plane) {
    // A copy, so that the compiler knows that no store changes it.
    let plane = &{ *plane };
    let (height, rows, top) =
        (plane.geometry.input().0, plane.geometry.output().0, plane.geometry.pads().top);
    for lane in (0..BLOCK).step_by(V::LANES) {
        // SAFETY: nine weights of sixteen channels, and as many sums; rows of the image.
        unsafe {
            let mut bias = V::load(plane.bias.add(lane));
            let zero = V::splat(0.0);
            let mut taps = Taps { weights: [zero; TAPS], sums: [zero; TAPS] };
            for tap in 0..TAPS {
                taps.weights[tap] = V::load(plane.weights.add(tap * BLOCK + lane));
                taps.sums[tap] = V::load(plane.kernel.add(tap * BLOCK + lane));
            }
            for y in 0..height {
                // A chain of sums, which runs beside the products of the rows around it.
                if y < rows {
                    add_row(plane, &mut bias, y, lane);
                }
                match (S, (y + top) % 2) {
                    (1, _) => dense_row::<V, P>(plane, &mut taps, y, lane),
                    (_, 0) => spaced_row::<V, 2>(plane, &mut taps, y, lane),
                    _ => spaced_row::<V, 1>(plane, &mut taps, y, lane),
                }
            }
            for tap in 0..TAPS {
                taps.sums[tap].store(plane.kernel.add(tap * BLOCK + lane));
            }
            for p in height..rows {
                add_row(plane, &mut bias, p, lane);
            }
            bias.store(plane.bias.add(lane));
        }
    }
}

/// Adds the gradients of a row of outputs to that of the bias.
///
/// # Safety
/// `p` is a row of the output; otherwise as [`body`].
#[inline(always)]
unsafe fn add_row<V: Vector>(plane: &Plane, sum: &mut V, p: usize, lane: usize) {
    for q in 0..plane.geometry.output().1 {
        let at = (p + 1) * plane.d_output_row + (q + 1) * BLOCK + lane;
        // SAFETY: the output lies inside its border.
        *sum = sum.add(unsafe { V::load(plane.d_output.add(at)) });
    }
}

/// A row of inputs at stride 1.
///
/// # Safety
/// `y` is a row of the image; otherwise as [`body`].
#[inline(always)]
unsafe fn dense_row<V: Vector, const P: usize>(plane: &Plane, taps: &mut Taps<V>, y: usize, lane: usize) {
    let ((_, width), (rows, columns)) = (plane.geometry.input(), plane.geometry.output());
    let pads = plane.geometry.pads();
    let row = y + pads.top;
    // The inputs all of whose windows exist or lie in the border: their rows and columns, counted from the first of the
    // zeros around the image, go from 1 to the outputs' number. One whole row past the border is the most that is missed.
    let inside = (1..=rows).contains(&row);
    let mut x = 0;
    while x < width {
        let column = x + pads.left;
        // SAFETY: the inputs lie inside the image, and what the tile reads inside the border.
        unsafe {
            if inside && column >= 1 && column + P <= columns + 1 && x + P <= width {
                tile::<V, P>(plane, taps, [y, x], lane);
                x += P;
            } else {
                edge::<V>(plane, taps, [y, x], lane);
                x += 1;
            }
        }
    }
}

/// P inputs at stride 1 from `[y, x]` on, each of which nine windows or the border have.
///
/// # Safety
/// The inputs are such; otherwise as [`body`].
#[inline(always)]
unsafe fn tile<V: Vector, const P: usize>(
    plane: &Plane,
    taps: &mut Taps<V>,
    [y, x]: [usize; 2],
    lane: usize,
) {
    let pads = plane.geometry.pads();
    // SAFETY: the output (row - 2, column - 2) and those up to two rows and P + 1 columns on lie inside the border, which
    // begins one row and one column before the outputs.
    unsafe {
        let first =
            plane.d_output.add((y + pads.top - 1) * plane.d_output_row + (x + pads.left - 1) * BLOCK + lane);
        let mut values = [V::splat(0.0); P];
        let mut acc = values;
        for p in 0..P {
            values[p] = V::load(plane.input.add(y * plane.input_row + (x + p) * BLOCK + lane));
        }
        for r in 0..WINDOW {
            for c in 0..P + WINDOW - 1 {
                let gradient = V::load(first.add(r * plane.d_output_row + c * BLOCK));
                for p in 0..P {
                    // This output met input p by the tap (2 - r, 2 - (c - p)), if by any.
                    let j = (WINDOW - 1 + p).wrapping_sub(c);
                    if j < WINDOW {
                        let tap = (WINDOW - 1 - r) * WINDOW + j;
                        acc[p] = gradient.mul_add(taps.weights[tap], acc[p]);
                        taps.sums[tap] = gradient.mul_add(values[p], taps.sums[tap]);
                    }
                }
            }
        }
        for p in 0..P {
            store::<V>(plane, acc[p], values[p], [y, x + p], lane);
        }
    }
}

/// One input at stride 1, whose windows may begin before the first output or end after the last.
///
/// # Safety
/// `[y, x]` is a pixel of the image; otherwise as [`body`].
#[inline(always)]
unsafe fn edge<V: Vector>(plane: &Plane, taps: &mut Taps<V>, [y, x]: [usize; 2], lane: usize) {
    let ((rows, columns), pads) = (plane.geometry.output(), plane.geometry.pads());
    // SAFETY: the input lies inside the image, and so do the outputs that are read.
    unsafe {
        let value = V::load(plane.input.add(y * plane.input_row + x * BLOCK + lane));
        let mut acc = V::splat(0.0);
        for i in (0..WINDOW).rev() {
            for j in (0..WINDOW).rev() {
                let (p, q) = ((y + pads.top).wrapping_sub(i), (x + pads.left).wrapping_sub(j));
                if p < rows && q < columns {
                    let at = (p + 1) * plane.d_output_row + (q + 1) * BLOCK + lane;
                    let gradient = V::load(plane.d_output.add(at));
                    acc = gradient.mul_add(taps.weights[i * WINDOW + j], acc);
                    taps.sums[i * WINDOW + j] = gradient.mul_add(value, taps.sums[i * WINDOW + j]);
                }
            }
        }
        store::<V>(plane, acc, value, [y, x], lane);
    }
}

/// A row of inputs at stride 2, which ROWS rows of outputs met: two if it is even, counted from the first of the zeros above
/// the image, else one.
///
/// # Safety
/// `y` is such a row of the image; otherwise as [`body`].
#[inline(always)]
unsafe fn spaced_row<V: Vector, const ROWS: usize>(plane: &Plane, taps: &mut Taps<V>, y: usize, lane: usize) {
    let (width, left) = (plane.geometry.input().1, plane.geometry.pads().left);
    let mut x = 0;
    // SAFETY: the inputs lie inside the image, at even and odd columns as the functions are named.
    unsafe {
        if left % 2 == 1 && x < width {
            spaced::<V, ROWS, 1>(plane, taps, [y, x], lane);
            x += 1;
        }
        while x + 1 < width {
            spaced::<V, ROWS, 2>(plane, taps, [y, x], lane);
            spaced::<V, ROWS, 1>(plane, taps, [y, x + 1], lane);
            x += 2;
        }
        if x < width {
            spaced::<V, ROWS, 2>(plane, taps, [y, x], lane);
        }
    }
}

/// One input at stride 2 that ROWS rows and COLUMNS columns of outputs met.
///
/// # Safety
/// `[y, x]` is a pixel of the image, whose row and column, counted from the first of the zeros, are even for 2 and odd for 1;
/// otherwise as [`body`].
#[inline(always)]
unsafe fn spaced<V: Vector, const ROWS: usize, const COLUMNS: usize>(
    plane: &Plane,
    taps: &mut Taps<V>,
    [y, x]: [usize; 2],
    lane: usize,
) {
    let pads = plane.geometry.pads();
    // The output that the last tap met, counted from the border's first: an even row m has tap 2 at output m/2 - 1 and tap 0
    // at m/2, an odd one tap 1 at (m - 1)/2. The convolution has those or they lie in the border, for it has as many outputs
    // as fit.
    let first = |position: usize, met: usize| position / 2 + 2 - met;
    let (row, column) = (first(y + pads.top, ROWS), first(x + pads.left, COLUMNS));
    // SAFETY: by the contract and the lines above.
    unsafe {
        let value = V::load(plane.input.add(y * plane.input_row + x * BLOCK + lane));
        let mut acc = V::splat(0.0);
        for r in 0..ROWS {
            for c in 0..COLUMNS {
                let at = (row + r) * plane.d_output_row + (column + c) * BLOCK + lane;
                let gradient = V::load(plane.d_output.add(at));
                let tap = (ROWS - 2 * r) * WINDOW + COLUMNS - 2 * c;
                acc = gradient.mul_add(taps.weights[tap], acc);
                taps.sums[tap] = gradient.mul_add(value, taps.sums[tap]);
            }
        }
        store::<V>(plane, acc, value, [y, x], lane);
    }
}

/// Stores an input's gradient where the ReLU6 before it let its value through.
///
/// # Safety
/// `[y, x]` is a pixel of the image; otherwise as [`body`].
#[inline(always)]
unsafe fn store<V: Vector>(plane: &Plane, gradient: V, value: V, [y, x]: [usize; 2], lane: usize) {
    let at = (y * plane.geometry.input().1 + x) * BLOCK + lane;
    // SAFETY: by the contract.
    unsafe { gradient.flush().masked(value).store(plane.d_input.add(at)) };
}

shells! { [const S: usize, const P: usize](plane: &Plane);
    avx512 plane_avx512 = body::<Avx512x16, S, P>;
    avx2 plane_avx2 = body::<Avx2x8, S, P>;
    portable plane_portable = body::<Portable8, S, P>;
}
