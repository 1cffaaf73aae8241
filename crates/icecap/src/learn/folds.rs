//! Folds of the training photos by which one number is chosen: how many there can be, and how many are enough.

use crate::error::Error;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;

/// Up to `most` folds, or as many as leave each class `each` photos in every fold; `None` if that is less than two.
/// Views of a photo are one.
pub(crate) fn usable_folds(
    set: &FeatureSet,
    classes: usize,
    most: usize,
    each: usize,
    seed: u64,
) -> Option<(usize, Vec<usize>)> {
    let least = set.photos(classes).into_iter().filter(|&count| count > 0).min()?;
    // Groups can make fewer than the photos would.
    (2..=most.min(least / each)).rev().find_map(|k| Some((k, set.folds(k, seed).ok()?)))
}

/// Photos that are enough to choose one number by.
const ENOUGH: usize = 2000;

/// How many of `k` folds of so many photos are to be judged to choose one number by them: as many as hold [`ENOUGH`]
/// of them.
pub(crate) fn enough(photos: usize, k: usize) -> usize {
    ENOUGH.div_ceil((photos / k).max(1)).min(k)
}

/// The rows of `set` in a fold and in the others: what is held back, photos as they are, and what is learned from, views
/// among them.
pub(crate) fn parted(set: &FeatureSet, fold_of: &[usize], fold: usize) -> (Vec<usize>, Vec<usize>) {
    let (held, others): (Vec<usize>, Vec<usize>) = (0..set.len()).partition(|&row| fold_of[row] == fold);
    (set.plain_of(held), others)
}

/// What heads said of photos that they had not seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unseen {
    /// The photos, by their row in the training set.
    pub(crate) rows: Vec<usize>,
    /// The logits of these photos, `[rows, logits]`.
    pub(crate) logits: Vec<f32>,
    /// How many folds the photos are of.
    pub(crate) folds: usize,
}

/// Losses of several candidates on the same folds, beside each other.
pub(crate) struct Spread {
    /// The mean loss of each candidate.
    pub(crate) means: Vec<f64>,
    /// The standard error of how much each is worse than the best.
    pub(crate) errors: Vec<f64>,
    /// The candidate of the least mean.
    pub(crate) best: usize,
}

impl Spread {
    /// Compares candidates, of which each has a loss on each fold. An infinite loss makes an infinite mean.
    pub(crate) fn of(losses: &[Vec<f64>]) -> Self {
        let folds = losses.first().map_or(1, Vec::len) as f64;
        let means: Vec<f64> = losses.iter().map(|of| of.iter().sum::<f64>() / folds).collect();
        let best = (0..means.len()).fold(0, |best, next| if means[next] < means[best] { next } else { best });
        let error = |index: usize| {
            let worse = means[index] - means[best];
            if !worse.is_finite() {
                return 0.0;
            }
            let fold = losses[index].iter().zip(&losses[best]).map(|(of, best)| of - best - worse);
            (fold.map(|away| away * away).sum::<f64>() / (folds - 1.0) / folds).sqrt()
        };
        let errors = (0..means.len()).map(error).collect();
        Self { means, errors, best }
    }

    /// Whether folds cannot tell a candidate from the best one.
    pub(crate) fn is_as_good(&self, index: usize) -> bool {
        self.means[index] <= self.means[self.best] + self.errors[index]
    }
}

/// Does each task on a thread; the results in the order of the tasks. Once the pulse breaks, none is begun any more: what
/// a task does before it first asks would add up over many.
pub(crate) fn each<R: Send>(
    compute: Compute<'_>,
    tasks: usize,
    work: impl Fn(usize) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let done = compute.threads.map_until(compute.pulse, 0..tasks, work);
    done.ok_or(Error::Stopped)?.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use icecap_kernels::{Isa, Threads};

    use super::*;

    #[test]
    fn many_photos_need_not_all_be_judged() {
        assert_eq!([10, 245, 2500, 5000, 20_000].map(|photos| enough(photos, 5)), [5, 5, 4, 2, 1]);
    }

    #[test]
    fn the_best_is_told_from_others_by_the_folds_that_they_share() {
        let spread = Spread::of(&[vec![1.0, 2.0], vec![0.9, 1.9], vec![0.5, 2.4], vec![f64::INFINITY, 1.0]]);
        assert_eq!(spread.best, 1);
        assert!([false, true, true, false].into_iter().eq((0..4).map(|index| spread.is_as_good(index))));
        assert!(spread.errors[0] < 1e-12 && (spread.errors[2] - 0.45).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_begun_after_a_stop() {
        let begun = AtomicUsize::new(0);
        let pulse = || match begun.load(Ordering::Relaxed) {
            3 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let work = |_| Ok(begun.fetch_add(1, Ordering::Relaxed));
        let compute = Compute { threads: &Threads::serial(), isa: Isa::best(), pulse: &pulse };
        assert!(matches!(each(compute, 100, work), Err(Error::Stopped)));
        assert_eq!(begun.into_inner(), 3);
    }
}
