//! BatchNorm folded into the convolution before it, with the statistics of training: a frozen base never updates them.
//!
//! ```text
//! gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta  =  conv'(x) + bias
//! with  s = gamma / sqrt(variance + epsilon),  kernel' = kernel * s,  bias = beta - mean * s
//! ```
//!
//! Computed in f64 and rounded once.

use crate::Params;

/// A convolution with its BatchNorm folded in: weights in the kernel's order, output channels last.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// In the order and shape of the convolution's kernel.
    pub weights: Vec<f32>,
    /// One value per output channel.
    pub bias: Vec<f32>,
}

/// Folds the BatchNorm `norm` into the convolution `conv`, both by Keras name.
///
/// Works for depthwise kernels too: [3, 3, C, 1] has the channel last as [.., C] does.
///
/// # Panics
/// Where the net has no layers of these names; [`layers`](crate::layers) lists those that it has.
#[must_use]
pub fn fold(params: &Params, conv: &str, norm: &str) -> Folded {
    let vector = |variable| params.values(norm, variable).iter().map(|&v| f64::from(v));
    let epsilon = f64::from(params.numerics().epsilon);
    let scale: Vec<f64> = vector("gamma")
        .zip(vector("moving_variance"))
        .map(|(gamma, variance)| gamma / (variance + epsilon).sqrt())
        .collect();
    let bias = vector("beta")
        .zip(vector("moving_mean"))
        .zip(&scale)
        .map(|((beta, mean), scale)| (beta - mean * scale) as f32)
        .collect();
    let kernel = params.values(conv, "kernel");
    // Reserved whole and filled row by row: a flattened iterator has no length to reserve by, and is no vector loop.
    let mut weights = Vec::with_capacity(kernel.len());
    for outputs in kernel.chunks_exact(scale.len()) {
        weights.extend(outputs.iter().zip(&scale).map(|(&w, scale)| (f64::from(w) * scale) as f32));
    }
    Folded { weights, bias }
}
