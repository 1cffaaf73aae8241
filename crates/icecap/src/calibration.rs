//! Confidence that means something: of photos of which a classifier says 80 %, eight of ten should be right.
//!
//! A head is fitted to its training photos and is surer of them than of others (or, with a strong penalty, less sure).
//! One number mends most of that without changing a decision: logits are divided by a temperature T before they become
//! probabilities. T is the one that makes the cross-entropy smallest on photos that the head has not seen: the training
//! photos, each judged by a head that was trained on other folds of them. The validation photos have no part in it, so
//! that what is reported of them stays true.
//!
//! Ten photos that are all right would ask for T = 0, a confidence without doubt. So ln T has a prior, normal around 0
//! with a standard deviation of 1, which a hundred photos outvote and ten do not:
//!
//! ```text
//! minimise over u = ln T    sum_n loss(z_n exp(-u), y_n) + u^2 / 2
//! ```
//!
//! The **expected calibration error** sorts predictions by their confidence into 15 bins of equal width; it is the mean
//! distance between confidence and accuracy of the bins, weighed by their photos. With few photos it is never 0: a bin of
//! 4 has an accuracy of 0.75 or 1 where 0.9 would be right.
//!
//! # Source
//! Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.

use icecap_autograd::Loss;
use icecap_kernels::{Isa, Shape, TensorRef, Threads};

use crate::folds::{CrossValidation, enough, judge, usable_folds};
use crate::metrics::{predicted, probabilities};
use crate::settle::Pulse;
use crate::{Error, FeatureSet, TrainOptions};

/// Folds to judge the training photos by.
const FOLDS: usize = 5;
/// Photos of each class that a fold has at least.
const EACH: usize = 2;
/// Bins of the calibration error.
const BINS: usize = 15;
/// The logarithm of a temperature lies within this of 0.
const WIDEST: f64 = 4.0;

/// A temperature, and what it was fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// What logits are divided by before they become probabilities; 1 where there were too few photos.
    pub temperature: f32,
    /// Training photos that it was fitted to; 0 where there were too few.
    pub photos: usize,
    /// Folds of them.
    pub folds: usize,
}

impl Calibration {
    /// Confidence as the head has it.
    pub const NONE: Self = Self { temperature: 1.0, photos: 0, folds: 0 };

    /// Fits a temperature to what cross-validation said of the photos of `set`.
    ///
    /// # Errors
    /// [`Error::Autograd`] where logits and labels do not fit.
    pub fn of(judged: &CrossValidation, set: &FeatureSet, classes: usize) -> Result<Self, Error> {
        let labels: Vec<u32> = judged.rows.iter().map(|&row| set.labels()[row]).collect();
        let temperature = temperature(&judged.logits, &labels, classes)?;
        Ok(Self { temperature, photos: labels.len(), folds: judged.folds.len() })
    }

    /// Judges the photos of `set` by folds, with options in which nothing is left open, and fits a temperature to that.
    pub(crate) fn by_folds(
        threads: &Threads,
        isa: Isa,
        set: &FeatureSet,
        classes: usize,
        options: &TrainOptions,
        pulse: Pulse<'_>,
    ) -> Result<Self, Error> {
        let Some((k, fold_of)) = usable_folds(set, classes, FOLDS, EACH, options.seed) else {
            return Ok(Self::NONE);
        };
        let some = (fold_of.as_slice(), enough(set.photos(classes).iter().sum(), k));
        let judged = judge(threads, isa, set, classes, options, some, pulse)?;
        Self::of(&judged, set, classes)
    }
}

/// The temperature by which logits [N, logits] of photos that their head has not seen are to be divided.
///
/// # Errors
/// [`Error::Autograd`] where logits and labels do not fit.
pub fn temperature(logits: &[f32], labels: &[u32], classes: usize) -> Result<f32, Error> {
    if labels.is_empty() {
        return Ok(1.0);
    }
    let loss = Loss::for_classes(classes);
    let shape = Shape::new(&[labels.len(), loss.logits(classes)])?;
    let mut scaled = vec![0.0; logits.len()];
    let mut cost = |u: f64| -> Result<f64, Error> {
        let by = (-u).exp();
        scaled.iter_mut().zip(logits).for_each(|(to, &z)| *to = (f64::from(z) * by) as f32);
        let mean = loss.mean(TensorRef::new(shape, &scaled)?, labels)?;
        Ok(f64::from(mean) * labels.len() as f64 + 0.5 * u * u)
    };
    // Golden sections: the cost has one minimum, and one number more or less of it costs nothing.
    let section = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut low, mut high) = (-WIDEST, WIDEST);
    let (mut left, mut right) = (high - section * (high - low), low + section * (high - low));
    let (mut at_left, mut at_right) = (cost(left)?, cost(right)?);
    while high - low > 1e-4 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - section * (high - low);
            at_left = cost(left)?;
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + section * (high - low);
            at_right = cost(right)?;
        }
    }
    Ok((0.5 * (low + high)).exp() as f32)
}

/// Logits divided by a temperature.
#[must_use]
pub fn tempered(logits: &[f32], temperature: f32) -> Vec<f32> {
    logits.iter().map(|logit| logit / temperature).collect()
}

/// Predictions of one range of confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The range: above the first (or from 0), up to the second.
    pub range: [f64; 2],
    /// Predictions in it.
    pub photos: usize,
    /// Of these, those that are right.
    pub right: usize,
    /// Their mean confidence; 0 where there is none.
    pub confidence: f64,
    /// The share of them that is right; 0 where there is none.
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
    /// Of logits [N, logits] that are divided by `temperature`.
    #[must_use]
    pub fn of(logits: &[f32], labels: &[u32], classes: usize, temperature: f32) -> Self {
        let width = Loss::for_classes(classes).logits(classes);
        Self::of_confidences(logits.chunks_exact(width).zip(labels).map(|(row, &label)| {
            let row = tempered(row, temperature);
            let class = predicted(&row);
            (probabilities(&row)[class], class == label as usize)
        }))
    }

    /// Of predictions by their confidence, the probability of the class that is predicted, and whether they are right.
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
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    /// Logits whose labels are drawn from the very probabilities that they stand for, times `factor`.
    fn drawn(photos: u32, classes: u32, factor: f32) -> (Vec<f32>, Vec<u32>) {
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        let width = Loss::for_classes(classes as usize).logits(classes as usize);
        for photo in 0..photos {
            let mut draw = Stream::new(5, Purpose::Test, classes, photo);
            let row: Vec<f32> = (0..width).map(|_| draw.range(-3.0, 3.0)).collect();
            let (mut left, mut label) = (draw.uniform(), 0);
            for (class, share) in probabilities(&row).into_iter().enumerate() {
                label = class as u32;
                left -= share;
                if left < 0.0 {
                    break;
                }
            }
            labels.push(label);
            logits.extend(row.iter().map(|z| z * factor));
        }
        (logits, labels)
    }

    #[test]
    fn a_known_temperature_is_found_again_and_mends_the_confidence() {
        for classes in [2, 4] {
            for factor in [0.2, 1.0, 5.0] {
                let (logits, labels) = drawn(4000, classes, factor);
                let found = temperature(&logits, &labels, classes as usize).unwrap();
                assert!((found / factor - 1.0).abs() < 0.12, "{found} for {factor}");
                let ece = |t| Reliability::of(&logits, &labels, classes as usize, t).ece;
                assert!(ece(found) < 0.03, "{}", ece(found));
                assert!(factor == 1.0 || ece(1.0) > 0.1, "{}", ece(1.0));
            }
        }
    }

    #[test]
    fn few_photos_that_are_all_right_give_no_certainty() {
        let logits = [2.0, -2.0].repeat(5);
        let labels = [1, 0].repeat(5);
        let found = temperature(&logits, &labels, 2).unwrap();
        assert!((0.4..1.0).contains(&found), "{found}");
        assert_eq!(temperature(&[], &[], 2).unwrap(), 1.0);
    }

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
