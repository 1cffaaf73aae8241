//! The naive truth: loops copied from the formulas, sums in f64, images as plain `H W C`. It shares nothing with the
//! kernels but the geometry's numbers. For tests and benchmarks, which check an answer before they time it.

use crate::geometry::ConvGeometry;

/// 1x1 convolution: `input` [P, K], `weights` [K, N], `bias` `[N]` to [P, N].
#[must_use]
pub fn pointwise(input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let n = bias.len();
    let k = weights.len() / n;
    let mut output = Vec::with_capacity(input.len() / k * n);
    for pixel in input.chunks_exact(k) {
        for c in 0..n {
            let mut sum = f64::from(bias[c]);
            for i in 0..k {
                sum += f64::from(pixel[i]) * f64::from(weights[i * n + c]);
            }
            output.push(sum);
        }
    }
    output
}

/// The gradients of a 1x1 convolution's weights, [K, N], and of its bias, `[N]`: `input` [P, K], `d_output` [P, N].
#[must_use]
pub fn pointwise_gradients(input: &[f32], d_output: &[f32], n: usize) -> [Vec<f64>; 2] {
    let k = input.len() / (d_output.len() / n);
    let (mut kernel, mut bias) = (vec![0.0; k * n], vec![0.0; n]);
    for (pixel, gradients) in input.chunks_exact(k).zip(d_output.chunks_exact(n)) {
        for c in 0..n {
            bias[c] += f64::from(gradients[c]);
        }
        for i in 0..k {
            for c in 0..n {
                kernel[i * n + c] += f64::from(pixel[i]) * f64::from(gradients[c]);
            }
        }
    }
    [kernel, bias]
}

/// 3x3 convolution: `input` [H, W, C], `weights` [3, 3, C, N], `bias` `[N]` to [H', W', N], zeros around the image.
#[must_use]
pub fn conv3x3(geometry: &ConvGeometry, input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let n = bias.len();
    let channels = weights.len() / 9 / n;
    each_output(geometry, |window| {
        (0..n)
            .map(|out| {
                let mut sum = f64::from(bias[out]);
                for &(tap, pixel) in window {
                    for c in 0..channels {
                        let weight = weights[(tap * channels + c) * n + out];
                        sum += f64::from(input[pixel * channels + c]) * f64::from(weight);
                    }
                }
                sum
            })
            .collect()
    })
}

/// Depthwise 3x3 convolution: `input` [H, W, C], `weights` [3, 3, C], `bias` `[C]` to [H', W', C].
#[must_use]
pub fn depthwise(geometry: &ConvGeometry, input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let channels = bias.len();
    each_output(geometry, |window| {
        (0..channels)
            .map(|c| {
                let mut sum = f64::from(bias[c]);
                for &(tap, pixel) in window {
                    sum += f64::from(input[pixel * channels + c]) * f64::from(weights[tap * channels + c]);
                }
                sum
            })
            .collect()
    })
}

/// What a 3x3 depthwise convolution hands back of the gradient of its output.
#[derive(Clone, Debug)]
pub struct DepthwiseGradients {
    /// The gradient of its input, [H, W, C], through the ReLU6 that the input left.
    pub input: Vec<f64>,
    /// The gradient of its weights, [3, 3, C].
    pub kernel: Vec<f64>,
    /// The gradient of its bias, `[C]`.
    pub bias: Vec<f64>,
}

/// Gradients of a 3x3 depthwise convolution: `input` [H, W, C], `weights` [3, 3, C], `d_output` [H', W', C].
#[must_use]
pub fn depthwise_gradients(
    geometry: &ConvGeometry,
    input: &[f32],
    weights: &[f32],
    d_output: &[f32],
) -> DepthwiseGradients {
    let channels = weights.len() / 9;
    let mut of = DepthwiseGradients {
        input: vec![0.0; input.len()],
        kernel: vec![0.0; weights.len()],
        bias: vec![0.0; channels],
    };
    let mut gradients = d_output.chunks_exact(channels);
    each_output(geometry, |window| {
        for (c, &gradient) in gradients.next().into_iter().flatten().enumerate() {
            let gradient = f64::from(gradient);
            of.bias[c] += gradient;
            for &(tap, pixel) in window {
                of.input[pixel * channels + c] += f64::from(weights[tap * channels + c]) * gradient;
                of.kernel[tap * channels + c] += f64::from(input[pixel * channels + c]) * gradient;
            }
        }
        Vec::new()
    });
    of.input
        .iter_mut()
        .zip(input)
        .for_each(|(gradient, &output)| *gradient = relu6_gradient(*gradient, output));
    of
}

/// The values of each output pixel, from the (tap, input pixel) pairs of its window that lie inside the image.
fn each_output(geometry: &ConvGeometry, mut value: impl FnMut(&[(usize, usize)]) -> Vec<f64>) -> Vec<f64> {
    let ((height, width), (rows, columns)) = (geometry.input(), geometry.output());
    let pads = geometry.pads();
    let mut output = Vec::new();
    for y in 0..rows {
        for x in 0..columns {
            let mut window = Vec::with_capacity(9);
            for i in 0..3 {
                for j in 0..3 {
                    let row = (y * geometry.stride() + i).checked_sub(pads.top).filter(|&r| r < height);
                    let column = (x * geometry.stride() + j).checked_sub(pads.left).filter(|&c| c < width);
                    if let (Some(row), Some(column)) = (row, column) {
                        window.push((i * 3 + j, row * width + column));
                    }
                }
            }
            output.extend(value(&window));
        }
    }
    output
}

/// Global average pooling: `input` [P, C] to `[C]`.
#[must_use]
pub fn pool(input: &[f32], channels: usize) -> Vec<f64> {
    let pixels = (input.len() / channels) as f64;
    (0..channels)
        .map(|c| input.iter().skip(c).step_by(channels).map(|&v| f64::from(v)).sum::<f64>() / pixels)
        .collect()
}

/// `min(max(value, 0), 6)`.
#[must_use]
pub fn relu6(value: f64) -> f64 {
    value.clamp(0.0, 6.0)
}

/// What ReLU6 hands back of the gradient of its output: all where `output` lies strictly between 0 and 6, else nothing.
#[must_use]
pub fn relu6_gradient(gradient: f64, output: f32) -> f64 {
    if output > 0.0 && output < 6.0 { gradient } else { 0.0 }
}

/// The gradient of features [P, C] that left a ReLU6, from that of their means, `[C]`.
#[must_use]
pub fn pool_gradient(d_pooled: &[f32], features: &[f32]) -> Vec<f64> {
    let channels = d_pooled.len();
    let pixels = (features.len() / channels) as f64;
    let gradient = |(at, &feature)| relu6_gradient(f64::from(d_pooled[at % channels]) / pixels, feature);
    features.iter().enumerate().map(gradient).collect()
}

/// The inverse cosine transform of a block of a JPEG, both in rows of 8: samples from 0 to 255, not rounded.
///
/// # Source
/// ITU T.81, A.3.3.
#[must_use]
pub fn inverse_dct(coefficients: &[i16; 64], divisors: &[u16; 64]) -> Vec<f64> {
    let c = |n: usize| if n == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
    let cosine = |at: usize, n: usize| ((2 * at + 1) as f64 * n as f64 * std::f64::consts::PI / 16.0).cos();
    (0..64)
        .map(|place| {
            let (y, x) = (place / 8, place % 8);
            let sum: f64 = (0..64)
                .map(|n| {
                    let (v, u) = (n / 8, n % 8);
                    let value = f64::from(coefficients[n]) * f64::from(divisors[n]);
                    c(u) * c(v) * value * cosine(x, u) * cosine(y, v)
                })
                .sum();
            (sum / 4.0 + 128.0).clamp(0.0, 255.0)
        })
        .collect()
}

/// A row of samples, blended with the nearer row by a triangle filter and doubled across by the same, not rounded.
#[must_use]
pub fn triangle(own: &[u8], near: &[u8]) -> Vec<f64> {
    let blended: Vec<f64> =
        own.iter().zip(near).map(|(&own, &near)| f64::from(own) * 0.75 + f64::from(near) * 0.25).collect();
    let last = blended.len() - 1;
    (0..blended.len() * 2)
        .map(|at| {
            let own = at / 2;
            let other = if at % 2 == 0 { own.saturating_sub(1) } else { (own + 1).min(last) };
            blended[own] * 0.75 + blended[other] * 0.25
        })
        .collect()
}

/// A pixel of YCbCr as RGB by JFIF's matrix, from 0 to 255, not rounded.
#[must_use]
pub fn ycc_to_rgb(y: u8, cb: u8, cr: u8) -> [f64; 3] {
    let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136_286 * cb - 0.714_136_286 * cr, y + 1.772 * cb].map(|v| v.clamp(0.0, 255.0))
}
