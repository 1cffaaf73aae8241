//! How the model of a run compares with that of an earlier run: the part `since` of `metrics.json`.

use serde::{Deserialize, Serialize};

/// Photos and classes that came and went since the earlier run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// Photos of the earlier run.
    pub photos_then: usize,
    /// Photos of this run.
    pub photos_now: usize,
    /// Photos that came.
    pub new: usize,
    /// Photos that are another one once more, whose content or name was there: then - gone + copies + new are now.
    pub copies: usize,
    /// Photos that went.
    pub gone: usize,
    /// Classes that came.
    pub new_classes: Vec<String>,
    /// Classes that went.
    pub gone_classes: Vec<String>,
}

/// The earlier model and the new one on the validation photos of the new run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Comparison {
    /// The folder of the earlier run.
    pub run: String,
    /// What came and went since.
    #[serde(flatten)]
    pub changes: Changes,
    /// Photos of classes that both models know.
    pub photos: usize,
    /// How many of these the old model has right.
    pub old_right: usize,
    /// How many of these the new model has right.
    pub new_right: usize,
    /// The accuracy of the old model on these.
    pub old_accuracy: Option<f64>,
    /// The accuracy of the new model on these.
    pub new_accuracy: Option<f64>,
    /// Photos among these that only one of the two models has right.
    pub only_old_right: usize,
    /// Photos among these that only the new model has right.
    pub only_new_right: usize,
    /// Photos of classes that the old model does not know.
    pub unknown_photos: usize,
    /// How many of those the new model has right.
    pub unknown_new_right: usize,
    /// Validation photos that are not counted, because the old model has learned from them.
    pub left_out: usize,
}
