//! What the training photos say of a head once it is trained, each judged by a head that has not seen it: how sure it may be,
//! and which labels are doubted.

use crate::error::Error;
use crate::judge::calibration::Calibration;
use crate::judge::cross_validation::{CrossValidation, cross_validate};
use crate::judge::doubted_labels::{DoubtedLabel, doubted_labels};
use crate::learn::auto_options::Settled;
use crate::learn::compute::Compute;
use crate::learn::folds::Unseen;
use crate::learn::options::{Solver, TrainOptions};
use crate::learn::photo_features::Photos;

/// What the training photos say by folds.
pub(crate) struct HeldOut {
    /// The folds, if they were asked for.
    pub(crate) folds: Option<CrossValidation>,
    pub(crate) calibration: Calibration,
    /// The labels that are doubted, by the place of their photo among the training photos; `None` if no photo was judged.
    pub(crate) doubted: Option<Vec<DoubtedLabel>>,
}

/// How a head was trained that is judged.
pub(crate) struct By<'a> {
    /// The options as they were given.
    pub(crate) options: &'a TrainOptions,
    /// How many folds were asked for.
    pub(crate) folds: Option<usize>,
    pub(crate) settled: &'a Settled,
    /// The options in which nothing is left open.
    pub(crate) done: &'a TrainOptions,
}

impl HeldOut {
    /// A net that was tuned is not judged by folds.
    pub(crate) fn tuned(calibration: Calibration) -> Self {
        Self { folds: None, calibration, doubted: None }
    }

    /// The training photos by folds, if that was asked for, the temperature that they ask for, and the labels that they doubt.
    pub(crate) fn of(
        compute: Compute<'_>,
        photos: &Photos,
        classes: usize,
        by: &By<'_>,
    ) -> Result<Self, Error> {
        let train = photos.learned();
        // Each fold settles for itself what was left open: what is reported of it had no part in that.
        let folds = by.folds.map(|k| cross_validate(compute, train, classes, by.options, k));
        let folds = folds.transpose()?;
        let doubted = |rows: &[usize], logits: &[f32], calibration: &Calibration| {
            let doubted = doubted_labels(rows, logits, train.labels(), classes, calibration.temperature);
            // Only the plain view of a photo is judged.
            let photo = |label: DoubtedLabel| DoubtedLabel { row: label.row / photos.views(), ..label };
            (!rows.is_empty()).then(|| doubted.into_iter().map(photo).collect())
        };
        if let Some(unseen) = &by.settled.unseen
            && let Some(calibration) = Calibration::of_unseen(unseen, train, classes)?
        {
            let doubted = doubted(&unseen.rows, &unseen.logits, &calibration);
            return Ok(Self { folds, calibration, doubted });
        }
        let chosen = match &by.options.solver {
            Solver::Steps(steps) => steps.early_stopping.is_some() || by.settled.course.is_some(),
            Solver::Lbfgs { l2 } => l2.is_none(),
        };
        let (calibration, doubted) = match &folds {
            // Where nothing was chosen, their heads are like the one that was trained; else their logits can be of
            // another size, and say nothing of its temperature.
            Some(folds) if !chosen => {
                let calibration = Calibration::of(folds, train, classes)?;
                let doubted = doubted(&folds.rows, &folds.logits, &calibration);
                (calibration, doubted)
            }
            _ => {
                let same = by.done.clone().with_steps(|steps| steps.early_stopping = None);
                let (calibration, said) = Calibration::by_folds(compute, train, classes, &same)?;
                let Unseen { rows, logits, .. } = said;
                let doubted = doubted(&rows, &logits, &calibration);
                (calibration, doubted)
            }
        };
        Ok(Self { folds, calibration, doubted })
    }
}
