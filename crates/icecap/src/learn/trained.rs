//! What a training tells while it runs, and what it leaves.

use std::time::Duration;

use crate::judge::assessment::Assessment;
use crate::judge::calibration::Calibration;
use crate::judge::cross_validation::CrossValidation;
use crate::judge::doubted_labels::DoubtedLabel;
use crate::judge::metrics::Metrics;
use crate::judge::operating_point::OperatingPoint;
use crate::learn::auto_options::Settled;
use crate::learn::course::Epoch;
use crate::learn::dataset::Dataset;
use crate::learn::fine_tuned::{FineTuned, Trial, TuneChoice};
use crate::learn::photo_set::{PhotoReport, PhotoSet};
use crate::learn::unfreeze::Unfreeze;
use crate::model::classifier::Classifier;
use crate::model::progress::Progress;

/// Something that happens during a training. [`Event::Extracting`] and [`Event::Pulse`] come from several threads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// One more photo has become features, or turned out unreadable.
    Extracting(Progress),
    /// All photos are features, but for those that cannot be read.
    Extracted(&'a PhotoReport),
    /// Some photos cannot be read, and these are the others; where a split was drawn, it was drawn again from them alone.
    Readable(&'a Dataset),
    /// What the options left open is settled.
    Settled(&'a Settled),
    /// Loss and accuracy on the validation photos before the first step; [`Metrics::NONE`] if there are no such photos.
    Before(Metrics),
    /// An epoch has ended.
    Epoch(&'a Epoch),
    /// Blocks of the net have learned from one more batch, in a trial or for good.
    Tuning {
        /// What learns beside the head.
        unfreeze: Unfreeze,
        /// How far all trials are, or the last of it, in photos: each counts once an epoch.
        progress: Progress,
    },
    /// Some of the blocks have been tried.
    Tried(&'a Trial),
    /// It is chosen what learns beside the head.
    TuningChosen(&'a TuneChoice),
    /// An epoch of blocks and head together has ended, counted from 1.
    TunedEpoch(&'a Epoch),
    /// So many of several ways to train are judged by folds; see [`Trainer::judge`](crate::Trainer::judge).
    Judged {
        /// How many.
        ways: usize,
    },
    /// Work goes on, on several threads, and there is nothing to tell of it: this is an occasion to stop it.
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
    /// The place in `history` of the epoch that was kept: the last, but for early stopping. Epochs of fine-tuning stand behind
    /// those of the head.
    pub kept: usize,
    /// The options as they were settled, and what by.
    pub settled: Settled,
    /// What became of the last blocks of the net; `None` if they were not to learn.
    pub tuned: Option<FineTuned>,
    /// The temperature of the classifier.
    pub calibration: Calibration,
    /// The threshold of the classifier, and what it does on the photos that chose it; `None` if none was sought.
    pub point: Option<OperatingPoint>,
    /// How good the classifier is on the validation photos; `None` if there are none.
    pub validation: Option<Assessment>,
    /// The cross-validation on the training photos; `None` if it was not asked for.
    pub folds: Option<CrossValidation>,
    /// Labels of training photos that are probably wrong, by heads on other folds that have not learned from them: the row is
    /// the photo's place in `train_set`. Of many photos some are judged; `None` if none were, for want of photos or since
    /// the net was tuned.
    pub doubted: Option<Vec<DoubtedLabel>>,
    /// Loss and accuracy of the classifier's answers on the test photos, its temperature and threshold included; these photos
    /// had no part in the training. `None` if there are none.
    pub test: Option<Metrics>,
    /// The photos that could be read, by part.
    pub dataset: Dataset,
    /// The photos that were learned from.
    pub train_set: PhotoSet,
    /// The validation photos; empty if the head was judged by folds alone.
    pub val_set: PhotoSet,
    /// The test photos; may be empty.
    pub test_set: PhotoSet,
    /// How reading the photos went.
    pub photos: PhotoReport,
    /// The time that it took to make features of the photos.
    pub features_time: Duration,
    /// The time that the epochs took, their evaluation included, and in settling the options before them.
    pub head_time: Duration,
    /// The time that cross-validation and fitting the temperature took.
    pub folds_time: Duration,
}

impl Trained {
    /// Returns the epoch whose head was kept; `None` if there was no epoch.
    #[must_use]
    pub fn kept(&self) -> Option<&Epoch> {
        self.history.get(self.kept)
    }
}
