//! Labels that are probably wrong, by folds of all photos of a dataset, whatever part they are in.

use crate::error::Error;
use crate::judge::calibration::Calibration;
use crate::judge::cross_validation::{Folds, judge};
use crate::judge::doubted_labels::{DoubtedLabel, doubted_labels};
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::learn::folds::usable_folds;
use crate::learn::options::{Solver, TrainOptions};

/// Folds to judge the photos by.
const FOLDS: usize = 5;
/// The penalty of the heads: strong, since a head that has some photos by heart believes wrong labels.
const L2: f32 = 0.1;
/// Classes of fewer photos are left out: a head that has seen three says nothing.
const FEW: usize = 5;

/// Returns the labels of `set` that are doubted; nothing if fewer than two classes have photos enough.
///
/// # Errors
/// [`Error::Stopped`] if the pulse breaks.
pub(super) fn doubted(
    compute: Compute<'_>,
    set: &FeatureSet,
    classes: usize,
) -> Result<Vec<DoubtedLabel>, Error> {
    let counts = set.counts(classes);
    let kept: Vec<usize> = (0..set.len()).filter(|&row| counts[set.labels()[row] as usize] >= FEW).collect();
    if counts.iter().filter(|count| **count >= FEW).count() < 2 {
        return Ok(Vec::new());
    }
    let some = set.rows(&kept)?;
    let options = TrainOptions { solver: Solver::Lbfgs { l2: Some(L2) }, ..TrainOptions::default() };
    let Some((count, fold_of)) = usable_folds(&some, classes, FOLDS, 1, options.seed) else {
        return Ok(Vec::new());
    };
    let judged = judge(compute, &some, classes, &options, Folds { fold_of: &fold_of, count })?;
    let Calibration { temperature, .. } = Calibration::of(&judged, &some, classes)?;
    let doubted = doubted_labels(&judged.rows, &judged.logits, some.labels(), classes, temperature);
    Ok(doubted.into_iter().map(|label| DoubtedLabel { row: kept[label.row], ..label }).collect())
}
