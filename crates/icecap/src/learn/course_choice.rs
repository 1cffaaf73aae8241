//! The learning rate of a training in steps, and how many epochs it goes on for, chosen by folds of its training photos.
//!
//! For each fold a head is trained on the others at each rate, and its loss on the fold is looked at after each epoch.
//!
//! **The rate.** A range test finds the rate at which the loss of a fresh head falls fastest. Over a whole training that rate
//! is often too large, so a third and a tenth of it are tried beside it, and the usual one, which is kept unless another has as
//! many photos right and a loss that is smaller by more than the standard error of the difference, fold by fold: what was found
//! is then not worse than what would have been taken without looking.
//!
//! **The epochs** of a training on several views of each photo. An epoch is as many times as long, so as many epochs as a
//! training on the photos alone would have make a head that is too sure of what it has seen, where photos are easy to tell
//! apart; where they are not, more steps are just what it lacks. Folds tell the one from the other.

use crate::error::Error;
use crate::judge::metrics::Metrics;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::learn::fit::held_metrics;
use crate::learn::folds::{Spread, each, enough, parted, usable_folds};
use crate::learn::options::TrainOptions;
use crate::learn::steps::{Rate, Steps};
use crate::model::head::Head;

/// Folds to choose by, if every class has as many photos.
const FOLDS: usize = 5;
/// Photos of each class that a fold has at least.
const EACH: usize = 2;

/// How a learning rate, a number of epochs or both were chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct CourseChoice {
    /// How many folds of the training photos they were chosen by.
    pub folds: usize,
    /// The rates that were tried.
    pub tried: Vec<RateTrial>,
    /// Which of them was taken.
    pub taken: usize,
}

/// What folds said of a learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateTrial {
    /// The rate.
    pub rate: f32,
    /// After how many epochs the mean loss on the held-out folds was taken: the least of all epochs where their number is to
    /// be chosen, too, or else the last.
    pub epochs: u32,
    /// That loss; infinite if the training left the numbers.
    pub loss: f64,
    /// The mean accuracy there.
    pub accuracy: f64,
    /// The standard error of how much that is more than the best rate's.
    pub error: f64,
}

impl CourseChoice {
    /// Returns the rate that was taken, and its epochs.
    #[must_use]
    pub fn taken(&self) -> RateTrial {
        self.tried[self.taken]
    }
}

/// What is to be chosen for a training by `steps`, whose epochs are the most there can be.
pub(crate) struct Open<'a> {
    /// The rates to choose among, the usual one first.
    pub(crate) rates: &'a [f32],
    /// Whether the number of epochs is to be chosen, too.
    pub(crate) epochs: bool,
    pub(crate) steps: &'a Steps,
}

/// Chooses by folds of `train`; `None` if a class has too few photos for that.
pub(crate) fn choose_course(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
    open: &Open<'_>,
) -> Result<Option<CourseChoice>, Error> {
    let Some((all, fold_of)) = usable_folds(train, classes, FOLDS, EACH, options.seed) else {
        return Ok(None);
    };
    // A spread needs two of them.
    let folds = enough(train.photos(classes).iter().sum(), all).max(2);
    let curves = each(compute, open.rates.len() * folds, |task| {
        let (rate, fold) = (open.rates[task / folds], task % folds);
        let (held, others) = parted(train, &fold_of, fold);
        let (others, held) = (train.rows(&others)?, train.rows(&held)?);
        let options = options.clone().with_steps(|steps| steps.rate = Rate::Fixed(rate));
        let mut head = Head::for_training(train.width(), classes, &options)?;
        match held_metrics(&mut head, compute, &others, &held, &options) {
            Err(Error::Diverged { .. }) => Ok(vec![LOST]),
            other => other,
        }
    })?;
    let judged: Vec<(u32, Vec<Metrics>)> =
        curves.chunks_exact(folds).map(|curves| open.judged(curves)).collect();
    let losses = |(_, of): &(u32, Vec<Metrics>)| of.iter().map(|fold| f64::from(fold.loss)).collect();
    let spread = Spread::of(&judged.iter().map(losses).collect::<Vec<Vec<f64>>>());
    let trial = |(index, (epochs, of)): (usize, &(u32, Vec<Metrics>))| RateTrial {
        rate: open.rates[index],
        epochs: *epochs,
        loss: spread.means[index],
        accuracy: of.iter().map(|fold| f64::from(fold.accuracy)).sum::<f64>() / folds as f64,
        error: spread.errors[index],
    };
    let tried: Vec<RateTrial> = judged.iter().enumerate().map(trial).collect();
    Ok(Some(CourseChoice { folds, taken: taken(&tried), tried }))
}

/// The trial with the least loss, of those that have as many photos right as the first; that one if the others' losses are as
/// large for all that folds can tell.
fn taken(tried: &[RateTrial]) -> usize {
    let good = (0..tried.len()).filter(|&index| tried[index].accuracy >= tried[0].accuracy);
    let best = good.min_by(|&a, &b| tried[a].loss.total_cmp(&tried[b].loss)).unwrap_or(0);
    if tried[0].loss <= tried[best].loss + tried[0].error { 0 } else { best }
}

/// What a training that has left the numbers is worth.
const LOST: Metrics = Metrics { loss: f32::INFINITY, accuracy: 0.0 };

impl Open<'_> {
    /// The epochs by which a rate is judged, and how good each fold's head is after them.
    fn judged(&self, curves: &[Vec<Metrics>]) -> (u32, Vec<Metrics>) {
        let last = |curve: &Vec<Metrics>| curve.last().copied().unwrap_or(LOST);
        let least = |curve: &Vec<Metrics>| {
            curve.iter().copied().fold(LOST, |best, next| if next.loss < best.loss { next } else { best })
        };
        let length = curves.iter().map(Vec::len).min().unwrap_or(0);
        if self.epochs {
            let mean = |epoch: usize| curves.iter().map(|curve| f64::from(curve[epoch].loss)).sum::<f64>();
            let best = (0..length).min_by(|&a, &b| mean(a).total_cmp(&mean(b))).unwrap_or(0);
            let at = |curve: &Vec<Metrics>| curve.get(best).copied().unwrap_or(LOST);
            return (best as u32 + 1, curves.iter().map(at).collect());
        }
        // Early stopping keeps the best epoch of each training.
        let watched = self.steps.early_stopping.is_some();
        let judged = curves.iter().map(|curve| if watched { least(curve) } else { last(curve) }).collect();
        (self.steps.epochs.fixed().unwrap_or(length as u32), judged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_judged_where_its_training_would_end() {
        let curve = |losses: &[f32]| losses.iter().map(|&loss| Metrics { loss, accuracy: 0.5 }).collect();
        let steps = Steps { epochs: 3.into(), ..Steps::default() };
        let judged = |epochs, steps: &Steps, curves: &[Vec<Metrics>]| {
            let (epochs, of) = Open { rates: &[], epochs, steps }.judged(curves);
            (epochs, of.iter().map(|of| of.loss).collect::<Vec<f32>>())
        };
        let curves = [curve(&[3.0, 1.0, 2.0]), curve(&[3.0, 2.0, 1.5])];
        assert_eq!(judged(true, &steps, &curves), (2, vec![1.0, 2.0]));
        assert_eq!(judged(false, &steps, &curves), (3, vec![2.0, 1.5]));
        let watched = Steps { early_stopping: Some(1), ..steps.clone() };
        assert_eq!(judged(false, &watched, &curves), (3, vec![1.0, 1.5]));
        // A training that left the numbers is as bad as can be.
        let left = [curve(&[1.0, 0.5, 0.4]), vec![LOST]];
        assert_eq!(judged(true, &steps, &left).1, [1.0, f32::INFINITY]);
        assert_eq!(judged(false, &steps, &left).1, [0.4, f32::INFINITY]);
    }

    #[test]
    fn the_usual_rate_stays_unless_another_is_plainly_better() {
        let trial = |loss, accuracy, error| RateTrial { rate: 1.0, epochs: 1, loss, accuracy, error };
        let lost = trial(f64::INFINITY, 0.0, 0.0);
        assert_eq!(taken(&[trial(1.0, 0.8, 0.2), trial(0.9, 0.8, 0.0), lost]), 0);
        assert_eq!(taken(&[trial(1.0, 0.8, 0.05), trial(0.9, 0.8, 0.0), lost]), 1);
        assert_eq!(taken(&[trial(1.0, 0.8, 0.05), trial(0.9, 0.7, 0.0), trial(0.92, 0.8, 0.1)]), 2);
        assert_eq!(taken(&[lost, trial(0.9, 0.8, 0.0), lost]), 1);
        assert_eq!(taken(&[lost, lost]), 0);
    }
}
