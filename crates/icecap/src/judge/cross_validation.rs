//! Cross-validation: every training photo judged by a head that has not seen it.

use icecap_kernels::Threads;

use crate::error::Error;
use crate::judge::centroid::centroid_head;
use crate::judge::metrics::Metrics;
use crate::learn::auto_options::settle;
use crate::learn::compute::Compute;
use crate::learn::course::Listener;
use crate::learn::feature_set::FeatureSet;
use crate::learn::fit::{Photos, fit};
use crate::learn::folds::{each, parted};
use crate::learn::options::TrainOptions;
use crate::model::head::Head;

/// How good a head is on one fold, trained on all the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// How many photos the fold has.
    pub photos: usize,
    /// Loss and accuracy on the photos of the fold.
    pub metrics: Metrics,
    /// The accuracy of the nearest class centroid of the other folds.
    pub centroid_accuracy: f32,
    /// The L2 penalty of the fold's head. If it was left open, it was chosen without looking at the fold.
    pub l2: f32,
}

/// The result of a cross-validation: every fold, and the logits of each photo by the head that has not seen it.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossValidation {
    /// The folds.
    pub folds: Vec<Fold>,
    /// The photos that were judged, by their row in the training set.
    pub rows: Vec<usize>,
    /// The logits of these photos, `[rows, logits]`.
    pub logits: Vec<f32>,
}

impl CrossValidation {
    /// Returns the mean accuracy over the folds.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        mean(self.folds.iter().map(|fold| f64::from(fold.metrics.accuracy)))
    }

    /// Returns the standard deviation of the accuracy from fold to fold.
    #[must_use]
    pub fn spread(&self) -> f64 {
        let (of, count) = (self.accuracy(), self.folds.len() as f64);
        let squares: f64 =
            self.folds.iter().map(|fold| (f64::from(fold.metrics.accuracy) - of).powi(2)).sum();
        (squares / (count - 1.0).max(1.0)).sqrt()
    }

    /// Returns the mean accuracy of the nearest centroid over the folds.
    #[must_use]
    pub fn centroid_accuracy(&self) -> f64 {
        mean(self.folds.iter().map(|fold| f64::from(fold.centroid_accuracy)))
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

/// Trains a head for each of `k` folds of `set` on the other folds, and asks it of the fold. What the options leave open is
/// settled for each fold anew, without looking at it.
///
/// # Errors
/// [`Error::Data`] if a class has fewer photos, or groups of them, than there are folds; [`Error::Stopped`] if the pulse
/// breaks; what [`Head::train`] returns.
///
/// # Cost
/// `k` trainings, one to a thread; for L-BFGS a copy of the set's features for each thread, too.
pub fn cross_validate(
    compute: Compute<'_>,
    set: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
    k: usize,
) -> Result<CrossValidation, Error> {
    let fold_of = set.folds(k, options.seed)?;
    judge(compute, set, classes, options, Folds { fold_of: &fold_of, count: k })
}

/// The fold of each photo, and how many of the folds are to be judged.
#[derive(Clone, Copy)]
pub(crate) struct Folds<'a> {
    pub(crate) fold_of: &'a [usize],
    pub(crate) count: usize,
}

/// The first of the folds, judged.
pub(crate) fn judge(
    compute: Compute<'_>,
    set: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
    folds: Folds<'_>,
) -> Result<CrossValidation, Error> {
    let isa = compute.isa;
    let judged = each(compute, folds.count, |fold| {
        let (held, others) = parted(set, folds.fold_of, fold);
        let (train, tried) = (set.rows(&others)?, set.rows(&held)?);
        let alone = Compute { threads: &Threads::serial(), ..compute };
        let settled = settle(alone, &train, classes, options)?;
        if compute.is_stopped() {
            return Err(Error::Stopped);
        }
        let mut head = Head::for_training(set.width(), classes, options)?;
        let photos = Photos { train: &train, validation: &tried };
        fit(&mut head, alone, photos, &settled.options, Listener::Pulse(compute.pulse))?;
        let logits = head.logits_of(isa, &tried);
        let about = Fold {
            photos: tried.len(),
            metrics: Metrics::of(&logits, tried.labels(), classes)?,
            centroid_accuracy: centroid_head(&*train.without_views()?, classes)?
                .evaluate(isa, &tried)?
                .accuracy,
            l2: settled.options.l2().unwrap_or(0.0),
        };
        Ok((about, held, logits))
    })?;
    let mut all = CrossValidation { folds: Vec::new(), rows: Vec::new(), logits: Vec::new() };
    for (fold, rows, logits) in judged {
        all.folds.push(fold);
        all.rows.extend(rows);
        all.logits.extend(logits);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use icecap_kernels::rng::{Purpose, Stream};
    use icecap_kernels::{Isa, Shape, Tensor};

    use super::*;
    use crate::learn::options::Solver;

    /// Photos in pairs that are alike to the digit, each pair of a class drawn at random: nothing can be learned but
    /// the pairs themselves.
    fn pairs(count: u32) -> FeatureSet {
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for pair in 0..count {
            let mut draw = Stream::new(3, Purpose::Test, 0, pair);
            let row: Vec<f32> = (0..64).map(|_| draw.range(-1.0, 1.0)).collect();
            values.extend(row.iter().chain(&row));
            labels.extend([draw.below(2); 2]);
        }
        let shape = Shape::of([labels.len(), 64]);
        FeatureSet::new(Tensor::from_slice(shape, &values).unwrap(), labels).unwrap()
    }

    fn validated(set: &FeatureSet, threads: usize, solver: &str) -> CrossValidation {
        let options = solver.parse::<Solver>().unwrap().into();
        let threads = &Threads::new(threads).unwrap();
        let compute = Compute { threads, isa: Isa::best(), pulse: &|| ControlFlow::Continue(()) };
        cross_validate(compute, set, 2, &options, 4).unwrap()
    }

    #[test]
    fn groups_keep_a_photos_twin_from_giving_its_class_away() {
        let set = pairs(60);
        let grouped = set.clone().with_groups((0..120).map(|row| row / 2).collect()).unwrap();
        let (alone, together) = (validated(&set, 1, "lbfgs"), validated(&grouped, 1, "lbfgs"));
        assert!(alone.accuracy() > 0.75, "{}", alone.accuracy());
        assert!((together.accuracy() - 0.5).abs() < 0.2, "{}", together.accuracy());
        assert!(alone.spread() < 0.3);
    }

    #[test]
    fn every_photo_is_judged_once_alike_on_any_threads() {
        let set = pairs(20);
        for optimizer in ["adam", "lbfgs"] {
            let one = validated(&set, 1, optimizer);
            assert_eq!(one, validated(&set, 3, optimizer), "{optimizer}");
            let mut rows = one.rows.clone();
            rows.sort_unstable();
            assert!(rows.into_iter().eq(0..40));
            assert_eq!(one.folds.iter().map(|fold| fold.photos).sum::<usize>(), 40);
        }
    }

    #[test]
    fn work_can_be_stopped() {
        let stop = || ControlFlow::Break(());
        let options = TrainOptions::default();
        let compute = Compute { threads: &Threads::serial(), isa: Isa::best(), pulse: &stop };
        let result = cross_validate(compute, &pairs(20), 2, &options, 3);
        assert!(matches!(result, Err(Error::Stopped)));
    }
}
