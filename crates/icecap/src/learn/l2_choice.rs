//! The L2 penalty of a head that is solved at once, chosen by folds of its training photos.
//!
//! For each fold, a head is fitted to the others with each penalty of a grid, from the largest down, each from where the
//! last one ended, and its loss is taken on the fold: after the temperature that suits it best, for a temperature is fitted
//! at the end anyway, and a large penalty should not be held back for logits that are merely small. The folds go down the
//! grid side by side, and no further once it is plain that the best lies behind them, for the smallest penalties take the most
//! steps. Of the penalties whose mean loss is within one standard error of the best one's, the largest is taken: folds
//! cannot tell those apart, and the simpler head is the safer one. The error is that of the difference from the best, fold
//! by fold: a fold of hard photos is hard for every penalty, and says nothing of which is better.
//!
//! # Source
//! Hastie, Tibshirani, Friedman, "The elements of statistical learning", section 7.10: the one-standard-error rule.

use icecap_autograd::optim::lbfgs::Stop;
use icecap_autograd::{Logistic, LogisticOptions, Loss, Targets};
use icecap_kernels::{Isa, Shape, Tensor, TensorRef};

use crate::error::Error;
use crate::judge::temperature::{temperature, tempered};
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::learn::folds::{Spread, Unseen, each, enough, parted, usable_folds};
use crate::learn::options::TrainOptions;
use crate::model::head::Head;

/// The L2 penalties among which one is chosen, from the one that hardly lets a head learn to the one that hardly holds it.
pub const L2_GRID: [f32; 10] = [30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];
/// The L2 penalty that is taken if there are too few photos to choose one by.
pub const L2_DEFAULT: f32 = 1.0;
/// Folds to choose by, if every class has as many photos.
const FOLDS: usize = 5;
/// So many penalties behind the best one, none is tried any more.
const BEHIND: usize = 2;

/// How an L2 penalty was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct L2Choice {
    /// The penalty.
    pub l2: f32,
    /// How many folds of the training photos it was chosen by: five, or fewer if there are many photos; 0 if a class has
    /// fewer than two photos, or groups of them, and [`L2_DEFAULT`] was taken.
    pub folds: usize,
    /// For each penalty of [`L2_GRID`] that was tried: the mean loss on the held-out folds, and the standard error of how
    /// much that is more than the best one's.
    pub losses: Vec<(f32, f64, f64)>,
}

/// Chooses an L2 penalty for [`Solver::Lbfgs`](crate::learn::Solver::Lbfgs) by folds of `train`, with the class weights and
/// the label smoothing of `options`.
///
/// # Errors
/// [`Error::Stopped`] if the pulse breaks; [`Error::Autograd`] if labels do not fit the classes.
///
/// # Cost
/// One fit for each fold and penalty, most of them short, since each starts where the last one ended. No features are copied.
pub fn choose_l2(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
) -> Result<L2Choice, Error> {
    Ok(choose(compute, train, classes, options)?.0)
}

/// Chooses an L2 penalty, and tells what heads with it say of the photos that they have not seen.
pub(crate) fn choose(
    compute: Compute<'_>,
    train: &FeatureSet,
    classes: usize,
    options: &TrainOptions,
) -> Result<(L2Choice, Option<Unseen>), Error> {
    let Some((all, fold_of)) = usable_folds(train, classes, FOLDS, 1, options.seed) else {
        return Ok((L2Choice { l2: L2_DEFAULT, folds: 0, losses: Vec::new() }, None));
    };
    // A spread needs two of them.
    let folds = enough(train.photos(classes).iter().sum(), all).max(2);
    let search = Search { isa: compute.isa, train, classes, options, fold_of: &fold_of };
    let start = search.start()?;
    let mut heads: Vec<Fitted> = vec![Fitted { layer: start, logits: Vec::new(), loss: 0.0 }; folds];
    let (mut losses, mut said): (Vec<Vec<f64>>, Vec<Vec<f32>>) = (Vec::new(), Vec::new());
    for l2 in L2_GRID {
        heads = each(compute, folds, |fold| search.fit(compute, fold, &heads[fold].layer, l2))?;
        losses.push(heads.iter().map(|head| head.loss).collect());
        said.push(heads.iter_mut().flat_map(|head| std::mem::take(&mut head.logits)).collect());
        if is_behind(&losses) {
            break;
        }
    }
    let spread = Spread::of(&losses);
    let losses = L2_GRID.iter().zip(spread.means.iter().zip(&spread.errors));
    let losses: Vec<(f32, f64, f64)> = losses.map(|(&l2, (&mean, &error))| (l2, mean, error)).collect();
    // The grid goes from the largest down, so the first that is good enough is the one.
    let index = (0..losses.len()).find(|&index| spread.is_as_good(index)).unwrap_or(spread.best);
    let rows = (0..folds).flat_map(|fold| parted(train, &fold_of, fold).0).collect();
    let unseen = Unseen { rows, logits: said.swap_remove(index), folds };
    Ok((L2Choice { l2: losses[index].0, folds, losses }, Some(unseen)))
}

/// Whether the best penalty lies so far back that none further down the grid can be better.
fn is_behind(losses: &[Vec<f64>]) -> bool {
    let spread = Spread::of(losses);
    let last = losses.len() - 1;
    last >= spread.best + BEHIND || !spread.is_as_good(last) && last > spread.best
}

/// What is searched for a penalty.
struct Search<'a> {
    isa: Isa,
    train: &'a FeatureSet,
    classes: usize,
    options: &'a TrainOptions,
    fold_of: &'a [usize],
}

/// A head that was fitted to all folds but one, and what it says of that one.
#[derive(Clone)]
struct Fitted {
    layer: [Tensor; 2],
    logits: Vec<f32>,
    loss: f64,
}

impl Search<'_> {
    /// A layer of zeros.
    fn start(&self) -> Result<[Tensor; 2], Error> {
        let (width, logits) = (self.train.width(), Loss::for_classes(self.classes).logits(self.classes));
        Ok([Tensor::zeros(Shape::new(&[width, logits])?), Tensor::zeros(Shape::new(&[logits])?)])
    }

    /// Fits a layer to the other folds, from `start`.
    fn fit(&self, compute: Compute<'_>, fold: usize, start: &[Tensor; 2], l2: f32) -> Result<Fitted, Error> {
        if compute.is_stopped() {
            return Err(Error::Stopped);
        }
        let (held, others) = parted(self.train, self.fold_of, fold);
        let (train, held) = (self.train.rows(&others)?, self.train.rows(&held)?);
        let (classes, smoothing) = (self.classes, self.options.label_smoothing);
        let weights = self.options.class_weight.of(&train.counts(classes));
        let targets = Targets { class_weights: weights.as_deref(), smoothing };
        // A choice among steps of a factor of three needs no more digits.
        let stop = Stop { steps: 200, gradient: 1e-4, decrease: 1e-4 };
        let go_on = |_: usize, _: f64, _: &[Tensor; 2]| !compute.is_stopped();
        let mut layer = start.clone();
        let stored = train.stored();
        Logistic::of_rows(stored.matrix().view(), stored.numbers(), train.labels(), classes)?.fit(
            &mut layer,
            &LogisticOptions { targets, l2, stop, threads: None },
            go_on,
        )?;
        let logits = Head::from_parts(layer[0].clone(), layer[1].clone(), classes).logits_of(self.isa, &held);
        let said = tempered(&logits, temperature(&logits, held.labels(), classes)?);
        let loss = Loss::for_classes(classes);
        let shape = Shape::new(&[held.len(), loss.logits(classes)])?;
        // What the photos count is what is asked for; the smoothing only helps on the way there.
        let plain = Targets { smoothing: 0.0, ..targets };
        let loss = f64::from(loss.mean_of(TensorRef::new(shape, &said)?, held.labels(), &plain)?);
        Ok(Fitted { layer, logits, loss })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_left_once_the_best_lies_behind() {
        let fold = |losses: &[f64]| losses.iter().map(|&loss| vec![loss, loss + 0.1]).collect::<Vec<_>>();
        assert!(!is_behind(&fold(&[1.0])));
        assert!(!is_behind(&fold(&[1.0, 0.9])));
        // Worse by as much in each fold.
        assert!(is_behind(&fold(&[1.0, 0.9, 0.95])));
        // Worse in one and better in the other: one more is tried, and then no more.
        let noisy = [vec![1.0, 1.0], vec![0.9, 0.9], vec![0.7, 1.2]];
        assert!(!is_behind(&noisy));
        assert!(is_behind(&[noisy.as_slice(), &[vec![0.7, 1.2]]].concat()));
    }
}
