//! Accuracy against coverage, as a run and `evaluate --json` keep it.

use icecap::judge::Coverage;
use serde::{Deserialize, Serialize};

/// The shares of the photos that are told.
const SHARES: [f64; 11] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2];

/// What comes of rejecting answers below a confidence.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CoverageRow {
    /// What `predict --reject-below` takes.
    pub reject_below: Option<f64>,
    /// The share of the photos that is answered.
    pub coverage: Option<f64>,
    /// How many photos are answered.
    pub photos: u64,
    /// The share of the answers that is right.
    pub accuracy: Option<f64>,
}

/// Returns the curve of answers, each given by its confidence and whether it is right.
pub fn curve(answers: &[(f32, bool)]) -> Vec<Coverage> {
    Coverage::by_shares(answers, SHARES)
}

impl From<&Coverage> for CoverageRow {
    fn from(of: &Coverage) -> Self {
        // The digits that a person would type.
        let typed = (f64::from(of.reject_below) * 1e4).round() / 1e4;
        Self {
            reject_below: Some(typed),
            coverage: Some(of.coverage),
            photos: of.photos as u64,
            accuracy: of.accuracy(),
        }
    }
}
