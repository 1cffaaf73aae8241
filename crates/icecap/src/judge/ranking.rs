//! How well probabilities put photos in order, whatever threshold is chosen later.
//!
//! **ROC-AUC** of a class is the probability that a photo of it has a higher probability of it than a photo of another
//! class, ties counting a half (Mann and Whitney's U, by middle ranks):
//!
//! ```text
//! AUC = (sum of the ranks of the class' photos - P (P + 1) / 2) / (P N)      P of the class, N others
//! ```
//!
//! **Average precision** goes down the photos by that probability, and is the mean of the precision at each photo of the
//! class; photos of equal probability are passed together: `AP = sum (R_n - R_n-1) P_n` over the distinct probabilities.
//! It tells more than the AUC where a class is rare. Both are those of scikit-learn; several classes are taken one against
//! the rest, and the mean over classes counts each alike (macro). For two classes both AUCs are the same number.
//!
//! They are figures of the probabilities that are given out, f32: whoever computes them from a table of these finds the same.

/// How well probabilities put photos in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Each class against the rest, in the order of the classes.
    pub classes: Vec<ClassRanking>,
    /// How many classes, the most probable first, are looked at for [`Ranking::top_accuracy`]; `None` for two classes.
    pub top: Option<usize>,
    /// The share of photos whose class is among the `top` most probable; of equally probable classes the first count as more
    /// probable. `None` for two classes.
    pub top_accuracy: Option<f64>,
}

/// How well the probability of a class parts its photos from others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassRanking {
    /// The area under the ROC curve; `None` without photos of the class, or without others.
    pub roc_auc: Option<f64>,
    /// The average precision; `None` without photos of the class.
    pub average_precision: Option<f64>,
}

/// The most classes that are looked at for the accuracy of the most probable ones.
const MOST_TOP: usize = 5;

/// How many of so many classes are looked at: five, or at most half of them, but two at least; `None` of two, where both
/// would be all.
fn top_of(classes: usize) -> Option<usize> {
    (classes > 2).then(|| (classes / 2).clamp(2, MOST_TOP))
}

impl Ranking {
    /// Ranks photos by their probabilities, `[N, classes]`, and labels.
    ///
    /// # Cost
    /// A sort of the photos for each class.
    #[must_use]
    pub fn of(probabilities: &[f32], labels: &[u32], classes: usize) -> Self {
        if labels.is_empty() {
            return Self::default();
        }
        let class = |class: usize| {
            let scores = probabilities.iter().skip(class).step_by(classes).copied();
            let truth = labels.iter().map(|&label| label as usize == class);
            ClassRanking::of(scores.zip(truth).collect())
        };
        let top = top_of(classes);
        let among = |top: usize| {
            let rows = probabilities.chunks_exact(classes).zip(labels);
            let found = rows.filter(|(row, label)| place(row, **label as usize) < top).count();
            found as f64 / labels.len() as f64
        };
        Self { classes: (0..classes).map(class).collect(), top, top_accuracy: top.map(among) }
    }

    /// Returns the mean of the classes' ROC-AUCs; `None` if no class has one.
    #[must_use]
    pub fn roc_auc(&self) -> Option<f64> {
        mean(self.classes.iter().filter_map(|class| class.roc_auc))
    }

    /// Returns the mean of the classes' average precisions; `None` if no class has one.
    #[must_use]
    pub fn average_precision(&self) -> Option<f64> {
        mean(self.classes.iter().filter_map(|class| class.average_precision))
    }
}

/// How many classes come before `class` by their probability.
fn place(row: &[f32], class: usize) -> usize {
    let before =
        |(other, value): (usize, &f32)| *value > row[class] || (*value == row[class] && other < class);
    row.iter().enumerate().filter(|&entry| before(entry)).count()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0_usize, 0.0), |(count, sum), value| (count + 1, sum + value));
    (count > 0).then(|| sum / count as f64)
}

/// Sorts photos by their number, the highest first.
pub(crate) fn surest_first(photos: &mut [(f32, bool)]) {
    photos.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
}

impl ClassRanking {
    /// Ranks photos, each given by its probability of the class and whether it is of it.
    #[must_use]
    pub fn of(mut photos: Vec<(f32, bool)>) -> Self {
        surest_first(&mut photos);
        let of_class = photos.iter().filter(|(_, is_of_it)| *is_of_it).count();
        let others = photos.len() - of_class;
        // Twice the number of pairs in the right order, ties once: a whole number.
        let (mut seen, mut found, mut pairs, mut precision) = (0_usize, 0_usize, 0_u128, 0.0);
        for equal in photos.chunk_by(|a, b| a.0 == b.0) {
            let here = equal.iter().filter(|(_, is_of_it)| *is_of_it).count();
            let others_here = equal.len() - here;
            let others_below = others - (seen - found) - others_here;
            pairs += here as u128 * (2 * others_below + others_here) as u128;
            (seen, found) = (seen + equal.len(), found + here);
            precision += here as f64 * found as f64 / seen as f64;
        }
        Self {
            roc_auc: (of_class > 0 && others > 0)
                .then(|| pairs as f64 / (2.0 * of_class as f64 * others as f64)),
            average_precision: (of_class > 0).then(|| precision / of_class as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    /// Photos with few distinct probabilities, so that many tie.
    fn drawn(seed: u32, photos: u32, values: f32) -> Vec<(f32, bool)> {
        let mut draw = Stream::new(seed.into(), Purpose::Test, 0, 0);
        (0..photos).map(|_| ((draw.range(0.0, values)).floor() / values, draw.uniform() < 0.3)).collect()
    }

    /// Every pair of a photo of the class and another: right, wrong, or half.
    fn pairs(photos: &[(f32, bool)]) -> Option<f64> {
        let of = |wanted: bool| photos.iter().filter(move |(_, is)| *is == wanted).map(|(score, _)| *score);
        let (mut right, mut all) = (0.0, 0.0);
        for a in of(true) {
            for b in of(false) {
                all += 1.0;
                right += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        (all > 0.0).then(|| right / all)
    }

    /// For each photo of the class: how many of the photos that are at least as probable are of it.
    fn precisions(photos: &[(f32, bool)]) -> Option<f64> {
        let own: Vec<f32> = photos.iter().filter(|(_, is)| *is).map(|(score, _)| *score).collect();
        let precision = |least: f32| {
            let above: Vec<_> = photos.iter().filter(|(score, _)| *score >= least).collect();
            above.iter().filter(|(_, is)| *is).count() as f64 / above.len() as f64
        };
        mean(own.iter().map(|&least| precision(least)))
    }

    #[test]
    fn ranks_count_every_pair_and_ties_a_half() {
        for seed in 0..200 {
            let photos = drawn(seed, 1 + seed % 60, [2.0, 5.0, 1000.0][seed as usize % 3]);
            let got = ClassRanking::of(photos.clone());
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                (a, b) => a.is_none() && b.is_none(),
            };
            assert!(close(got.roc_auc, pairs(&photos)), "seed {seed}");
            assert!(close(got.average_precision, precisions(&photos)), "seed {seed}");
        }
        let all_equal = ClassRanking::of(vec![(0.5, true), (0.5, false), (0.5, false), (0.5, true)]);
        assert_eq!((all_equal.roc_auc, all_equal.average_precision), (Some(0.5), Some(0.5)));
        assert_eq!(ClassRanking::of(vec![(0.5, false)]), ClassRanking::default());
    }

    #[test]
    fn the_best_classes_are_counted_where_there_are_more_than_two() {
        assert_eq!(
            [2, 3, 4, 5, 6, 10, 1000].map(top_of),
            [None, Some(2), Some(2), Some(2), Some(3), Some(5), Some(5)]
        );
        // The third class is among the first two of the first photo alone; of equal ones the first count.
        let rows = [0.2, 0.3, 0.5, 0.4, 0.3, 0.3, 0.5, 0.25, 0.25];
        let of = Ranking::of(&rows, &[2, 2, 2], 3);
        assert_eq!((of.top, of.top_accuracy), (Some(2), Some(1.0 / 3.0)));
        assert_eq!((of.classes[0].roc_auc, of.roc_auc()), (None, None));
        assert_eq!(of.average_precision(), Some(1.0));
        let two = Ranking::of(&[0.9, 0.1, 0.2, 0.8, 0.6, 0.4], &[0, 1, 1], 2);
        assert_eq!((two.top, two.classes[0].roc_auc, two.classes[1].roc_auc), (None, Some(1.0), Some(1.0)));
        assert_eq!(Ranking::of(&[], &[], 2), Ranking::default());
    }
}
