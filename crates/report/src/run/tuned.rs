//! What `metrics.json` says of a fine-tuning.

use serde::{Deserialize, Serialize};

use super::figure::Figure;

/// What became of the last blocks of the net, and why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuned {
    /// `tuned`, or why the head alone was kept: `no better`, `too few photos`, `diverged`.
    pub outcome: String,
    /// The first block that has learned; `None` if none has.
    pub from: Option<String>,
    /// For how many epochs.
    pub epochs: u32,
    /// Whether photos that were held back had a say.
    pub judged: bool,
    /// The number of the first epoch of blocks and head in the history.
    pub first_epoch: u32,
    /// How many training photos the trials learned from.
    pub learned: u64,
    /// How many other training photos they were tried on.
    pub held: u64,
    /// The loss of the head alone on the photos held back.
    pub head_loss: Option<Figure>,
    /// The accuracy of the head alone on the photos held back.
    pub head_accuracy: Option<Figure>,
    /// The trials.
    pub trials: Vec<TrialRow>,
    /// The loss on the validation photos of the head alone, which is trained on all training photos.
    pub head_val_loss: Option<Figure>,
    /// The accuracy of the head alone on the validation photos.
    pub head_val_accuracy: Option<Figure>,
    /// The accuracy of the head alone on the test photos.
    pub head_test_accuracy: Option<Figure>,
    /// The tuned net and the head alone on the same photos.
    pub paired: Option<PairedRows>,
    /// How many values of the net have learned.
    pub trainable: u64,
    /// How far each tensor moved.
    pub moved: Vec<MovedRow>,
}

/// A trial, epoch by epoch, on the photos held back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrialRow {
    /// The block from which on the trial learned.
    pub from: String,
    /// The epoch that it is judged by, counted from 1; 0 if it diverged.
    pub judged: u32,
    /// After the temperature that suits it best.
    pub loss: Vec<Option<Figure>>,
    /// The accuracy after each epoch.
    pub accuracy: Vec<Option<Figure>>,
}

/// The same validation photos by the head alone and by the tuned net.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PairedRows {
    /// The validation photos.
    pub photos: u64,
    /// The probability of McNemar's test that chance alone explains the difference.
    pub p_value: Option<f64>,
    /// The names of the photos that only the tuned net has right.
    pub won: Vec<String>,
    /// The names of those that only the head alone has right.
    pub lost: Vec<String>,
}

/// How far a tensor moved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MovedRow {
    /// The tensor's name.
    pub tensor: String,
    /// The length of the difference over the length of what it was.
    pub relative: Option<f64>,
}
