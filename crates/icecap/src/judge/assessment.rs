//! What can be said of a trained head by photos that had no part in its training: how good, how sure that is, and beside
//! what.

use crate::error::Error;
use crate::judge::centroid::centroid_head;
use crate::judge::metrics::{Metrics, balanced_accuracy, probabilities};
use crate::judge::ranking::Ranking;
use crate::judge::reliability::Reliability;
use crate::judge::temperature::tempered;
use crate::judge::wilson::interval;
use crate::learn::feature_set::FeatureSet;
use crate::model::classifier::Classifier;

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
    /// How well the probabilities put the photos in order.
    pub ranking: Ranking,
    /// The confidence of each answer, and whether it is right: what [`Coverage`](crate::judge::Coverage) is made of.
    pub answers: Vec<(f32, bool)>,
}

impl Assessment {
    /// Assesses `classifier`, whose head was trained on `train`, on the photos of `set`, which have features of its backbone.
    pub(crate) fn of(classifier: &Classifier, train: &FeatureSet, set: &FeatureSet) -> Result<Self, Error> {
        let (head, isa) = (classifier.head(), classifier.backbone().isa());
        let (classes, logits) = (head.classes(), head.logits_of(isa, set));
        let tempered = tempered(&logits, classifier.temperature());
        let rows = tempered.chunks_exact(head.logits());
        let said: Vec<usize> = rows.clone().map(|row| classifier.decide_tempered(row)).collect();
        let right =
            said.iter().zip(set.labels()).filter(|(class, label)| **class == **label as usize).count();
        let probabilities: Vec<f32> = rows.flat_map(probabilities).collect();
        let answers: Vec<(f32, bool)> = probabilities
            .chunks_exact(classes)
            .zip(said.iter().zip(set.labels()))
            .map(|(row, (&class, &label))| (row[class], class == label as usize))
            .collect();
        Ok(Self {
            photos: set.len(),
            right,
            loss: Metrics::of(&tempered, set.labels(), classes)?.loss,
            interval: interval(right, set.len()),
            balanced_accuracy: balanced_accuracy(&said, set.labels(), classes),
            centroid_accuracy: centroid_head(train, classes)?.evaluate(isa, set)?.accuracy,
            uncalibrated: Reliability::of(&logits, set.labels(), classes, 1.0),
            calibrated: Reliability::of_confidences(answers.iter().copied()),
            ranking: Ranking::of(&probabilities, set.labels(), classes),
            answers,
        })
    }

    /// Returns the share of the photos that were given their class.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.right as f64 / self.photos.max(1) as f64
    }
}
