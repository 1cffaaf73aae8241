//! BatchNorm folded into the convolution before it, with the statistics of training: a frozen base never updates them.
//!
//! ```text
//! gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta  =  conv'(x) + bias
//! with  s = gamma / sqrt(variance + epsilon),  kernel' = kernel * s,  bias = beta - mean * s
//! ```
//!
//! Computed in f64 and rounded once.
//!
//! Backwards, with G and h the gradients of kernel' and bias, r = 1 / sqrt(variance + epsilon), and the statistics
//! constants, as they are in inference mode:
//!
//! ```text
//! d kernel = s * G        d beta = h        d gamma = r * (sum of kernel * G over the channel's weights - mean * h)
//! ```

use crate::{
    params::Params,
    topology::{BATCH_NORM, ConvLayer},
};

/// A convolution with its BatchNorm folded in.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The weights, in the order and shape of the convolution's kernel: output channels last.
    pub weights: Vec<f32>,
    /// One value per output channel.
    pub bias: Vec<f32>,
}

/// BatchNorm's numbers of one channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// The trained factor.
    pub gamma: f32,
    /// The trained summand.
    pub beta: f32,
    /// The mean that training has seen; a constant here.
    pub mean: f32,
    /// The variance that training has seen; a constant here.
    pub variance: f32,
    /// What is added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Returns `1 / sqrt(variance + epsilon)`.
    fn reciprocal(&self) -> f64 {
        1.0 / self.deviation()
    }

    /// Returns whether all it does is to add beta: what readers of weights make of a convolution into which its BatchNorm was
    /// folded before.
    #[must_use]
    pub fn is_folded(&self) -> bool {
        self.gamma == 1.0 && self.mean == 0.0 && self.variance == 1.0 - self.epsilon
    }

    fn deviation(&self) -> f64 {
        (f64::from(self.variance) + f64::from(self.epsilon)).sqrt()
    }

    /// Returns the factor by which folding multiplies the channel's weights; see [`Norm::fold`].
    #[must_use]
    pub fn scale(&self) -> f64 {
        f64::from(self.gamma) / self.deviation()
    }

    /// Returns the folded bias of the channel, of its [`scale`](Self::scale).
    #[must_use]
    pub fn bias(&self, scale: f64) -> f32 {
        (f64::from(self.beta) - f64::from(self.mean) * scale) as f32
    }

    /// Returns one folded weight of a channel of this scale.
    #[inline(always)]
    #[must_use]
    pub fn fold(weight: f32, scale: f64) -> f32 {
        (f64::from(weight) * scale) as f32
    }

    /// Returns the gradient of gamma. `product` is the sum over the channel's weights of each times the gradient of what
    /// it was folded to, `d_bias` the gradient of the folded bias, which is beta's too.
    #[must_use]
    pub fn d_gamma(&self, product: f64, d_bias: f32) -> f32 {
        (self.reciprocal() * (product - f64::from(self.mean) * f64::from(d_bias))) as f32
    }
}

/// Folds the BatchNorm behind a convolution into it.
///
/// Works for depthwise kernels too: [3, 3, C, 1] has the channel last as [.., C] does.
///
/// # Panics
/// If the net has no such convolution; it has all of [`ConvLayer::all`].
#[must_use]
pub fn fold(params: &Params, layer: ConvLayer) -> Folded {
    let norms = norms(params, layer);
    let scale: Vec<f64> = norms.iter().map(Norm::scale).collect();
    let bias = norms.iter().zip(&scale).map(|(norm, scale)| norm.bias(*scale)).collect();
    let kernel = params.values(&layer.kernel());
    // Reserved whole and filled row by row: a flattened iterator has no length to reserve by, and is no vector loop.
    let mut weights = Vec::with_capacity(kernel.len());
    for outputs in kernel.chunks_exact(scale.len()) {
        weights.extend(outputs.iter().zip(&scale).map(|(&w, &scale)| Norm::fold(w, scale)));
    }
    Folded { weights, bias }
}

/// Returns the numbers of the BatchNorm behind a convolution, channel by channel.
///
/// # Panics
/// If the net has no such convolution; it has all of [`ConvLayer::all`].
#[must_use]
pub fn norms(params: &Params, layer: ConvLayer) -> Vec<Norm> {
    let epsilon = params.numerics().epsilon;
    let [gamma, beta, mean, variance] = BATCH_NORM.map(|variable| params.values(&layer.vector(variable)));
    let each = gamma.iter().zip(beta).zip(mean.iter().zip(variance));
    each.map(|((&gamma, &beta), (&mean, &variance))| Norm { gamma, beta, mean, variance, epsilon }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_of_gamma_is_that_of_what_was_folded() {
        let norm = Norm { gamma: 1.3, beta: -0.4, mean: 0.7, variance: 0.2, epsilon: 1e-3 };
        let (weights, d_weights, d_bias) = ([0.5f32, -1.1, 0.3], [0.2f32, 0.9, -0.6], 0.8f32);
        // The loss is the sum of each folded value times its gradient.
        let loss = |gamma: f32| {
            let norm = Norm { gamma, ..norm };
            let scale = norm.scale();
            let weighted = weights.iter().zip(d_weights).map(|(&w, d)| f64::from(w) * scale * f64::from(d));
            weighted.sum::<f64>() + (f64::from(norm.beta) - f64::from(norm.mean) * scale) * f64::from(d_bias)
        };
        let (low, high) = (norm.gamma - 0.125, norm.gamma + 0.125);
        let slope = (loss(high) - loss(low)) / f64::from(high - low);
        let product = weights.iter().zip(d_weights).map(|(&w, d)| f64::from(w) * f64::from(d)).sum();
        assert!((f64::from(norm.d_gamma(product, d_bias)) - slope).abs() < 1e-6 * slope.abs());
    }
}
