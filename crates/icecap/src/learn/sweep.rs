//! Several ways to train a head, judged beside each other by the same folds of the training photos.
//!
//! Each way has its logits of every photo from heads that have not seen it. They are divided by the temperature that suits all
//! of them best, since one is fitted at the end of a training anyway, and their loss is compared photo by photo:
//!
//! ```text
//! d_n = loss by the first way - loss by another        better:  mean(d) > se(d)
//! se(d)^2 = sum over groups g of (sum over n in g of (d_n - mean(d)))^2 / N^2
//! ```
//!
//! The first way stays unless the one with the least mean loss is better by more than that standard error. Where many are
//! tried, the least mean is partly luck: what folds cannot tell apart is no reason to leave what was named first. Photos that
//! belong together count as one in the error. Accuracy would be the coarser measure: of 245 photos a whole one is 0.4 %.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::judge::cross_validation::{CrossValidation, Folds, judge};
use crate::learn::compute::Compute;
use crate::learn::dataset::Dataset;
use crate::learn::folds::{enough, usable_folds};
use crate::learn::options::TrainOptions;
use crate::learn::paired_loss::losses;
use crate::learn::photo_features::Photos;
use crate::learn::reading::Reading;
use crate::learn::trained::Event;
use crate::learn::trainer::Trainer;

/// Folds to judge by, if every class has as many photos.
const FOLDS: usize = 5;

/// A way to train a head, judged by folds of the training photos.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// How many folds were judged.
    pub folds: usize,
    /// How many photos these have.
    pub photos: usize,
    /// The mean accuracy over the folds.
    pub accuracy: f64,
    /// The standard deviation of the accuracy from fold to fold.
    pub spread: f64,
    /// The mean loss of the photos after the temperature that suits all of them best; infinite if a training diverged.
    pub loss: f64,
    /// The time that judging took, reading the photos not included.
    pub time: Duration,
    /// The loss of each photo of the dataset's training part; `None` if it could not be read or its fold was not judged.
    each: Vec<Option<f64>>,
    /// The number of each photo's group.
    groups: Vec<u32>,
}

/// How a way to train compares with the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// The mean of how much less the loss of a photo is; negative if it is more.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
}

impl Trainer {
    /// Judges several ways to train a head by the same folds of the training photos of `dataset`, whose features are made once.
    /// The trainer's own options have no part in it; its seed deals the folds out, so ways that are judged by trainers of
    /// other sizes or views can be compared. Validation and test photos are not read: the split stays as it is, also where
    /// training photos cannot be read, which [`Trainer::readable`] finds out before.
    ///
    /// There are as many folds as the trainer has, or else five, or fewer where a class has fewer photos; of more than 2000 photos
    /// not all folds are judged then. `event` hears of the photos, and of `judged` ways as they end; it can stop the work.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `event` breaks; [`Error::Folds`] if a class has too few photos; what [`Trainer::train`] returns
    /// of photos and settings.
    pub fn judge(
        &self,
        dataset: &Dataset,
        ways: &[TrainOptions],
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Judged>, Error> {
        ways.iter().try_for_each(TrainOptions::check)?;
        self.check_folds(dataset)?;
        let alone = dataset.learned();
        let (photos, _) = Reading { validated: false, ..self.reading() }.photos(&alone, None, event)?;
        let dealt = self.dealt(dataset, &photos)?;
        let pulse = || event(Event::Pulse);
        let compute = Compute { threads: self.backbone.threads(), isa: self.backbone.isa(), pulse: &pulse };
        let mut all = Vec::new();
        for options in ways {
            all.push(dealt.judged(compute, options)?);
            if event(Event::Judged { ways: all.len() }).is_break() {
                return Err(Error::Stopped);
            }
        }
        Ok(all)
    }

    /// Deals the photos out to folds: views of a photo go where it goes.
    fn dealt<'a>(&self, dataset: &'a Dataset, photos: &'a Photos) -> Result<Dealt<'a>, Error> {
        let (plain, classes, seed) = (&photos.train.features, dataset.classes.len(), self.options.seed);
        let (count, fold_of) = match self.folds {
            Some(k) => (k, plain.folds(k, seed)?),
            None => {
                let Some((k, fold_of)) = usable_folds(plain, classes, FOLDS, 1, seed) else {
                    let counts = plain.photos(classes);
                    let least = (0..classes).min_by_key(|&class| counts[class]).unwrap_or_default();
                    let class = dataset.classes[least].clone();
                    return Err(Error::Folds { folds: 2, class, photos: counts[least] });
                };
                (enough(plain.len(), k), fold_of)
            }
        };
        let views = photos.views();
        let fold_of = fold_of.into_iter().flat_map(|fold| std::iter::repeat_n(fold, views)).collect();
        // The place among the dataset's of each photo that was read: they come in the same order.
        let mut read = photos.train.samples.iter().peekable();
        let places = dataset.train.iter().enumerate();
        let places = places.filter(|(_, sample)| read.next_if_eq(sample).is_some());
        let places = places.map(|(place, _)| place).collect();
        Ok(Dealt { dataset, photos, views, count, fold_of, places })
    }
}

/// Photos that were dealt out to folds.
struct Dealt<'a> {
    dataset: &'a Dataset,
    photos: &'a Photos,
    views: usize,
    /// How many of the folds are judged.
    count: usize,
    /// The fold of each row.
    fold_of: Vec<usize>,
    /// The place of each photo in the dataset's training part.
    places: Vec<usize>,
}

impl Dealt<'_> {
    fn judged(&self, compute: Compute<'_>, options: &TrainOptions) -> Result<Judged, Error> {
        let started = Instant::now();
        let classes = self.dataset.classes.len();
        let folds = Folds { fold_of: &self.fold_of, count: self.count };
        let set = self.photos.learned();
        let found = match judge(compute, set, classes, options, folds) {
            Err(Error::Diverged { .. }) => None,
            other => Some(other?),
        };
        let plain = &self.photos.train.features;
        let mut judged = Judged {
            folds: self.count,
            photos: self.fold_of.iter().step_by(self.views).filter(|fold| **fold < self.count).count(),
            accuracy: found.as_ref().map_or(0.0, CrossValidation::accuracy),
            spread: found.as_ref().map_or(0.0, CrossValidation::spread),
            loss: f64::INFINITY,
            time: Duration::ZERO,
            each: vec![None; self.dataset.train.len()],
            groups: (0..self.dataset.train.len() as u32).collect(),
        };
        if let Some(groups) = plain.groups() {
            self.places.iter().zip(groups).for_each(|(&place, &group)| judged.groups[place] = group);
        }
        if let Some(found) = found {
            let labels: Vec<u32> = found.rows.iter().map(|&row| set.labels()[row]).collect();
            let losses = losses(&found.logits, &labels, classes)?;
            judged.loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
            for (row, loss) in found.rows.iter().zip(losses) {
                judged.each[self.places[row / self.views]] = Some(loss);
            }
        }
        judged.time = started.elapsed();
        Ok(judged)
    }
}

impl Judged {
    /// Returns how much better this is than `first`, by the photos that both were judged on; `None` if there are none, as where
    /// a training diverged.
    #[must_use]
    pub fn gain(&self, first: &Self) -> Option<Gain> {
        let both = self.each.iter().zip(&first.each).enumerate();
        let differences: Vec<(u32, f64)> = both
            .filter_map(|(photo, (own, first))| Some((self.groups[photo], (*first)? - (*own)?)))
            .collect();
        let photos = differences.len() as f64;
        let mean = differences.iter().map(|(_, d)| d).sum::<f64>() / photos;
        let last = differences.iter().map(|(group, _)| *group).max()?;
        let mut away = vec![0.0; last as usize + 1];
        differences.iter().for_each(|(group, d)| away[*group as usize] += d - mean);
        let error = away.iter().map(|sum| sum * sum).sum::<f64>().sqrt() / photos;
        Some(Gain { mean, error })
    }
}

/// Returns the place of the way to take: the first, unless the one with the least loss is better by more than the standard error
/// of the difference. 0 if all diverged or there is none.
#[must_use]
pub fn choose(judged: &[Judged]) -> usize {
    let Some(first) = judged.first() else { return 0 };
    let best = (0..judged.len()).fold(
        0,
        |best, next| {
            if judged[next].loss < judged[best].loss { next } else { best }
        },
    );
    match judged[best].gain(first) {
        Some(gain) if gain.mean > gain.error => best,
        None if !first.loss.is_finite() => best,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(each: &[f64], groups: &[u32]) -> Judged {
        Judged {
            folds: 2,
            photos: each.len(),
            accuracy: 0.5,
            spread: 0.0,
            loss: each.iter().sum::<f64>() / each.len() as f64,
            time: Duration::ZERO,
            each: each.iter().map(|loss| loss.is_finite().then_some(*loss)).collect(),
            groups: groups.to_vec(),
        }
    }

    #[test]
    fn the_first_stays_unless_another_is_better_by_more_than_the_error() {
        let alone = [0, 1, 2, 3];
        let first = judged(&[1.0; 4], &alone);
        let noisy = judged(&[0.1, 1.7, 0.3, 1.6], &alone);
        let better = judged(&[0.9, 0.8, 0.9, 0.8], &alone);
        let lost = judged(&[f64::INFINITY; 4], &alone);
        let gain = noisy.gain(&first).unwrap();
        assert!((gain.mean - 0.075).abs() < 1e-12);
        let squares: f64 = [0.9_f64, -0.7, 0.7, -0.6].iter().map(|d| (d - 0.075).powi(2)).sum();
        assert!((gain.error - squares.sqrt() / 4.0).abs() < 1e-12);
        let of = |all: &[&Judged]| choose(&all.iter().map(|one| (*one).clone()).collect::<Vec<_>>());
        assert_eq!(
            [of(&[&first, &noisy]), of(&[&first, &noisy, &better]), of(&[&better, &first])],
            [0, 2, 0]
        );
        // What diverged is never taken where another did not.
        assert_eq!([of(&[&lost, &noisy, &better]), of(&[&first, &lost]), of(&[&lost, &lost])], [2, 0, 0]);
        assert_eq!((choose(&[]), lost.gain(&first)), (0, None));
    }

    #[test]
    fn photos_of_a_group_count_as_one() {
        let losses = [0.5, 0.5, 1.1, 1.1];
        let error = |groups: &[u32]| judged(&losses, groups).gain(&judged(&[1.0; 4], groups)).unwrap().error;
        // Two groups of two that are alike know as much as two photos.
        assert!((error(&[0, 0, 1, 1]) - 2.0_f64.sqrt() * error(&[0, 1, 2, 3])).abs() < 1e-12);
    }
}
