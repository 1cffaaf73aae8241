//! How the model of a run compares with that of an earlier run: the part `since` of `metrics.json`.

use serde::{Deserialize, Serialize};

/// Photos and classes that came and went since the earlier run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Changes {
    pub(crate) photos_then: usize,
    pub(crate) photos_now: usize,
    pub(crate) new: usize,
    /// Photos that are another one once more, whose content or name was there: then - gone + copies + new are now.
    pub(crate) copies: usize,
    pub(crate) gone: usize,
    pub(crate) new_classes: Vec<String>,
    pub(crate) gone_classes: Vec<String>,
}

/// The earlier model and the new one on the validation photos of the new run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Comparison {
    /// The folder of the earlier run.
    pub(crate) run: String,
    #[serde(flatten)]
    pub(crate) changes: Changes,
    /// Photos of classes that both models know, and how many of them each has right.
    pub(crate) photos: usize,
    pub(crate) old_right: usize,
    pub(crate) new_right: usize,
    pub(crate) old_accuracy: Option<f64>,
    pub(crate) new_accuracy: Option<f64>,
    /// Photos among these that only one of the two models has right.
    pub(crate) only_old_right: usize,
    pub(crate) only_new_right: usize,
    /// Photos of classes that the old model does not know.
    pub(crate) unknown_photos: usize,
    pub(crate) unknown_new_right: usize,
    /// Validation photos that are not counted, because the old model has learned from them.
    pub(crate) left_out: usize,
}
