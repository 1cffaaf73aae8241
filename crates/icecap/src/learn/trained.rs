//! What a training tells while it runs, and what it leaves.

use std::time::Duration;

use crate::judge::assessment::Assessment;
use crate::judge::calibration::Calibration;
use crate::judge::cross_validation::CrossValidation;
use crate::judge::metrics::Metrics;
use crate::learn::auto_options::Settled;
use crate::learn::fit::Epoch;
use crate::learn::photo_set::{PhotoReport, PhotoSet};
use crate::model::classifier::Classifier;
use crate::model::progress::Progress;

/// Something that happens during a training. Those of [`Event::Extracting`] come from several threads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// One more photo has become features, or turned out unreadable.
    Extracting(Progress),
    /// All photos are features, but for those that cannot be read.
    Extracted(&'a PhotoReport),
    /// What the options left open is settled.
    Settled(&'a Settled),
    /// Loss and accuracy on the validation photos before the first step; [`Metrics::NONE`] where there are none.
    Before(Metrics),
    /// An epoch has ended.
    Epoch(&'a Epoch),
    /// Work goes on of which there is nothing to tell, on several threads: an occasion to stop it.
    Pulse,
    /// The training is stopped after an epoch: the classifier as it is by then, without a temperature.
    Unfinished(&'a Classifier),
}

/// What a training leaves: the classifier, and how good it is.
#[derive(Debug)]
pub struct Trained {
    /// The classifier, ready to use and to save.
    pub classifier: Classifier,
    /// Loss and accuracy on the validation photos before training.
    pub before: Metrics,
    /// The epochs, in their order.
    pub history: Vec<Epoch>,
    /// The place in `history` of the epoch whose head was kept: the last, but for early stopping.
    pub kept: usize,
    /// The options as they were settled, and what by.
    pub settled: Settled,
    /// The temperature of the classifier.
    pub calibration: Calibration,
    /// What the validation photos say, where there are some.
    pub validation: Option<Assessment>,
    /// What cross-validation on the training photos says, where it was asked for.
    pub folds: Option<CrossValidation>,
    /// Loss and accuracy on the test photos, where there are some. They had no part in the training.
    pub test: Option<Metrics>,
    /// The photos that were learned from.
    pub train_set: PhotoSet,
    /// The validation photos; empty if the head was judged by folds alone.
    pub val_set: PhotoSet,
    /// The test photos; may be empty.
    pub test_set: PhotoSet,
    /// How reading the photos went.
    pub photos: PhotoReport,
    /// Time from photos to features.
    pub features_time: Duration,
    /// Time in the epochs, their evaluation included, and in settling the options before them.
    pub head_time: Duration,
    /// Time in cross-validation and in fitting the temperature.
    pub folds_time: Duration,
}

impl Trained {
    /// Returns the epoch whose head was kept; `None` if there was no epoch.
    #[must_use]
    pub fn kept(&self) -> Option<&Epoch> {
        self.history.get(self.kept)
    }
}
