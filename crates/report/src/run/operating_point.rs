//! The threshold of two classes, as a run keeps it.

use icecap::judge::OperatingPoint;
use serde::{Deserialize, Serialize};

/// A threshold, what was wished of it, and what it does on the training photos that chose it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OperatingRow {
    /// The probability of the second class from which on that is told.
    pub threshold: Option<f64>,
    /// The class that is looked for, and what was wished.
    pub class: String,
    /// What was wished of the threshold.
    pub wish: String,
    /// Whether the photos grant the wish. If not, precision and recall are those of `probability`, which comes nearest.
    pub reached: bool,
    /// The probability of the class from which on it is told.
    pub probability: Option<f64>,
    /// The share of the photos told as the class that are of it.
    pub precision: Option<f64>,
    /// The share of the photos of the class that are told as it.
    pub recall: Option<f64>,
    /// How many photos chose it.
    pub photos: u64,
}

impl OperatingRow {
    /// The row of a threshold of a model with these classes.
    #[must_use]
    pub fn of(point: &OperatingPoint, classes: &[String]) -> Self {
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
