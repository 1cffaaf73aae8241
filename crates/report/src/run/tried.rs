//! What `metrics.json` keeps of the settings that folds were asked to choose among.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Combinations of settings, judged by the same folds of the training photos.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tried {
    /// How many folds were judged.
    pub folds: u64,
    /// The training photos that the folds judged by.
    pub photos: u64,
    /// The combinations in the order in which they were named; the first is kept unless another is plainly better.
    pub combinations: Vec<TriedRow>,
}

/// One combination.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TriedRow {
    /// The values of the settings that vary, as they were typed; one that has no say in the combination is missing.
    pub settings: BTreeMap<String, String>,
    /// The mean accuracy over the folds.
    pub accuracy: Option<f64>,
    /// The standard deviation of the accuracy over the folds.
    pub spread: Option<f64>,
    /// The mean loss after the temperature that suits it best; `None` if a training diverged.
    pub loss: Option<f64>,
    /// How much less that is than the first combination's, photo by photo.
    pub gain: Option<f64>,
    /// The standard error of that difference.
    pub gain_error: Option<f64>,
    /// How long the combination took.
    pub seconds: Option<f64>,
    /// Whether the run was trained with it.
    pub chosen: bool,
}
