//! What the options leave to the photos: the number of epochs, the L2 penalty, the learning rate. Whatever is chosen
//! here looks at training photos alone.
//!
//! **The L2 penalty** is chosen by folds. For each fold, a head is fitted to the others with each penalty of a grid, from
//! the largest down, each from where the last one ended, and its loss is taken on the fold: after the temperature that
//! suits it best, for a temperature is fitted at the end anyway, and a large penalty should not be held back for logits
//! that are merely small. Of the penalties whose mean loss is within one standard error of the best one's, the largest is
//! taken: folds cannot tell those apart, and the simpler head is the safer one. The error is that of the difference from
//! the best, fold by fold: a fold of hard photos is hard for every penalty, and says nothing of which is better.
//!
//! **For other optimizers** it is 1 / N for N photos if the number of epochs is left open, too. The mean loss with it is
//! N times smaller than the logarithm of a posterior: of the photos, with a normal prior of variance 1 on each weight. The
//! more photos, the less it says: at 245 nothing is seen of it. From ten photos it takes a random start back that these
//! say nothing of: of ants and bees, five photos a class, 0.849 of others are then known, and 0.834 without it.
//!
//! # Source
//! Hastie, Tibshirani, Friedman, "The elements of statistical learning", section 7.10: the one-standard-error rule.

use icecap_autograd::optim::lbfgs::Stop;
use icecap_autograd::{Logistic, LogisticOptions, Loss, Targets};
use icecap_kernels::{Shape, Tensor, TensorRef};

use crate::error::Error;
use crate::judge::temperature::{temperature, tempered};
use crate::learn::compute::Compute;
use crate::learn::epochs::Epochs;
use crate::learn::feature_set::FeatureSet;
use crate::learn::folds::{each, enough, usable_folds};
use crate::learn::learning_rate::find_rate;
use crate::learn::options::{Solver, TrainOptions};
use crate::learn::steps::Rate;
use crate::model::head::Head;

/// The L2 penalties among which one is chosen, from the one that hardly lets a head learn to the one that hardly holds it.
pub const L2_GRID: [f32; 10] = [30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];
/// The L2 penalty that is taken if there are too few photos to choose one by.
pub const L2_DEFAULT: f32 = 1.0;
/// Folds to choose by, if every class has as many photos.
const FOLDS: usize = 5;
/// With early stopping, epochs that are left to the photos may be so many times more.
const PATIENT: u32 = 10;

/// Options in which nothing is left open, and what they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The options: epochs are a number, the L2 penalty is there, the learning rate is found.
    pub options: TrainOptions,
    /// Whether the number of epochs came from the number of photos.
    pub epochs_by_photos: bool,
    /// The number of photos N, if the L2 penalty was set to 1 / N.
    pub l2_by_photos: Option<usize>,
    /// Whether a range test found the learning rate.
    pub rate_found: bool,
    /// How the L2 penalty was chosen by folds; `None` if it was not.
    pub l2: Option<L2Choice>,
}

/// How an L2 penalty was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct L2Choice {
    /// The penalty.
    pub l2: f32,
    /// How many folds of the training photos it was chosen by: five, or fewer if there are many photos; 0 if a class has
    /// fewer than two photos, or groups of them, and [`L2_DEFAULT`] was taken.
    pub folds: usize,
    /// For each penalty of [`L2_GRID`]: the mean loss on the held-out folds, and the standard error of how much that is
    /// more than the best one's.
    pub losses: Vec<(f32, f64, f64)>,
}

/// Settles what `options` leave open, by the training photos alone.
pub(crate) fn settle(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
) -> Result<Settled, Error> {
    options.check()?;
    let (l2, rate_found) = (None, false);
    let mut settled =
        Settled { options: options.clone(), epochs_by_photos: false, l2_by_photos: None, rate_found, l2 };
    match &mut settled.options.solver {
        Solver::Lbfgs { l2: Some(_) } => {}
        Solver::Lbfgs { l2 } => {
            let choice = choose_l2(compute, train, classes, options)?;
            *l2 = Some(choice.l2);
            settled.l2 = Some(choice);
        }
        Solver::Steps(steps) => {
            let epochs = steps.epochs.count(train.len(), steps.batch);
            settled.epochs_by_photos = steps.epochs == Epochs::Auto;
            let most = if settled.epochs_by_photos && steps.early_stopping.is_some() { PATIENT } else { 1 };
            steps.epochs = Epochs::Fixed(epochs.saturating_mul(most));
            if steps.l2.is_none() {
                let photos: usize = train.photos(classes).iter().sum();
                settled.l2_by_photos = Some(photos.max(1)).filter(|_| settled.epochs_by_photos);
                steps.l2 = Some(settled.l2_by_photos.map_or(0.0, |photos| 1.0 / photos as f32));
            }
            settled.rate_found = steps.rate == Rate::Find;
        }
    }
    if settled.rate_found {
        let rate = find_rate(train, classes, &settled.options)?;
        settled.options = settled.options.with_steps(|steps| steps.rate = Rate::Fixed(rate));
    }
    Ok(settled)
}

/// Chooses an L2 penalty for [`Solver::Lbfgs`] by folds of `train`, with the class weights and the label smoothing of
/// `options`.
///
/// # Errors
/// [`Error::Stopped`] if the pulse breaks; [`Error::Autograd`] if labels do not fit the classes.
///
/// # Cost
/// One fit for each fold and penalty, most of them short, since each starts where the last one ended.
pub fn choose_l2(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
) -> Result<L2Choice, Error> {
    let Some((all, fold_of)) = usable_folds(train, classes, FOLDS, 1, options.seed) else {
        return Ok(L2Choice { l2: L2_DEFAULT, folds: 0, losses: Vec::new() });
    };
    // A spread needs two of them.
    let folds = enough(train.photos(classes).iter().sum(), all).max(2);
    let losses = each(compute, folds, |fold| {
        let of =
            |held: bool| (0..train.len()).filter(|&row| (fold_of[row] == fold) == held).collect::<Vec<_>>();
        let held = train.plain_of(of(true));
        path(compute, &train.rows(&of(false))?, &train.rows(&held)?, classes, options)
    })?;
    let count = folds as f64;
    let mean = |index: usize| losses.iter().map(|fold| fold[index]).sum::<f64>() / count;
    let best = (0..L2_GRID.len()).fold(0, |best, next| if mean(next) < mean(best) { next } else { best });
    let summary = L2_GRID.iter().enumerate().map(|(index, &l2)| {
        let worse = mean(index) - mean(best);
        let squares: f64 = losses.iter().map(|fold| (fold[index] - fold[best] - worse).powi(2)).sum();
        (l2, mean(index), (squares / (count - 1.0) / count).sqrt())
    });
    let losses: Vec<(f32, f64, f64)> = summary.collect();
    // The grid goes from the largest down, so the first that is good enough is the one.
    let good = |(_, of, error): &&(f32, f64, f64)| *of <= mean(best) + error;
    let l2 = losses.iter().find(good).map_or(L2_DEFAULT, |found| found.0);
    Ok(L2Choice { l2, folds, losses })
}

/// The loss on `held` of heads fitted to `train` with each penalty of the grid.
fn path(
    compute: Compute<'_>,
    train: &FeatureSet,
    held: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
) -> Result<Vec<f64>, Error> {
    let weights = options.class_weight.of(&train.counts(classes));
    let targets = Targets { class_weights: weights.as_deref(), smoothing: options.label_smoothing };
    let problem = Logistic::new(train.features().view(), train.labels(), classes)?;
    let loss = Loss::for_classes(classes);
    let (width, logits) = (train.features().shape().dims()[1], loss.logits(classes));
    let mut layer = [Tensor::zeros(Shape::new(&[width, logits])?), Tensor::zeros(Shape::new(&[logits])?)];
    // A choice among steps of a factor of three needs no more digits.
    let stop = Stop { steps: 200, gradient: 1e-4, decrease: 1e-4 };
    let mut losses = Vec::with_capacity(L2_GRID.len());
    for l2 in L2_GRID {
        if compute.is_stopped() {
            return Err(Error::Stopped);
        }
        let go_on = |_: usize, _: f64, _: &[Tensor; 2]| !compute.is_stopped();
        problem.fit(&mut layer, &LogisticOptions { targets, l2, stop }, go_on)?;
        let head = Head::from_parts(layer[0].clone(), layer[1].clone(), classes);
        let said = head.logits_of(compute.isa, held);
        let said = tempered(&said, temperature(&said, held.labels(), classes)?);
        let shape = Shape::new(&[held.len(), logits])?;
        // What the photos count is what is asked for; the smoothing only helps on the way there.
        let plain = Targets { smoothing: 0.0, ..targets };
        losses.push(f64::from(loss.mean_of(TensorRef::new(shape, &said)?, held.labels(), &plain)?));
    }
    Ok(losses)
}
