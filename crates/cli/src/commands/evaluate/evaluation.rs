//! What an evaluation has found.

use icecap::judge::{Coverage, Metrics, Ranking};
use icecap::learn::SkippedPhoto;

use crate::run::confusion::Confusion;

/// What came out.
pub(super) struct Evaluation {
    pub(super) metrics: Metrics,
    /// What the logits were divided by; 1 leaves them as they are.
    pub(super) temperature: f32,
    /// From which probability on the second of two classes is told.
    pub(super) threshold: f32,
    pub(super) confusion: Confusion,
    pub(super) ranking: Ranking,
    pub(super) coverage: Vec<Coverage>,
    pub(super) skipped: Vec<SkippedPhoto>,
}
