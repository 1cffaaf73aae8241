//! What a classifier says of one photo.

use icecap_data::Warning;

/// What a classifier says of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The index of the predicted class: the most probable one or, of two, the one that the model's threshold asks for.
    pub class: usize,
    /// The name of the predicted class.
    pub label: String,
    /// The probability of the predicted class.
    pub probability: f32,
    /// The probability of each class, in the order of the classes.
    pub probabilities: Vec<f32>,
    /// The labels of the photo, the most probable first, where each class is a label of its own that any photo may have or not
    /// (multi-label): the indices of the classes whose probability is a half or more. `None` where one class is true.
    pub labels: Option<Vec<usize>>,
    /// The head's logits as they are, before the temperature: one for two classes, else one per class.
    pub logits: Vec<f32>,
    /// How unlike the photos of the training the photo is: above 1 are 2 of 100 photos of the classes, and most others. `None` if
    /// the model does not keep what tells ([`Classifier::novelty`](crate::Classifier::novelty)).
    pub novelty: Option<f32>,
    /// What is odd about the photo's file.
    pub warnings: Vec<Warning>,
}

impl Prediction {
    /// Returns the `top` most probable classes by their index, with their probabilities: the predicted class first, of
    /// equally probable ones the first.
    #[must_use]
    pub fn ranked(&self, top: usize) -> Vec<(usize, f32)> {
        let mut all: Vec<(usize, f32)> = self.probabilities.iter().copied().enumerate().collect();
        // Of two classes at exactly one half the second is predicted, whatever a sort would say.
        all.sort_by(|a, b| {
            let other = |class: usize| class != self.class;
            other(a.0).cmp(&other(b.0)).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0))
        });
        all.truncate(top);
        all
    }

    /// Returns the indices of the probabilities that are `least` or more, the largest first.
    #[must_use]
    pub fn labels_from(probabilities: &[f32], least: f32) -> Vec<usize> {
        let mut labels: Vec<usize> =
            (0..probabilities.len()).filter(|&label| probabilities[label] >= least).collect();
        labels.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(class: usize, probabilities: &[f32]) -> Prediction {
        let (probability, probabilities) = (probabilities[class], probabilities.to_vec());
        let (logits, warnings, labels, novelty) = (Vec::new(), Vec::new(), None, None);
        let label = String::new();
        Prediction { class, label, probability, probabilities, labels, logits, novelty, warnings }
    }

    #[test]
    fn the_predicted_class_leads_and_ties_keep_their_order() {
        assert_eq!(prediction(1, &[0.5, 0.5]).ranked(2), [(1, 0.5), (0, 0.5)]);
        assert_eq!(Prediction::labels_from(&[0.5, 0.25, 0.75, 0.5], 0.5), [2, 0, 3]);
        assert_eq!(prediction(2, &[0.2, 0.2, 0.6]).ranked(9), [(2, 0.6), (0, 0.2), (1, 0.2)]);
    }
}
