//! How confidence and accuracy go together.
//!
//! The **expected calibration error** sorts predictions by their confidence into 15 bins of equal width; it is the mean
//! distance between confidence and accuracy of the bins, weighed by their photos. With few photos it is never 0: a bin of
//! 4 has an accuracy of 0.75 or 1 where 0.9 would be right.

use icecap_autograd::Loss;

use crate::judge::metrics::{predicted, probabilities};
use crate::judge::temperature::tempered;

/// Bins of the calibration error.
const BINS: usize = 15;

/// Predictions of one range of confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The range: above the first (or from 0), up to the second.
    pub range: [f64; 2],
    /// How many predictions are in the range.
    pub photos: usize,
    /// How many of the predictions are right.
    pub right: usize,
    /// The mean confidence of the predictions; 0 if there are none.
    pub confidence: f64,
    /// The share of the predictions that is right; 0 if there are none.
    pub accuracy: f64,
}

/// How confidence and accuracy go together.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// 15 ranges of confidence, of equal width.
    pub bins: Vec<Bin>,
    /// The expected calibration error.
    pub ece: f64,
}

impl Reliability {
    /// Sorts the predictions of logits, `[N, logits]`, that are divided by `temperature`.
    #[must_use]
    pub fn of(logits: &[f32], labels: &[u32], classes: usize, temperature: f32) -> Self {
        let width = Loss::for_classes(classes).logits(classes);
        Self::of_confidences(logits.chunks_exact(width).zip(labels).map(|(row, &label)| {
            let row = tempered(row, temperature);
            let class = predicted(&row);
            (probabilities(&row)[class], class == label as usize)
        }))
    }

    /// Sorts predictions, each given by its confidence (the probability of the predicted class) and whether it is right.
    #[must_use]
    pub fn of_confidences(predictions: impl IntoIterator<Item = (f32, bool)>) -> Self {
        let mut sums = [(0_usize, 0.0, 0_usize); BINS];
        for (confidence, is_right) in predictions {
            let confidence = f64::from(confidence);
            let (photos, sum, right) =
                &mut sums[((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1];
            *photos += 1;
            *sum += confidence;
            *right += usize::from(is_right);
        }
        let edge = |bin: usize| bin as f64 / BINS as f64;
        let bin = |(index, &(photos, sum, right)): (usize, &(usize, f64, usize))| Bin {
            range: [edge(index), edge(index + 1)],
            photos,
            right,
            confidence: sum / photos.max(1) as f64,
            accuracy: right as f64 / photos.max(1) as f64,
        };
        let bins: Vec<Bin> = sums.iter().enumerate().map(bin).collect();
        let off: f64 = bins.iter().map(|bin| bin.photos as f64 * (bin.accuracy - bin.confidence).abs()).sum();
        let all: usize = bins.iter().map(|bin| bin.photos).sum();
        Self { bins, ece: off / all.max(1) as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_every_photo_and_the_error_is_their_weighted_distance() {
        // Confidences 0.5 (a tie is the second class), 0.731 and 0.953; the last one is wrong.
        let of = Reliability::of(&[0.0, 1.0, -1.0, 3.0], &[1, 1, 0, 0], 2, 1.0);
        assert_eq!(of.bins.len(), BINS);
        let photos: Vec<usize> = of.bins.iter().map(|bin| bin.photos).collect();
        assert_eq!((photos[7], photos[10], photos[14], photos.iter().sum::<usize>()), (1, 2, 1, 4));
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let expected = (0.5 + 2.0 * (1.0 - sigmoid(1.0)) + sigmoid(3.0)) / 4.0;
        assert!((of.ece - expected).abs() < 1e-6, "{} for {expected}", of.ece);

        let of = Reliability::of_confidences([(1.0, true), (0.95, false), (0.55, true), (0.5, false)]);
        let bin = |index: usize| (of.bins[index].photos, of.bins[index].right);
        assert_eq!((bin(14), bin(8), bin(7)), ((2, 1), (1, 1), (1, 0)));
        assert!((of.ece - (0.95 + 0.45 + 0.5) / 4.0).abs() < 1e-6, "{}", of.ece);
        assert_eq!(Reliability::of_confidences([]).ece, 0.0);
    }
}
