//! The threshold of two classes: from which probability on a photo is taken for the class that somebody looks for.
//!
//! At a half the fewest photos are wrong, if the probabilities are true. Who looks for a rare fault wants to find nine of
//! ten (recall), who acts on each finding wants nine of ten to be true (precision), and who can name a price for either error
//! wants the least. Which threshold does that is asked of training photos, each judged by a head that has not seen it: the
//! validation photos have no part in it, so that what is reported of them stays true. On other photos precision and recall
//! are near what was asked for, not at it.

use std::fmt;
use std::str::FromStr;

use crate::judge::metrics::THRESHOLD;
use crate::judge::ranking::surest_first;

/// What a threshold is to do for the class that is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wish {
    /// The class is told from this probability of it on.
    Probability(f32),
    /// Of the photos that are taken for the class so many are of it; among such thresholds the one that finds the most.
    Precision(f64),
    /// Of the photos of the class so many are found; among such thresholds the one that is right the most often.
    Recall(f64),
    /// The least sum of these prices of a photo that is wrongly taken for the class, and of one that is missed.
    Cost {
        /// The price of a photo of the other class that is taken for this one.
        false_positive: f64,
        /// The price of a photo of the class that is taken for the other one.
        false_negative: f64,
    },
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probability(value) => write!(f, "{value}"),
            Self::Precision(share) => write!(f, "precision={share}"),
            Self::Recall(share) => write!(f, "recall={share}"),
            Self::Cost { false_positive, false_negative } => {
                write!(f, "cost={false_positive}:{false_negative}")
            }
        }
    }
}

impl FromStr for Wish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a probability between 0 and 1 as in 0.8, precision=0.95, recall=0.9, or cost=FP:FN as in \
                                cost=1:10";
        let expected = || EXPECTED.to_owned();
        let share = |text: &str| {
            text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0).ok_or_else(expected)
        };
        let price = |text: &str| {
            text.parse().ok().filter(|price: &f64| *price > 0.0 && price.is_finite()).ok_or_else(expected)
        };
        match text.split_once('=') {
            None => {
                let value = text.parse().ok().filter(|value: &f32| *value > 0.0 && *value < 1.0);
                value.map(Self::Probability).ok_or_else(expected)
            }
            Some(("precision", text)) => share(text).map(Self::Precision),
            Some(("recall", text)) => share(text).map(Self::Recall),
            Some(("cost", text)) => {
                let (positive, negative) = text.split_once(':').ok_or_else(expected)?;
                Ok(Self::Cost { false_positive: price(positive)?, false_negative: price(negative)? })
            }
            Some(_) => Err(expected()),
        }
    }
}

/// A threshold, and what it does on the photos that it was chosen by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// The probability of the second class from which on that is told.
    pub threshold: f32,
    /// The class that is looked for: 0 or 1.
    pub positive: usize,
    /// What was wished for.
    pub wish: Wish,
    /// Whether the photos grant the wish. If they do not, the threshold is the usual one, and `precision` and `recall` are
    /// those of the threshold that comes nearest.
    pub is_reached: bool,
    /// Of the photos taken for the class the share that is of it; `None` if none is.
    pub precision: Option<f64>,
    /// Of the photos of the class the share that is taken for it; `None` if there are none.
    pub recall: Option<f64>,
    /// The probability of the class from which on it is told to have them.
    pub probability: f32,
    /// How many photos it was chosen by; 0 if there were none.
    pub photos: usize,
}

/// What a threshold does: photos that are taken for the class and are of it, and that are not.
#[derive(Clone, Copy)]
struct Candidate {
    /// The probability of the class from which on it is told.
    probability: f32,
    found: usize,
    wrong: usize,
}

impl Candidate {
    fn precision(&self) -> Option<f64> {
        let taken = self.found + self.wrong;
        (taken > 0).then(|| self.found as f64 / taken as f64)
    }

    fn recall(&self, of_class: usize) -> Option<f64> {
        (of_class > 0).then(|| self.found as f64 / of_class as f64)
    }
}

impl OperatingPoint {
    /// Chooses a threshold for the class `positive`, 0 or 1, by photos: each is given by its probability of the second class,
    /// and by its class.
    #[must_use]
    pub fn choose(wish: Wish, positive: usize, photos: &[(f32, u32)]) -> Self {
        let own = |probability: f32| if positive == 1 { probability } else { 1.0 - probability };
        let scored: Vec<(f32, bool)> =
            photos.iter().map(|&(p, label)| (own(p), label as usize == positive)).collect();
        let of_class = scored.iter().filter(|(_, is_of_it)| *is_of_it).count();
        let all = candidates(&scored);
        let (chosen, is_reached) = match wish {
            Wish::Probability(probability) => (counted(&scored, probability), true),
            Wish::Precision(least) => precise(&all, least),
            Wish::Recall(least) => found(&all, least, of_class),
            Wish::Cost { false_positive, false_negative } => {
                let cost = |c: &Candidate| {
                    c.wrong as f64 * false_positive + (of_class - c.found) as f64 * false_negative
                };
                let far = |c: &Candidate| (c.probability - THRESHOLD).abs();
                let best =
                    all.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)).then(far(a).total_cmp(&far(b))));
                (best.copied().unwrap_or(counted(&scored, THRESHOLD)), !all.is_empty())
            }
        };
        let usual = if is_reached { chosen.probability } else { THRESHOLD };
        // Never 0 or 1, at which one of the classes would not be told any more.
        let usual = usual.clamp(f32::EPSILON, 1.0 - f32::EPSILON);
        Self {
            threshold: if positive == 1 { usual } else { 1.0 - usual },
            positive,
            wish,
            is_reached,
            precision: chosen.precision(),
            recall: chosen.recall(of_class),
            probability: chosen.probability,
            photos: photos.len(),
        }
    }
}

fn counted(scored: &[(f32, bool)], probability: f32) -> Candidate {
    let taken = scored.iter().filter(|(score, _)| *score >= probability);
    let found = taken.clone().filter(|(_, is_of_it)| *is_of_it).count();
    Candidate { probability, found, wrong: taken.count() - found }
}

/// Every threshold that takes other photos than the next: midway between two probabilities, the highest first.
fn candidates(scored: &[(f32, bool)]) -> Vec<Candidate> {
    let mut sorted = scored.to_vec();
    surest_first(&mut sorted);
    let (mut found, mut wrong, mut all) = (0, 0, Vec::new());
    let groups: Vec<&[(f32, bool)]> = sorted.chunk_by(|a, b| a.0 == b.0).collect();
    for (index, group) in groups.iter().enumerate() {
        found += group.iter().filter(|(_, is_of_it)| *is_of_it).count();
        wrong += group.iter().filter(|(_, is_of_it)| !*is_of_it).count();
        let (here, next) = (group[0].0, groups.get(index + 1).map_or(0.0, |next| next[0].0));
        let between = here + (next - here) / 2.0;
        // Of neighbors in f32 there is nothing between.
        let probability = if between > next && between <= here { between } else { here };
        // One that takes photos of a probability of 0 would take every photo.
        if (f32::EPSILON..=1.0 - f32::EPSILON).contains(&probability) {
            all.push(Candidate { probability, found, wrong });
        }
    }
    all
}

/// The threshold that finds the most of those of this precision, or the most precise.
fn precise(all: &[Candidate], least: f64) -> (Candidate, bool) {
    let precision = |c: &Candidate| c.precision().unwrap_or(0.0);
    let granted = all.iter().filter(|c| precision(c) >= least);
    let best = granted.max_by(|a, b| a.found.cmp(&b.found).then(precision(a).total_cmp(&precision(b))));
    if let Some(best) = best {
        return (*best, true);
    }
    let nearest = all.iter().max_by(|a, b| precision(a).total_cmp(&precision(b)).then(a.found.cmp(&b.found)));
    (nearest.copied().unwrap_or(NONE), false)
}

/// The most precise threshold of those that find this share, or the one that finds the most. The last candidate finds all but
/// those that have a probability of 0.
fn found(all: &[Candidate], least: f64, of_class: usize) -> (Candidate, bool) {
    let precision = |c: &Candidate| c.precision().unwrap_or(0.0);
    let granted = all.iter().filter(|c| c.recall(of_class).is_some_and(|recall| recall >= least));
    let best = granted.max_by(|a, b| precision(a).total_cmp(&precision(b)).then(a.found.cmp(&b.found)));
    (best.or(all.last()).copied().unwrap_or(NONE), best.is_some())
}

/// What is known without photos.
const NONE: Candidate = Candidate { probability: THRESHOLD, found: 0, wrong: 0 };

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    fn drawn(seed: u32, photos: u32) -> Vec<(f32, u32)> {
        let mut draw = Stream::new(seed.into(), Purpose::Test, 1, 0);
        (0..photos)
            .map(|_| {
                let label = u32::from(draw.uniform() < 0.4);
                let lean = if label == 1 { 0.3 } else { -0.3 };
                (((draw.range(0.0, 1.0) + lean).clamp(0.0, 1.0) * 50.0).round() / 50.0, label)
            })
            .collect()
    }

    /// Precision, recall and cost of a threshold on the second class' probability, for `positive`.
    fn does(photos: &[(f32, u32)], threshold: f32, positive: usize) -> (f64, f64, usize, usize) {
        let told = |p: f32| usize::from(p >= threshold);
        let count = |f: &dyn Fn(usize, usize) -> bool| {
            photos.iter().filter(|&&(p, label)| f(told(p), label as usize)).count()
        };
        let hit = count(&|told, label| told == positive && label == positive);
        let wrong = count(&|told, label| told == positive && label != positive);
        let missed = count(&|told, label| told != positive && label == positive);
        (hit as f64 / (hit + wrong).max(1) as f64, hit as f64 / (hit + missed).max(1) as f64, wrong, missed)
    }

    #[test]
    fn what_is_told_is_counted_at_the_threshold_that_is_kept() {
        let photos = [(0.0, 1), (0.0, 0), (1e-30, 1), (0.4, 0), (0.9, 1), (1.0, 1)];
        for positive in [0, 1] {
            for wish in ["recall=1", "recall=0.5", "precision=0.5", "precision=1", "cost=1:1e6", "cost=1e6:1"]
            {
                let point = OperatingPoint::choose(wish.parse().unwrap(), positive, &photos);
                let told = if point.is_reached {
                    point.threshold
                } else if positive == 1 {
                    point.probability
                } else {
                    1.0 - point.probability
                };
                let (precision, recall, ..) = does(&photos, told, positive);
                assert_eq!(
                    (point.precision, point.recall),
                    (Some(precision), Some(recall)),
                    "{wish} {positive}"
                );
                assert!(point.threshold > 0.0 && point.threshold < 1.0);
            }
        }
        assert!(!OperatingPoint::choose(Wish::Recall(1.0), 1, &photos).is_reached);
    }

    #[test]
    fn the_threshold_does_what_was_wished_and_none_does_it_better() {
        for seed in 0..40 {
            let photos = drawn(seed, 150);
            let tried: Vec<f32> = (1..1000).map(|step| step as f32 / 1000.0 + 0.0003).collect();
            for positive in [0, 1] {
                let best = |f: &dyn Fn((f64, f64, usize, usize)) -> f64| {
                    tried.iter().map(|&t| f(does(&photos, t, positive))).fold(f64::NEG_INFINITY, f64::max)
                };
                let at = |wish| {
                    let point = OperatingPoint::choose(wish, positive, &photos);
                    (point, does(&photos, point.threshold, positive))
                };
                let (point, (precision, recall, ..)) = at(Wish::Precision(0.9));
                let most = best(&|(p, r, ..)| if p >= 0.9 { r } else { 0.0 });
                if point.is_reached {
                    assert!(precision >= 0.9 && recall >= most - 1e-12, "seed {seed}: {point:?}");
                    assert_eq!((point.precision, point.recall), (Some(precision), Some(recall)));
                } else {
                    assert!(most == 0.0 && point.threshold == THRESHOLD, "seed {seed}: {point:?}");
                }
                let (point, (precision, recall, ..)) = at(Wish::Recall(0.8));
                let most = best(&|(p, r, ..)| if r >= 0.8 { p } else { 0.0 });
                assert!(
                    point.is_reached && recall >= 0.8 && precision >= most - 1e-12,
                    "seed {seed}: {point:?}"
                );
                let (_, (_, _, wrong, missed)) = at(Wish::Cost { false_positive: 1.0, false_negative: 5.0 });
                let least = -best(&|(_, _, wrong, missed)| -((wrong + 5 * missed) as f64));
                assert!((wrong + 5 * missed) as f64 <= least, "seed {seed}");
            }
        }
    }

    #[test]
    fn what_cannot_be_reached_is_told_with_the_nearest() {
        // The surest photo is of the other class.
        let photos = [(0.9, 0), (0.8, 1), (0.7, 1), (0.2, 0)];
        let point = OperatingPoint::choose(Wish::Precision(0.95), 1, &photos);
        assert!(!point.is_reached && point.threshold == THRESHOLD);
        assert_eq!((point.precision, point.recall), (Some(2.0 / 3.0), Some(1.0)));
        assert_eq!(OperatingPoint::choose(Wish::Recall(0.5), 1, &[]).photos, 0);
        assert!(!OperatingPoint::choose(Wish::Recall(0.5), 1, &[]).is_reached);
        // The class that is looked for may be the first; probabilities that are equal to f32's last digit are parted.
        let point = OperatingPoint::choose(Wish::Probability(0.75), 0, &photos);
        assert_eq!((point.threshold, point.recall), (0.25, Some(0.5)));
        let near = [(0.5, 0), (0.5 + f32::EPSILON / 2.0, 1)];
        let point = OperatingPoint::choose(Wish::Precision(1.0), 1, &near);
        assert!(point.is_reached && point.threshold > 0.5);
    }

    #[test]
    fn wishes_are_read_as_they_are_written() {
        for text in ["0.8", "precision=0.95", "recall=1", "cost=1:10", "cost=0.5:3"] {
            assert_eq!(text.parse::<Wish>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "0",
            "1",
            "-0.5",
            "NaN",
            "1.5",
            "half",
            "precision=0",
            "precision=1.01",
            "recall=NaN",
            "f1=0.9",
            "cost=1",
            "cost=0:1",
            "cost=1:inf",
            "cost=1:2:3",
            "precision=",
        ] {
            assert!(text.parse::<Wish>().is_err(), "{text}");
        }
    }
}
