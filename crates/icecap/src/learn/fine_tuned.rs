//! What became of the last blocks of a net, and why.

use std::time::Duration;

use crate::judge::mcnemar::mcnemar;
use crate::judge::metrics::Metrics;
use crate::learn::unfreeze::Unfreeze;
use crate::model::classifier::Provenance;

/// A trial: some of the blocks learned from most of the training photos, and were tried on those that were held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What learned beside the head.
    pub unfreeze: Unfreeze,
    /// What the photos that were held back say after each epoch. The loss is taken after the temperature that suits it best.
    pub slice: Vec<Metrics>,
    /// The epoch that it is judged by, counted from 1: the last or, by early stopping, the best; 0 if the trial diverged.
    pub judged: u32,
    /// The epoch in which the loss was no number any more, and the trial ended.
    pub diverged: Option<u32>,
}

/// What was made of the trials.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// These blocks have learned from all training photos, for so many epochs.
    Tuned {
        /// What learned beside the head.
        from: Unfreeze,
        /// Epochs.
        epochs: u32,
        /// Whether the slice said so; `false` if there were too few photos to tell.
        judged: bool,
    },
    /// The photos that were held back spoke against every trial.
    NoBetter,
    /// There are too few photos to choose by.
    TooFew,
    /// The loss was no number any more, in this epoch.
    Diverged {
        /// The epoch, counted from 1.
        epoch: u32,
    },
}

/// How it was chosen what learns beside the head.
#[derive(Clone, Debug, PartialEq)]
pub struct TuneChoice {
    /// How many training photos the trials learned from.
    pub learned: usize,
    /// How many others they were tried on.
    pub held: usize,
    /// What these say of the head alone, which learned from the same.
    pub head: Metrics,
    /// The trials, in their order.
    pub trials: Vec<Trial>,
    /// What was made of them.
    pub verdict: Verdict,
}

/// A tensor that has learned, and how far it moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// The tensor, by its Keras name.
    pub name: String,
    /// The length of the difference over the length of what it was before.
    pub relative: f64,
}

/// The same validation photos by the head alone and by the tuned net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paired {
    /// The photos, by their place in [`Trained::val_set`](crate::Trained::val_set), that only the head alone knew.
    pub lost: Vec<usize>,
    /// Those that only the tuned net knows.
    pub won: Vec<usize>,
    /// How many photos there are.
    pub photos: usize,
}

impl Paired {
    /// Compares what two classifiers said of photos of these classes.
    pub(crate) fn of(before: &[usize], after: &[usize], labels: &[u32]) -> Self {
        let right = |said: &[usize], photo: usize| said[photo] == labels[photo] as usize;
        let only = |one: &[usize], other: &[usize]| {
            (0..labels.len()).filter(|&photo| right(one, photo) && !right(other, photo)).collect()
        };
        Self { lost: only(before, after), won: only(after, before), photos: labels.len() }
    }

    /// Returns how likely two equally good classifiers would differ as much: McNemar's test.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        mcnemar(self.lost.len() as u64, self.won.len() as u64)
    }
}

/// What became of the last blocks of a net, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct FineTuned {
    /// How it was chosen what learns.
    pub choice: TuneChoice,
    /// The place in [`Trained::history`](crate::Trained::history) of the first epoch of blocks and head together; behind its
    /// end if the head alone was kept.
    pub first: usize,
    /// The head alone on the validation photos and, where there are some, on the test photos.
    pub head_alone: [Metrics; 2],
    /// The two on the same validation photos; `None` if the head alone was kept, or there are no such photos.
    pub paired: Option<Paired>,
    /// How far each tensor of the net moved, in the order of the net; empty if the head alone was kept.
    pub moved: Vec<Moved>,
    /// How many values of the net have learned beside those of the head; 0 if the head alone was kept.
    pub trainable: usize,
    /// Whether the BatchNorm of what learned was folded into its kernels before: what has learned are then kernels and biases.
    pub folded: bool,
    /// Why what enters the blocks that learn was not kept; `None` if it was.
    pub warning: Option<String>,
    /// The time that it took, trials included.
    pub time: Duration,
}

impl FineTuned {
    /// The provenance of a head with what became of the net beside the options that asked for it.
    pub(crate) fn told(&self, mut provenance: Provenance) -> Provenance {
        let training = &mut provenance.training;
        let epochs = match self.choice.verdict {
            Verdict::Tuned { from, epochs, .. } => {
                training.insert("unfreeze".to_owned(), from.to_string());
                epochs
            }
            _ => 0,
        };
        training.insert("tuned_epochs".to_owned(), epochs.to_string());
        provenance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_that_one_alone_knows_are_counted() {
        let paired = Paired::of(&[0, 1, 1, 0, 2], &[0, 0, 1, 1, 1], &[0, 1, 0, 1, 1]);
        assert_eq!(paired, Paired { lost: vec![1], won: vec![3, 4], photos: 5 });
        assert!((paired.p_value() - 1.0).abs() < 1e-12);
    }
}
