//! What `metrics.json` says of a fine-tuning.

use serde::{Deserialize, Serialize};

use super::figure::Figure;

/// What became of the last blocks of the net, and why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tuned {
    /// `tuned`, or why the head alone was kept: `no better`, `too few photos`, `diverged`.
    pub(crate) outcome: String,
    /// The first block that has learned; `None` if none has.
    pub(crate) from: Option<String>,
    pub(crate) epochs: u32,
    /// Whether photos that were held back had a say.
    pub(crate) judged: bool,
    /// The number of the first epoch of blocks and head in the history.
    pub(crate) first_epoch: u32,
    /// How many training photos the trials learned from, and how many others they were tried on.
    pub(crate) learned: u64,
    pub(crate) held: u64,
    /// The head alone on the photos held back.
    pub(crate) head_loss: Option<Figure>,
    pub(crate) head_accuracy: Option<Figure>,
    pub(crate) trials: Vec<TrialRow>,
    /// The head alone, trained on all training photos, on validation and test photos.
    pub(crate) head_val_loss: Option<Figure>,
    pub(crate) head_val_accuracy: Option<Figure>,
    pub(crate) head_test_accuracy: Option<Figure>,
    pub(crate) paired: Option<PairedRows>,
    /// How many values of the net have learned.
    pub(crate) trainable: u64,
    pub(crate) moved: Vec<MovedRow>,
}

/// A trial, epoch by epoch, on the photos held back.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TrialRow {
    pub(crate) from: String,
    /// The epoch that it is judged by, counted from 1; 0 if it diverged.
    pub(crate) judged: u32,
    /// After the temperature that suits it best.
    pub(crate) loss: Vec<Option<Figure>>,
    pub(crate) accuracy: Vec<Option<Figure>>,
}

/// The same validation photos by the head alone and by the tuned net.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PairedRows {
    pub(crate) photos: u64,
    /// McNemar's test.
    pub(crate) p_value: Option<f64>,
    /// The photos that only the tuned net knows, and those that only the head alone knew.
    pub(crate) won: Vec<String>,
    pub(crate) lost: Vec<String>,
}

/// How far a tensor moved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MovedRow {
    pub(crate) tensor: String,
    /// The length of the difference over the length of what it was.
    pub(crate) relative: Option<f64>,
}
