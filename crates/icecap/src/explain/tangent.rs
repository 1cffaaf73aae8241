//! The linear function that a head of several layers is around one row of pooled features.
//!
//! Between dense layers stand ReLUs, so a head is linear wherever none of them changes its side:
//!
//! ```text
//! logits(p) = p · G + b,      G = K_1 · diag(open_1) · K_2 · diag(open_2) · … K_n,      b = logits(p) - p · G
//! ```
//!
//! `open` is 1 where the activation lets its input pass and 0 where it holds it at a bound. G is the gradient of the logits.

use icecap_weights::Activation;

use crate::model::head::{Head, HeadLayer};

/// A head as a linear function, exact at the features that it was made at.
#[derive(Clone, Debug)]
pub(super) struct Tangent {
    /// [F, logits].
    pub(super) kernel: Vec<f32>,
    /// [logits].
    pub(super) bias: Vec<f32>,
}

impl Tangent {
    /// The function at `pooled`, [F]. Sums run in f64.
    pub(super) fn at(head: &Head, pooled: &[f64]) -> Self {
        let (logits, open) = forward(head, pooled);
        let layers: Vec<HeadLayer<'_>> = head.layers().collect();
        let width = head.logits();
        // The gradient of the logits by what each layer gives, from the last one down.
        let mut gradient: Vec<f64> =
            (0..width * width).map(|at| if at / width == at % width { 1.0 } else { 0.0 }).collect();
        for (layer, open) in layers.iter().zip(&open).rev() {
            for (row, open) in gradient.chunks_exact_mut(width).zip(open) {
                if !open {
                    row.fill(0.0);
                }
            }
            gradient = through(layer.kernel.data(), &gradient, width);
        }
        let kernel: Vec<f32> = gradient.iter().map(|&value| value as f32).collect();
        let explained = |logit: usize| {
            let weights = kernel.iter().skip(logit).step_by(width);
            pooled.iter().zip(weights).map(|(value, &weight)| value * f64::from(weight)).sum::<f64>()
        };
        let bias =
            logits.iter().enumerate().map(|(logit, value)| (value - explained(logit)) as f32).collect();
        Self { kernel, bias }
    }
}

/// `kernel` [in, out] times `gradient` [out, width].
fn through(kernel: &[f32], gradient: &[f64], width: usize) -> Vec<f64> {
    let outputs = gradient.len() / width;
    let mut product = vec![0.0; kernel.len() / outputs * width];
    for (sums, weights) in product.chunks_exact_mut(width).zip(kernel.chunks_exact(outputs)) {
        for (row, &weight) in gradient.chunks_exact(width).zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(weight) * value);
        }
    }
    product
}

/// The logits, and for each layer which of its outputs pass its activation.
fn forward(head: &Head, pooled: &[f64]) -> (Vec<f64>, Vec<Vec<bool>>) {
    let (mut values, mut all) = (pooled.to_vec(), Vec::new());
    for layer in head.layers() {
        let mut next: Vec<f64> = layer.bias.data().iter().map(|&bias| f64::from(bias)).collect();
        for (value, weights) in values.iter().zip(layer.kernel.data().chunks_exact(next.len())) {
            next.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += value * f64::from(weight));
        }
        let passes = |value: &f64| match layer.activation {
            Activation::None => true,
            Activation::Relu => *value > 0.0,
            Activation::Relu6 => (0.0..6.0).contains(value) && *value > 0.0,
        };
        all.push(next.iter().map(passes).collect());
        values = match layer.activation {
            Activation::None => next,
            Activation::Relu => next.iter().map(|value| value.max(0.0)).collect(),
            Activation::Relu6 => next.iter().map(|value| value.clamp(0.0, 6.0)).collect(),
        };
    }
    (values, all)
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};
    use icecap_kernels::{Shape, Tensor};
    use icecap_weights::DenseLayer;

    use super::*;

    fn drawn(sizes: &[usize], activation: Activation, seed: u64) -> Head {
        let mut draw = Stream::new(seed, Purpose::Test, 0, 0);
        let last = sizes.len() - 2;
        let layer = |(index, pair): (usize, &[usize])| {
            let mut values =
                |count: usize| -> Vec<f32> { (0..count).map(|_| draw.range(-2.0, 2.0)).collect() };
            let kernel =
                Tensor::from_slice(Shape::of([pair[0], pair[1]]), &values(pair[0] * pair[1])).unwrap();
            let activation = if index == last { Activation::None } else { activation };
            DenseLayer { kernel, bias: values(pair[1]), activation }
        };
        let layers = sizes.windows(2).enumerate().map(layer).collect();
        Head::from_layers(layers, sizes[last + 1].max(2), false).unwrap()
    }

    #[test]
    fn it_is_the_head_at_its_place_and_its_gradient_that_of_differences() {
        let mut saturated = 0;
        for seed in 0..60 {
            let activation = if seed % 2 == 0 { Activation::Relu } else { Activation::Relu6 };
            let sizes: &[usize] = [&[7, 5, 3][..], &[6, 8, 4, 1], &[9, 4]][seed as usize % 3];
            let head = drawn(sizes, activation, seed);
            let mut draw = Stream::new(seed, Purpose::Test, 1, 0);
            let pooled: Vec<f64> = (0..sizes[0]).map(|_| f64::from(draw.range(0.0, 3.0))).collect();
            let (logits, open) = forward(&head, &pooled);
            saturated += open.iter().flatten().filter(|open| !**open).count();
            let tangent = Tangent::at(&head, &pooled);
            let width = head.logits();
            for logit in 0..width {
                let weights = tangent.kernel.iter().skip(logit).step_by(width);
                let sum: f64 = pooled.iter().zip(weights).map(|(x, &w)| x * f64::from(w)).sum();
                let got = sum + f64::from(tangent.bias[logit]);
                assert!(
                    (got - logits[logit]).abs() < 1e-4 * (1.0 + sum.abs()),
                    "seed {seed}: {got} {logits:?}"
                );
                for feature in 0..sizes[0] {
                    let moved = |by: f64| {
                        let mut moved = pooled.clone();
                        moved[feature] += by;
                        forward(&head, &moved).0[logit]
                    };
                    let slope = (moved(1e-7) - moved(-1e-7)) / 2e-7;
                    let weight = f64::from(tangent.kernel[feature * width + logit]);
                    assert!(
                        (slope - weight).abs() < 1e-4 * (1.0 + weight.abs()),
                        "seed {seed}: {slope} {weight}"
                    );
                }
            }
        }
        assert!(saturated > 50, "{saturated}");
    }
}
