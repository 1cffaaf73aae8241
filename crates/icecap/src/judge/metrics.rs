//! Loss, accuracy, probabilities: what logits mean.

use icecap_autograd::Loss;
use icecap_kernels::{Shape, TensorRef};

use crate::error::Error;

/// The probability from which the second of two classes is predicted.
pub const THRESHOLD: f32 = 0.5;

/// Loss and accuracy of a head on some photos, dropout off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Mean cross-entropy, in nats.
    pub loss: f32,
    /// The share of photos whose class was predicted.
    pub accuracy: f32,
}

impl Metrics {
    /// The metrics of no photos: NaN, not a number.
    pub const NONE: Self = Self { loss: f32::NAN, accuracy: f32::NAN };

    /// Measures logits, `[N, 1]` for two classes and `[N, classes]` for more, by their labels; [`Metrics::NONE`] if N is 0.
    ///
    /// # Errors
    /// [`Error::Autograd`] if logits and labels do not fit.
    pub fn of(logits: &[f32], labels: &[u32], classes: usize) -> Result<Self, Error> {
        Self::at(logits, labels, classes, THRESHOLD)
    }

    /// Measures logits as [`Metrics::of`] does, with the second of two classes told from the probability `threshold` on.
    ///
    /// # Errors
    /// [`Error::Autograd`] if logits and labels do not fit.
    pub fn at(logits: &[f32], labels: &[u32], classes: usize, threshold: f32) -> Result<Self, Error> {
        if labels.is_empty() && logits.is_empty() {
            return Ok(Self::NONE);
        }
        let loss = Loss::for_classes(classes);
        let width = loss.logits(classes);
        let shape = Shape::of([labels.len(), width]);
        let mean = loss.mean(TensorRef::new(shape, logits)?, labels)?;
        let right = logits
            .chunks_exact(width)
            .zip(labels)
            .filter(|(row, label)| predicted_at(row, threshold) == **label as usize);
        Ok(Self { loss: mean, accuracy: right.count() as f32 / labels.len().max(1) as f32 })
    }
}

/// Returns the class that a row of logits predicts: sigmoid at [`THRESHOLD`] for one logit, the largest of several.
#[must_use]
pub fn predicted(logits: &[f32]) -> usize {
    predicted_at(logits, THRESHOLD)
}

/// Returns the class that a row of logits predicts, the second of two from the probability `threshold` on. Several classes
/// know no threshold.
#[must_use]
pub fn predicted_at(logits: &[f32], threshold: f32) -> usize {
    match logits {
        [logit] => usize::from(sigmoid(*logit) >= threshold),
        _ => predicted_of_several(logits),
    }
}

/// Returns the place of the largest of several logits, of equal ones the first.
pub(crate) fn predicted_of_several(logits: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in logits.iter().enumerate() {
        if *value > logits[best] {
            best = index;
        }
    }
    best
}

/// Returns the probability of each class: from one logit by the sigmoid, for two classes; from several by softmax. They sum
/// to 1.
#[must_use]
pub fn probabilities(logits: &[f32]) -> Vec<f32> {
    match logits {
        [logit] => vec![1.0 - sigmoid(*logit), sigmoid(*logit)],
        _ => {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers: Vec<f64> = logits.iter().map(|logit| f64::from(logit - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.iter().map(|power| (power / sum) as f32).collect()
        }
    }
}

/// Returns the balanced accuracy: the mean, over the classes that have photos, of the share of their photos that was
/// predicted right.
#[must_use]
pub fn balanced_accuracy(said: &[usize], labels: &[u32], classes: usize) -> f64 {
    let mut of_class = vec![(0_usize, 0_usize); classes];
    for (&class, &label) in said.iter().zip(labels) {
        if let Some((photos, right)) = of_class.get_mut(label as usize) {
            *photos += 1;
            *right += usize::from(class == label as usize);
        }
    }
    let recalls = of_class
        .iter()
        .filter(|(photos, _)| *photos > 0)
        .map(|(photos, right)| *right as f64 / *photos as f64);
    let count = recalls.clone().count();
    recalls.sum::<f64>() / count.max(1) as f64
}

/// Returns the probability of a logit by the sigmoid.
pub(crate) fn sigmoid(logit: f32) -> f32 {
    (1.0 / (1.0 + (-f64::from(logit)).exp())) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_and_name_the_prediction() {
        for logits in
            [vec![0.0], vec![-40.0], vec![700.0], vec![1.0, 2.0, -3.0], vec![1e30, -1e30, 0.0, 1e30]]
        {
            let all = probabilities(&logits);
            assert!((all.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{all:?}");
            let best = predicted(&logits);
            assert!(all.iter().all(|p| *p <= all[best]));
        }
        // A probability of exactly one half is the second class.
        assert_eq!(predicted(&[0.0]), 1);
        assert_eq!(predicted(&[-1e-3]), 0);
        assert_eq!(predicted(&[2.0, 2.0]), 0);
    }

    #[test]
    fn balanced_accuracy_counts_classes_and_not_photos() {
        // Class 0: three of four; class 1: none of one; class 2 has no photo.
        assert_eq!(balanced_accuracy(&[0, 0, 0, 1, 0], &[0, 0, 0, 0, 1], 3), 0.375);
        assert_eq!(balanced_accuracy(&[], &[], 2), 0.0);
        assert!(Metrics::of(&[], &[], 2).unwrap().loss.is_nan());
    }

    #[test]
    fn metrics_count_and_average() {
        let metrics = Metrics::of(&[0.0, 3.0, -3.0, -3.0], &[1, 1, 0, 1], 2).unwrap();
        assert_eq!(metrics.accuracy, 0.75);
        let softplus = |x: f32| (1.0 + x.exp()).ln();
        let expected = (softplus(0.0) + softplus(-3.0) + softplus(-3.0) + softplus(3.0)) / 4.0;
        assert!((metrics.loss - expected).abs() < 1e-6);
    }
}
