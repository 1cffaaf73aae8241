//! The naive truth: loops copied from the formulas, in f64, sharing nothing with the crate.
#![allow(dead_code, reason = "each test target uses its part")]

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};

/// A tensor of values uniform in `[-bound, bound)`.
pub(crate) fn random(stream: &mut Stream, dims: &[usize], bound: f32) -> Tensor {
    let mut tensor = Tensor::zeros(Shape::new(dims).unwrap());
    tensor.data_mut().fill_with(|| stream.range(-bound, bound));
    tensor
}

pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

pub(crate) fn pool(x: &[f64], [images, height, width, channels]: [usize; 4]) -> Vec<f64> {
    let mut means = vec![0.0; images * channels];
    for n in 0..images {
        for c in 0..channels {
            for h in 0..height {
                for w in 0..width {
                    means[n * channels + c] += x[((n * height + h) * width + w) * channels + c];
                }
            }
            means[n * channels + c] /= (height * width) as f64;
        }
    }
    means
}

pub(crate) fn dense(x: &[f64], kernel: &[f64], bias: &[f64], rows: usize) -> Vec<f64> {
    let (depth, classes) = (x.len() / rows, bias.len());
    let mut logits = vec![0.0; rows * classes];
    for n in 0..rows {
        for c in 0..classes {
            logits[n * classes + c] = bias[c];
            for k in 0..depth {
                logits[n * classes + c] += x[n * depth + k] * kernel[k * classes + c];
            }
        }
    }
    logits
}

/// What each feature of one sample is multiplied with.
pub(crate) fn dropout_mask(rate: f32, seed: u64, epoch: u32, sample: u32, width: usize) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Dropout, epoch, sample);
    let mut mask = Vec::new();
    for _ in 0..width {
        let kept = stream.uniform() >= rate;
        mask.push(if kept { 1.0 / (1.0 - f64::from(rate)) } else { 0.0 });
    }
    mask
}

/// From the definition: -ln of the probability of the label, where logits are moderate.
pub(crate) fn binary_cross_entropy(logits: &[f64], labels: &[u32]) -> f64 {
    let mut sum = 0.0;
    for (logit, label) in logits.iter().zip(labels) {
        let probability = 1.0 / (1.0 + (-logit).exp());
        sum -= if *label == 1 { probability.ln() } else { (1.0 - probability).ln() };
    }
    sum / labels.len() as f64
}

/// From the definition: -ln of the label's softmax, where logits are moderate.
pub(crate) fn sparse_categorical_cross_entropy(logits: &[f64], labels: &[u32]) -> f64 {
    let classes = logits.len() / labels.len();
    let mut sum = 0.0;
    for (row, label) in labels.iter().enumerate() {
        let row = &logits[row * classes..(row + 1) * classes];
        let total: f64 = row.iter().map(|logit| logit.exp()).sum();
        sum -= (row[*label as usize].exp() / total).ln();
    }
    sum / labels.len() as f64
}

/// From the definition, with a weight for each class and labels of which a share is spread over all; one logit stands
/// for two classes, the first with a logit of 0.
pub(crate) fn smoothed(
    logits: &[f64],
    labels: &[u32],
    weights: &[f32],
    smoothing: f32,
    classes: usize,
) -> f64 {
    let columns = logits.len() / labels.len();
    let mut sum = 0.0;
    for (row, label) in logits.chunks(columns).zip(labels) {
        let row = if columns == 1 { vec![0.0, row[0]] } else { row.to_vec() };
        let total: f64 = row.iter().map(|logit| logit.exp()).sum();
        for (class, logit) in row.iter().enumerate() {
            let own = if class == *label as usize { 1.0 - f64::from(smoothing) } else { 0.0 };
            let target = own + f64::from(smoothing) / classes as f64;
            sum -= f64::from(weights[*label as usize]) * target * (logit.exp() / total).ln();
        }
    }
    sum / labels.len() as f64
}
