//! The naive truth in integers: loops copied from the formulas of `docs/int8.md`, images as plain `H W C`. Sums of integers
//! are exact, so there is nothing to be tolerant of: a kernel gives these numbers or it is wrong.

use crate::geometry::ConvGeometry;

/// 1x1 convolution: `input` [P, K] bytes, `weights` [K, N], `bias` `[N]` to sums [P, N].
#[must_use]
pub fn pointwise(input: &[u8], weights: &[i8], bias: &[i32]) -> Vec<i32> {
    let n = bias.len();
    let k = weights.len() / n;
    let mut sums = Vec::with_capacity(input.len() / k * n);
    for pixel in input.chunks_exact(k) {
        let start = sums.len();
        sums.extend_from_slice(bias);
        for (&value, weights) in pixel.iter().zip(weights.chunks_exact(n)) {
            add_products(&mut sums[start..], i32::from(value), weights);
        }
    }
    sums
}

/// 3x3 convolution of pixels: `input` [H, W, 3] bytes, `weights` [3, 3, 3, N] to sums [H', W', N]. The window skips what
/// lies outside the image. `bias` [9, N] has the start of the sums for each border: three times its row, then its column,
/// each 0 where all of the window lies inside, 1 where it begins before the image and 2 where it ends behind it.
#[must_use]
pub fn conv3x3(geometry: &ConvGeometry, input: &[u8], weights: &[i8], bias: &[i32]) -> Vec<i32> {
    let n = bias.len() / 9;
    let mut sums = Vec::new();
    each_window(geometry, |window, border| {
        let start = sums.len();
        sums.extend_from_slice(&bias[border * n..][..n]);
        for &(tap, pixel) in window {
            for c in 0..3 {
                let weights = &weights[(tap * 3 + c) * n..][..n];
                add_products(&mut sums[start..], i32::from(input[pixel * 3 + c]), weights);
            }
        }
    });
    sums
}

/// Depthwise 3x3 convolution: `input` [H, W, C] bytes, `weights` [3, 3, C], `bias` `[C]` to sums [H', W', C].
#[must_use]
pub fn depthwise(geometry: &ConvGeometry, input: &[u8], weights: &[i8], bias: &[i32]) -> Vec<i32> {
    let channels = bias.len();
    let mut sums = Vec::new();
    each_window(geometry, |window, _| {
        let start = sums.len();
        sums.extend_from_slice(bias);
        for &(tap, pixel) in window {
            let values = &input[pixel * channels..][..channels];
            let weights = &weights[tap * channels..][..channels];
            for ((sum, &value), &weight) in sums[start..].iter_mut().zip(values).zip(weights) {
                *sum += i32::from(value) * i32::from(weight);
            }
        }
    });
    sums
}

#[inline]
fn add_products(sums: &mut [i32], value: i32, weights: &[i8]) {
    for (sum, &weight) in sums.iter_mut().zip(weights) {
        *sum += value * i32::from(weight);
    }
}

/// Calls `visit` for each output pixel with the (tap, input pixel) pairs of its window that lie inside the image, and with
/// its border.
fn each_window(geometry: &ConvGeometry, mut visit: impl FnMut(&[(usize, usize)], usize)) {
    let ((height, width), (rows, columns)) = (geometry.input(), geometry.output());
    let pads = geometry.pads();
    let side = |at: usize, before: usize, len: usize| {
        let first = at * geometry.stride();
        if first < before { 1 } else { usize::from(first + 3 > before + len) * 2 }
    };
    for y in 0..rows {
        for x in 0..columns {
            let mut window = Vec::with_capacity(9);
            for (i, j) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                let row = (y * geometry.stride() + i).checked_sub(pads.top).filter(|&r| r < height);
                let column = (x * geometry.stride() + j).checked_sub(pads.left).filter(|&c| c < width);
                if let (Some(row), Some(column)) = (row, column) {
                    window.push((i * 3 + j, row * width + column));
                }
            }
            visit(&window, side(y, pads.top, height) * 3 + side(x, pads.left, width));
        }
    }
}
