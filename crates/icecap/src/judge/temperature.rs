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
//! minimize over u = ln T    sum_n loss(z_n exp(-u), y_n) + u^2 / 2
//! ```
//!
//! # Source
//! Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.

use icecap_autograd::Loss;
use icecap_kernels::{Shape, TensorRef};

use crate::error::Error;

/// The logarithm of a temperature lies within this of 0.
const WIDEST: f64 = 4.0;

/// Fits the temperature by which logits, `[N, logits]`, are to be divided. They are of photos that their head has not seen.
///
/// # Errors
/// [`Error::Autograd`] if logits and labels do not fit.
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

/// Returns logits divided by a temperature.
#[must_use]
pub fn tempered(logits: &[f32], temperature: f32) -> Vec<f32> {
    logits.iter().map(|logit| logit / temperature).collect()
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;
    use crate::judge::metrics::probabilities;
    use crate::judge::reliability::Reliability;

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
}
