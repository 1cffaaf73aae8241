//! The temperature of a trained head, fitted to its training photos, each judged by a head that was trained on other folds
//! of them. The validation photos have no part in it, so that what is reported of them stays true.

use crate::error::Error;
use crate::judge::cross_validation::{CrossValidation, Folds, judge};
use crate::judge::temperature::temperature;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::learn::folds::{Unseen, enough, usable_folds};
use crate::learn::options::TrainOptions;

/// Folds to judge the training photos by.
const FOLDS: usize = 5;
/// Photos of each class that a fold has at least.
const EACH: usize = 2;

/// A temperature that makes a head's confidence mean something, and what it was fitted to.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The number by which logits are divided before they become probabilities; 1 if there were too few photos.
    pub temperature: f32,
    /// How many training photos it was fitted to; 0 if there were too few.
    pub photos: usize,
    /// How many folds of these photos there were.
    pub folds: usize,
    /// The logits of these photos, `[photos, logits]`, each by a head that has not seen it.
    pub logits: Vec<f32>,
    /// The classes of these photos.
    pub labels: Vec<u32>,
}

impl Calibration {
    /// No calibration: confidence as the head has it.
    pub const NONE: Self =
        Self { temperature: 1.0, photos: 0, folds: 0, logits: Vec::new(), labels: Vec::new() };

    /// Fits a temperature to what cross-validation said of the photos of `set`.
    ///
    /// # Errors
    /// [`Error::Autograd`] if logits and labels do not fit.
    pub fn of(judged: &CrossValidation, set: &FeatureSet, classes: usize) -> Result<Self, Error> {
        Self::fitted(&judged.rows, &judged.logits, judged.folds.len(), set, classes)
    }

    /// Fits a temperature to the logits of some rows of `set` by heads that have not seen these; `None` if a fold of them may
    /// have fewer photos of a class than it takes.
    pub(crate) fn of_unseen(
        unseen: &Unseen,
        set: &FeatureSet,
        classes: usize,
    ) -> Result<Option<Self>, Error> {
        let photos = set.photos(classes);
        if photos.iter().any(|&photos| photos > 0 && photos < FOLDS * EACH) {
            return Ok(None);
        }
        Self::fitted(&unseen.rows, &unseen.logits, unseen.folds, set, classes).map(Some)
    }

    fn fitted(
        rows: &[usize],
        logits: &[f32],
        folds: usize,
        set: &FeatureSet,
        classes: usize,
    ) -> Result<Self, Error> {
        let labels: Vec<u32> = rows.iter().map(|&row| set.labels()[row]).collect();
        let temperature = temperature(logits, &labels, classes)?;
        Ok(Self { temperature, photos: labels.len(), folds, logits: logits.to_vec(), labels })
    }

    /// Judges the photos of `set` by folds, with options in which nothing is left open, and fits a temperature to that; returns
    /// what was said of them, too.
    pub(crate) fn by_folds(
        compute: Compute<'_>,
        set: &FeatureSet,
        classes: usize,
        options: &TrainOptions,
    ) -> Result<(Self, Unseen), Error> {
        let Some((k, fold_of)) = usable_folds(set, classes, FOLDS, EACH, options.seed) else {
            return Ok((Self::NONE, Unseen { rows: Vec::new(), logits: Vec::new(), folds: 0 }));
        };
        let some = Folds { fold_of: &fold_of, count: enough(set.photos(classes).iter().sum(), k) };
        let judged = judge(compute, set, classes, options, some)?;
        let calibration = Self::of(&judged, set, classes)?;
        let CrossValidation { folds, rows, logits } = judged;
        Ok((calibration, Unseen { rows, logits, folds: folds.len() }))
    }
}
