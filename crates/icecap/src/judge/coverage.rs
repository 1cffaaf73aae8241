//! What is won by leaving answers out: accuracy against coverage.
//!
//! Whoever takes answers below a confidence for "none of these" answers fewer photos (the coverage) and is right on more of
//! those. The curve of both tells which confidence to choose.

use crate::judge::ranking::surest_first;

/// What comes of rejecting answers below a confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// The confidence below which answers are rejected.
    pub reject_below: f32,
    /// How many photos are answered.
    pub photos: usize,
    /// How many of the answers are right.
    pub right: usize,
    /// The share of photos that is answered.
    pub coverage: f64,
}

impl Coverage {
    /// Returns the share of the answers that is right; `None` if none is given.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        (self.photos > 0).then(|| self.right as f64 / self.photos as f64)
    }

    /// Returns answers from the surest on.
    #[must_use]
    pub fn surest_first(answers: &[(f32, bool)]) -> Vec<(f32, bool)> {
        let mut sorted = answers.to_vec();
        surest_first(&mut sorted);
        sorted
    }

    /// Returns what comes of each of the `confidences` below which answers could be rejected. Answers are given by their
    /// confidence, the probability of the predicted class, and whether they are right.
    #[must_use]
    pub fn at(answers: &[(f32, bool)], confidences: impl IntoIterator<Item = f32>) -> Vec<Self> {
        let of = |reject_below: f32| {
            let kept = answers.iter().filter(|(confidence, _)| *confidence >= reject_below);
            let (photos, right) = kept
                .fold((0, 0), |(photos, right), (_, is_right)| (photos + 1, right + usize::from(*is_right)));
            let coverage = photos as f64 / answers.len().max(1) as f64;
            Self { reject_below, photos, right, coverage }
        };
        confidences.into_iter().map(of).collect()
    }

    /// Returns the curve at falling `shares` of the photos: what comes of the confidence, rounded down to four digits, that keeps at
    /// least that share. The confidences rise; a confidence that keeps the photos of another share is left out.
    #[must_use]
    pub fn by_shares(answers: &[(f32, bool)], shares: impl IntoIterator<Item = f64>) -> Vec<Self> {
        let sorted = Self::surest_first(answers);
        let confidence = |share: f64| {
            let kept = (share * sorted.len() as f64).ceil() as usize;
            let (last, _) = sorted.get(kept.clamp(1, sorted.len().max(1)) - 1)?;
            // As it is typed: the answers at the confidence itself stay.
            Some(((f64::from(*last) * 1e4).floor() / 1e4) as f32)
        };
        let mut curve = Self::at(answers, shares.into_iter().filter_map(confidence));
        curve.dedup_by_key(|point| point.photos);
        curve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_answers_are_given_and_each_share_is_kept() {
        let answers: Vec<(f32, bool)> =
            (0..100).map(|index| (0.5 + index as f32 / 200.0, index % 10 != 0 || index > 60)).collect();
        let curve = Coverage::by_shares(&answers, [1.0, 0.9, 0.5, 0.1, 0.0]);
        assert_eq!(curve.iter().map(|point| point.photos).collect::<Vec<_>>(), [100, 90, 50, 10, 1]);
        for point in &curve {
            // What the typed number does, counted anew.
            let typed: f32 = format!("{:.4}", point.reject_below).parse().unwrap();
            assert_eq!(Coverage::at(&answers, [typed])[0], *point);
        }
        assert!(curve.windows(2).all(|pair| pair[0].accuracy() <= pair[1].accuracy()), "{curve:?}");
        assert_eq!(Coverage::at(&answers, [2.0])[0].accuracy(), None);
        assert!(Coverage::by_shares(&[], [1.0]).is_empty());
        assert_eq!(Coverage::by_shares(&[(0.75, true); 3], [1.0, 0.5]).len(), 1);
    }
}
