//! What can be said of a trained head by photos that had no part in its training: how good, how sure that is, and beside
//! what.

use icecap_kernels::Isa;

use crate::error::Error;
use crate::judge::calibration::Calibration;
use crate::judge::centroid::centroid_head;
use crate::judge::metrics::{Metrics, balanced_accuracy, predicted};
use crate::judge::reliability::Reliability;
use crate::judge::temperature::tempered;
use crate::judge::wilson::interval;
use crate::learn::feature_set::FeatureSet;
use crate::model::head::Head;

/// How good a head is on photos that it has not learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// How many photos.
    pub photos: usize,
    /// How many of the photos were given their class.
    pub right: usize,
    /// The mean cross-entropy of the probabilities that the classifier gives, its temperature included.
    pub loss: f32,
    /// The 95 % interval of the accuracy.
    pub interval: [f64; 2],
    /// The mean of the accuracies on each class that has photos.
    pub balanced_accuracy: f64,
    /// The accuracy of the nearest class centroid of the training photos.
    pub centroid_accuracy: f32,
    /// How confidence and accuracy go together as the head has it.
    pub uncalibrated: Reliability,
    /// How confidence and accuracy go together once logits are divided by the temperature.
    pub calibrated: Reliability,
}

impl Assessment {
    /// Assesses `head`, which was trained on `train`, on the photos of `set`.
    pub(crate) fn of(
        head: &Head,
        isa: Isa,
        train: &FeatureSet,
        set: &FeatureSet,
        calibration: &Calibration,
    ) -> Result<Self, Error> {
        let (classes, logits) = (head.classes(), head.logits_of(isa, set));
        let said: Vec<usize> = logits.chunks_exact(head.logits()).map(predicted).collect();
        let right =
            said.iter().zip(set.labels()).filter(|(class, label)| **class == **label as usize).count();
        let reliability = |temperature| Reliability::of(&logits, set.labels(), classes, temperature);
        let tempered = tempered(&logits, calibration.temperature);
        Ok(Self {
            photos: set.len(),
            right,
            loss: Metrics::of(&tempered, set.labels(), classes)?.loss,
            interval: interval(right, set.len()),
            balanced_accuracy: balanced_accuracy(&said, set.labels(), classes),
            centroid_accuracy: centroid_head(train, classes)?.evaluate(isa, set)?.accuracy,
            uncalibrated: reliability(1.0),
            calibrated: reliability(calibration.temperature),
        })
    }
}
