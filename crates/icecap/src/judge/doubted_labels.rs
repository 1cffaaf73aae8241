//! Labels that are probably wrong: photos of which a head that has not learned from them is sure of another class.
//!
//! A head is not equally sure of all classes, so what counts as sure is measured: for each class the mean probability that
//! photos with this label are given for it. A label is doubted where another class has at least that, and at least 0.8, of
//! the photo. Probabilities are those of heads that were trained on other folds, tempered, so that they mean something.
//!
//! # Source
//! Northcutt, Jiang, Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 70, 2021: the thresholds.
//! The floor of 0.8 is ours; without it a weak net doubts a fifth of all labels.

use icecap_autograd::Loss;

use crate::judge::metrics::probabilities;
use crate::judge::temperature::tempered;

/// The least probability of another class for which a label is doubted.
const POSSIBLE: f32 = 0.8;
/// The probability of another class from which a label is likely wrong.
const LIKELY: f32 = 0.9;

/// A photo whose label is probably wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DoubtedLabel {
    /// The photo, by its row among those that were judged.
    pub row: usize,
    /// The class that it has.
    pub given: usize,
    /// The class that it more likely is of.
    pub likely: usize,
    /// The probability of the class that it has.
    pub given_probability: f32,
    /// The probability of the class that it more likely is of.
    pub likely_probability: f32,
}

impl DoubtedLabel {
    /// Returns whether the label is likely wrong, and not only worth a second look.
    #[must_use]
    pub fn is_likely_wrong(&self) -> bool {
        self.likely_probability >= LIKELY
    }
}

/// Returns the labels that are doubted by what heads on other folds say, the most doubted first. `rows` are the photos that
/// were judged and `logits` what was said of them, `[rows, logits]`, whose temperature is `temperature`; `labels` has the class
/// of every row, not only of these.
///
/// # Panics
/// If a row that was judged has no label, or one that is none of `classes`.
#[must_use]
pub fn doubted_labels(
    rows: &[usize],
    logits: &[f32],
    labels: &[u32],
    classes: usize,
    temperature: f32,
) -> Vec<DoubtedLabel> {
    let width = Loss::for_classes(classes).logits(classes);
    let said: Vec<Vec<f32>> = tempered(logits, temperature).chunks_exact(width).map(probabilities).collect();
    let given = |row: usize| labels[row] as usize;
    let (mut sums, mut counts) = (vec![0.0f64; classes], vec![0usize; classes]);
    for (&row, said) in rows.iter().zip(&said) {
        sums[given(row)] += f64::from(said[given(row)]);
        counts[given(row)] += 1;
    }
    let sure: Vec<f32> =
        sums.iter().zip(counts).map(|(sum, count)| (sum / count.max(1) as f64) as f32).collect();
    let mut doubted: Vec<DoubtedLabel> = Vec::new();
    for (&row, said) in rows.iter().zip(&said) {
        // Above one half there is one such class at most.
        let other = |&class: &usize| class != given(row) && said[class] >= sure[class].max(POSSIBLE);
        doubted.extend((0..classes).find(other).map(|likely| DoubtedLabel {
            row,
            given: given(row),
            likely,
            given_probability: said[given(row)],
            likely_probability: said[likely],
        }));
    }
    let margin = |label: &DoubtedLabel| label.likely_probability - label.given_probability;
    doubted.sort_by(|a, b| margin(b).total_cmp(&margin(a)).then_with(|| a.row.cmp(&b.row)));
    doubted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubted(logits: &[f32], labels: &[u32], classes: usize, temperature: f32) -> Vec<DoubtedLabel> {
        let rows: Vec<usize> = (0..labels.len()).collect();
        doubted_labels(&rows, logits, labels, classes, temperature)
    }

    #[test]
    fn a_label_is_doubted_where_another_class_is_as_sure_as_its_own_photos() {
        // One logit, for class 1: 0.98, 0.95, 0.88, 0.02 and 0.62.
        let said = [4.0, 3.0, 2.0, -4.0, 0.5];
        let labels = doubted(&said, &[0, 1, 0, 1, 0], 2, 1.0);
        // Photos of class 1 are given it with 0.49 on the mean, those of class 0 theirs with 0.17: the floor decides.
        assert_eq!(labels.iter().map(|label| label.row).collect::<Vec<_>>(), [0, 3, 2]);
        assert!(labels[0].is_likely_wrong() && !labels[2].is_likely_wrong());
        assert_eq!((labels[1].given, labels[1].likely), (1, 0));
        // Tempered, nobody is so sure.
        assert!(doubted(&said, &[0, 1, 0, 1, 0], 2, 4.0).is_empty());
    }

    #[test]
    fn what_is_sure_is_measured_class_by_class() {
        // Photos of class 2 are given it with 0.99 each, so 0.9 for it does not make a photo of class 0 one of them.
        let logits = [0.0, 0.0, 6.0, 0.0, 0.0, 6.0, 0.0, -9.0, 2.2, 6.0, 0.0, 0.0];
        let labels = doubted(&logits, &[2, 2, 0, 0], 3, 1.0);
        assert!(labels.is_empty(), "{labels:?}");
        // Those of class 1 are given it with 0.5.
        let logits = [0.0, 0.7, 0.0, 0.0, 0.7, 0.0, 0.0, 2.9, -9.0];
        let labels = doubted(&logits, &[1, 1, 0], 3, 1.0);
        assert_eq!((labels.len(), labels[0].likely), (1, 1));
    }
}
