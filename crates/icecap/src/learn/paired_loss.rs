//! Whether photos that were held back speak against a change: their losses before and after it, photo by photo.
//!
//! ```text
//! d_n = loss after - loss before        against it:  mean(d) > 1/2 se(d),   se(d) = sd(d) / sqrt(N)
//! ```
//!
//! Forty photos have a standard error of some hundredths, which is what a change is worth: a bare comparison of two means would
//! be a coin's toss, and one that asks for proof would never change anything. Half a standard error takes what is better,
//! most of what is as good, and none of what is clearly worse. Both losses are taken after the temperature that suits each
//! best, since one is fitted at the end anyway, and blocks that have learned are mostly too sure of what they know.

use icecap_autograd::Loss;
use icecap_kernels::{Shape, TensorRef};

use crate::error::Error;
use crate::judge::temperature::{temperature, tempered};

/// How many standard errors the mean difference may be above 0.
const DOUBT: f64 = 0.5;

/// Whether photos with these labels speak against logits that were `before` and are `after`.
pub(crate) fn speaks_against(
    before: &[f32],
    after: &[f32],
    labels: &[u32],
    classes: usize,
) -> Result<bool, Error> {
    let (before, after) = (losses(before, labels, classes)?, losses(after, labels, classes)?);
    let differences: Vec<f64> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
    let photos = differences.len().max(1) as f64;
    let mean = differences.iter().sum::<f64>() / photos;
    let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
    let error = (squares / (photos - 1.0).max(1.0) / photos).sqrt();
    // A NaN speaks against it.
    Ok(mean.is_nan() || mean > DOUBT * error)
}

/// The loss of each photo, after the temperature that suits all of them best.
pub(crate) fn losses(logits: &[f32], labels: &[u32], classes: usize) -> Result<Vec<f64>, Error> {
    let by = temperature(logits, labels, classes)?;
    let loss = Loss::for_classes(classes);
    let shape = Shape::new(&[1, loss.logits(classes)])?;
    let rows = tempered(logits, by);
    let each = rows.chunks_exact(loss.logits(classes)).zip(labels);
    each.map(|(row, label)| Ok(f64::from(loss.mean(TensorRef::new(shape, row)?, &[*label])?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of two classes, of so many photos each right by so much and so many wrong by 1.
    fn logits(right: usize, by: f32, wrong: usize) -> Vec<f32> {
        [vec![by; right], vec![-1.0; wrong]].concat()
    }

    fn against(before: &[f32], after: &[f32]) -> bool {
        speaks_against(before, after, &vec![1; before.len()], 2).unwrap()
    }

    #[test]
    fn what_is_better_or_the_same_is_taken_and_what_is_worse_is_not() {
        let (few, many) = (logits(30, 1.0, 10), logits(38, 1.0, 2));
        assert!(!against(&few, &many) && against(&many, &few));
        assert!(!against(&few, &few));
        assert!(against(&few, &[f32::NAN; 40]));
    }

    #[test]
    fn a_difference_within_the_noise_is_no_reason() {
        // Of forty photos one more is wrong, and another is right where it was wrong; a third is a little less sure.
        let before = logits(30, 1.0, 10);
        let mut after = before.clone();
        (after[0], after[39], after[1]) = (-1.0, 1.0, 0.9);
        assert!(!against(&before, &after));
        // Eight more that are wrong are no noise.
        assert!(against(&before, &logits(22, 1.0, 18)));
    }

    #[test]
    fn being_too_sure_costs_nothing_where_a_temperature_mends_it() {
        let logit = |photo: u8| if photo < 30 { 1.0 } else { -1.0 } * (1.0 + f32::from(photo % 7));
        let sure: Vec<f32> = (0..40).map(logit).collect();
        let surer: Vec<f32> = sure.iter().map(|z| 3.0 * z).collect();
        let mean = |logits: &[f32]| losses(logits, &[1; 40], 2).unwrap().iter().sum::<f64>() / 40.0;
        // The temperature's prior weighs little beside forty photos.
        assert!((mean(&sure) - mean(&surer)).abs() < 0.02, "{} and {}", mean(&sure), mean(&surer));
    }
}
