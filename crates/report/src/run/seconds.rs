//! Where the time of a run went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The time of each phase, in seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Seconds {
    /// Finding the photos.
    pub scan: Option<f64>,
    /// Opening the weights.
    pub weights: Option<f64>,
    /// Quantizing the net.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantize: Option<f64>,
    /// Trying combinations of settings, photos read for that included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried: Option<f64>,
    /// From photos to features.
    pub features: Option<f64>,
    /// Training the head.
    pub head: Option<f64>,
    /// Fine-tuning, its trials included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tune: Option<f64>,
    /// Cross-validation, and fitting the temperature.
    pub folds: Option<f64>,
    /// Writing the run.
    pub save: Option<f64>,
    /// From the start to the end, which is more than the sum.
    pub total: Option<f64>,
    /// Phases that this build does not have.
    #[serde(flatten)]
    pub others: BTreeMap<String, Option<f64>>,
}
