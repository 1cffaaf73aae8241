//! What `metrics.json` keeps of the settings that folds were asked to choose among.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Combinations of settings, judged by the same folds of the training photos.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tried {
    /// How many folds were judged, and how many training photos these have.
    pub(crate) folds: u64,
    pub(crate) photos: u64,
    /// The combinations in the order in which they were named; the first is kept unless another is plainly better.
    pub(crate) combinations: Vec<TriedRow>,
}

/// One combination.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TriedRow {
    /// The values of the settings that vary, as they were typed; one that has no say in the combination is missing.
    pub(crate) settings: BTreeMap<String, String>,
    /// The mean accuracy over the folds, and its standard deviation.
    pub(crate) accuracy: Option<f64>,
    pub(crate) spread: Option<f64>,
    /// The mean loss after the temperature that suits it best; `None` if a training diverged.
    pub(crate) loss: Option<f64>,
    /// How much less that is than the first combination's, photo by photo, and the standard error of it.
    pub(crate) gain: Option<f64>,
    pub(crate) gain_error: Option<f64>,
    pub(crate) seconds: Option<f64>,
    /// Whether the run was trained with it.
    pub(crate) chosen: bool,
}
