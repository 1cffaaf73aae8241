//! The threshold of two classes, as a run keeps it.

use icecap::judge::OperatingPoint;
use serde::{Deserialize, Serialize};

/// A threshold, what was wished of it, and what it does on the training photos that chose it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OperatingRow {
    /// The probability of the second class from which on that is told.
    pub(crate) threshold: Option<f64>,
    /// The class that is looked for, and what was wished.
    pub(crate) class: String,
    pub(crate) wish: String,
    /// Whether the photos grant the wish. If not, precision and recall are those of `probability`, which comes nearest.
    pub(crate) reached: bool,
    /// The probability of the class from which on it is told.
    pub(crate) probability: Option<f64>,
    pub(crate) precision: Option<f64>,
    pub(crate) recall: Option<f64>,
    /// How many photos chose it.
    pub(crate) photos: u64,
}

impl OperatingRow {
    pub(crate) fn of(point: &OperatingPoint, classes: &[String]) -> Self {
        Self {
            threshold: Some(point.threshold.into()),
            class: classes.get(point.positive).cloned().unwrap_or_default(),
            wish: point.wish.to_string(),
            reached: point.is_reached,
            probability: Some(point.probability.into()),
            precision: point.precision,
            recall: point.recall,
            photos: point.photos as u64,
        }
    }
}
