//! `metrics.json` as it is read: whatever an older or a newer version leaves out is missing, not an error.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a run has measured.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metrics {
    pub(crate) version: String,
    pub(crate) classes: Vec<ClassCounts>,
    pub(crate) loss_0: Option<f64>,
    pub(crate) accuracy_0: Option<f64>,
    pub(crate) train_loss: Option<f64>,
    pub(crate) train_accuracy: Option<f64>,
    pub(crate) val_loss: Option<f64>,
    pub(crate) val_accuracy: Option<f64>,
    pub(crate) test_loss: Option<f64>,
    pub(crate) test_accuracy: Option<f64>,
    /// Of the nearest class centroid on the validation photos.
    pub(crate) centroid_accuracy: Option<f64>,
    /// What the logits are divided by before they become probabilities.
    pub(crate) temperature: Option<f64>,
    /// The calibration error that the probabilities would have without that.
    pub(crate) ece_uncalibrated: Option<f64>,
    /// The epoch whose head was kept.
    pub(crate) epochs_chosen: Option<u32>,
    pub(crate) folds: Option<Folds>,
    /// Seconds by phase, `total` among them.
    pub(crate) seconds: BTreeMap<String, Option<f64>>,
    pub(crate) photos: Photos,
    pub(crate) skipped_photos: Vec<Skipped>,
    pub(crate) history: Vec<EpochRow>,
}

/// What cross-validation on the training photos says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Folds {
    pub(crate) accuracy: Option<f64>,
    pub(crate) spread: Option<f64>,
    pub(crate) each: Vec<serde::de::IgnoredAny>,
}

/// Photos of a class by part.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClassCounts {
    pub(crate) name: String,
    pub(crate) train: u64,
    pub(crate) val: u64,
    pub(crate) test: u64,
}

impl ClassCounts {
    pub(crate) fn all(&self) -> u64 {
        self.train.saturating_add(self.val).saturating_add(self.test)
    }
}

/// How reading the photos went.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Photos {
    pub(crate) read: u64,
    pub(crate) cached: u64,
}

/// A photo that was left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Skipped {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// An epoch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EpochRow {
    pub(crate) epoch: u32,
    pub(crate) running_loss: Option<f64>,
    pub(crate) running_accuracy: Option<f64>,
    pub(crate) train_loss: Option<f64>,
    pub(crate) train_accuracy: Option<f64>,
    pub(crate) val_loss: Option<f64>,
    pub(crate) val_accuracy: Option<f64>,
}
