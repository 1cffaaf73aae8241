//! BatchNorm folded into the convolution before it, with the statistics of training: a frozen base never updates them.
//!
//! ```text
//! gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta  =  conv'(x) + bias
//! with  s = gamma / sqrt(variance + epsilon),  kernel' = kernel * s,  bias = beta - mean * s
//! ```
//!
//! Computed in f64 and rounded once.

use crate::{params::Params, topology::ConvLayer};

/// A convolution with its BatchNorm folded in.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The weights, in the order and shape of the convolution's kernel: output channels last.
    pub weights: Vec<f32>,
    /// One value per output channel.
    pub bias: Vec<f32>,
}

/// Folds the BatchNorm behind a convolution into it.
///
/// Works for depthwise kernels too: [3, 3, C, 1] has the channel last as [.., C] does.
///
/// # Panics
/// If the net has no such convolution; it has all of [`ConvLayer::all`].
#[must_use]
pub fn fold(params: &Params, layer: ConvLayer) -> Folded {
    let vector = |variable: &str| params.values(&layer.vector(variable)).iter().map(|&v| f64::from(v));
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
    let kernel = params.values(&layer.kernel());
    // Reserved whole and filled row by row: a flattened iterator has no length to reserve by, and is no vector loop.
    let mut weights = Vec::with_capacity(kernel.len());
    for outputs in kernel.chunks_exact(scale.len()) {
        weights.extend(outputs.iter().zip(&scale).map(|(&w, scale)| (f64::from(w) * scale) as f32));
    }
    Folded { weights, bias }
}
