//! How a head is trained: the settings, what can be left to the photos, and the schedule of the learning rate.

use std::str::FromStr;

use crate::error::Error;

/// How the learning rate changes over the epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decay {
    /// It does not.
    Constant,
    /// Down to zero along a cosine.
    Cosine,
    /// Times `factor` after every `epochs`.
    Step {
        /// Epochs between two multiplications.
        epochs: u32,
        /// The factor.
        factor: f64,
    },
}

impl Decay {
    /// A step without numbers: halved after every five epochs.
    const STEP: Self = Self::Step { epochs: 5, factor: 0.5 };
}

/// As text `constant`, `cosine`, `step`, `step:EPOCHS` or `step:EPOCHS:FACTOR`.
impl FromStr for Decay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Setting {
            what: "schedule",
            reason: format!(
                "'{text}' is not one; use constant, cosine, step or step:EPOCHS:FACTOR, as in step:5:0.5 (epochs \
                 from 1, factor above 0 and up to 1)"
            ),
        };
        let mut words = text.split(':');
        let decay = match (words.next(), words.next(), words.next()) {
            (Some("constant"), None, None) => Self::Constant,
            (Some("cosine"), None, None) => Self::Cosine,
            (Some("step"), None, None) => Self::STEP,
            (Some("step"), Some(epochs), factor) => {
                let epochs = epochs.parse().ok().filter(|epochs| *epochs >= 1).ok_or_else(wrong)?;
                let factor: f64 = factor.unwrap_or("0.5").parse().map_err(|_| wrong())?;
                if !(factor > 0.0 && factor <= 1.0) {
                    return Err(wrong());
                }
                Self::Step { epochs, factor }
            }
            _ => return Err(wrong()),
        };
        if words.next().is_some() { Err(wrong()) } else { Ok(decay) }
    }
}

impl std::fmt::Display for Decay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { epochs, factor } => write!(f, "step:{epochs}:{factor}"),
        }
    }
}

/// How often a training goes over its photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epochs {
    /// As often as the photos need: see [`Epochs::count`].
    #[default]
    Auto,
    /// So often.
    Fixed(u32),
}

impl Epochs {
    /// A training of fewer steps than this is not done: ten photos are one step an epoch, and after ten steps the head
    /// is hardly better than its random start (0.69 against 0.84 on ants and bees, five photos of each).
    const STEPS: usize = 300;
    /// Fewer passes than this waste photos that there are.
    const LEAST: u32 = 10;

    /// The number for so many photos in steps of `batch`: where it is automatic, 10, or as many as make 300 steps.
    #[must_use]
    pub fn count(self, photos: usize, batch: usize) -> u32 {
        match self {
            Self::Fixed(epochs) => epochs,
            Self::Auto => {
                let steps = photos.div_ceil(batch.max(1)).max(1);
                Self::LEAST.max(Self::STEPS.div_ceil(steps) as u32)
            }
        }
    }
}

impl From<u32> for Epochs {
    fn from(epochs: u32) -> Self {
        Self::Fixed(epochs)
    }
}

/// As text a number, or `auto`.
impl std::fmt::Display for Epochs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(epochs) => epochs.fmt(f),
        }
    }
}

/// How much the photos of a rare class count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassWeight {
    /// Each photo counts once.
    #[default]
    None,
    /// By the root of what `Balanced` gives: between the two.
    Sqrt,
    /// Each class counts the same, however many photos it has.
    Balanced,
}

impl ClassWeight {
    /// The names, as they are read and written.
    pub const NAMES: [&str; 3] = ["none", "sqrt", "balanced"];

    /// The weight of a photo of each class, their mean over the photos being 1; none where all count once.
    #[must_use]
    pub fn of(self, counts: &[usize]) -> Option<Vec<f32>> {
        let power = match self {
            Self::None => return None,
            Self::Sqrt => 0.5,
            Self::Balanced => 1.0,
        };
        let weight = |&count: &usize| if count == 0 { 0.0 } else { (count as f64).powf(-power) };
        let photos: usize = counts.iter().sum();
        let sum: f64 = counts.iter().map(|count| *count as f64 * weight(count)).sum();
        let scale = if sum > 0.0 { photos as f64 / sum } else { 0.0 };
        Some(counts.iter().map(|count| (scale * weight(count)) as f32).collect())
    }
}

impl FromStr for ClassWeight {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "none" => Ok(Self::None),
            "sqrt" => Ok(Self::Sqrt),
            "balanced" => Ok(Self::Balanced),
            _ => Err(Error::Setting {
                what: "class weight",
                reason: format!("'{text}' is not one; use one of {}", Self::NAMES.join(", ")),
            }),
        }
    }
}

impl std::fmt::Display for ClassWeight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Sqrt => "sqrt",
            Self::Balanced => "balanced",
        })
    }
}

/// The optimizer that solves the head in one go, on all photos at once: no epochs, no learning rate, no dropout.
pub const LBFGS: &str = "lbfgs";

/// The names of all optimizers.
pub const OPTIMIZERS: [&str; 5] = ["adam", "adamw", "sgd", "rmsprop", LBFGS];

/// How a head is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOptions {
    /// Passes over the training photos. With early stopping, at most; where automatic then, ten times as many.
    pub epochs: Epochs,
    /// The learning rate at the start.
    pub learning_rate: f32,
    /// Whether the learning rate is found by a range test on the training photos instead; see
    /// [`find_rate`](crate::find_rate).
    pub find_rate: bool,
    /// Epochs over which the learning rate rises from next to nothing.
    pub warmup: u32,
    /// Photos in a step.
    pub batch: usize,
    /// The share of features that dropout sets to zero, in [0, 1).
    pub dropout: f32,
    /// One of [`OPTIMIZERS`].
    pub optimizer: String,
    /// How the learning rate changes.
    pub decay: Decay,
    /// The strength of the L2 penalty on the kernel: `l2 / 2` times the sum of its squares is added to the mean loss.
    /// None: chosen by folds of the training photos for [`LBFGS`] (see [`choose_l2`](crate::choose_l2)); for others one by
    /// the number of photos where the epochs are automatic, and 0 where they are not.
    pub l2: Option<f32>,
    /// The share of each label that is spread over all classes, in [0, 1).
    pub label_smoothing: f32,
    /// How much the photos of a rare class count.
    pub class_weight: ClassWeight,
    /// Epochs without a better one after which the training ends, the best one's head being kept. Which is best is told
    /// by the loss on a slice of the training photos (15 % of each class) that is then not learned from.
    pub early_stopping: Option<u32>,
    /// What the head's first weights, the order of photos and dropout are drawn from.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            epochs: Epochs::Auto,
            learning_rate: 1e-3,
            find_rate: false,
            warmup: 0,
            batch: 32,
            dropout: 0.2,
            optimizer: "adam".to_owned(),
            decay: Decay::Constant,
            l2: None,
            label_smoothing: 0.0,
            class_weight: ClassWeight::None,
            early_stopping: None,
            seed: 0,
        }
    }
}

impl TrainOptions {
    /// Whether the head is solved in one go.
    #[must_use]
    pub fn is_lbfgs(&self) -> bool {
        self.optimizer == LBFGS
    }

    /// What is wrong with them, before any work is done.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Autograd`] with the setting and what can be used.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
        if self.batch == 0 {
            return refuse("batch", "a step needs at least one photo");
        }
        if !(self.learning_rate >= 0.0 && self.learning_rate.is_finite()) {
            return refuse("learning rate", "use a number from 0 up, 0.001 for a start");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", "use a share from 0 up to, not including, 1");
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return refuse("label smoothing", "use a share from 0 up to, not including, 1");
        }
        if self.l2.is_some_and(|l2| !(l2 >= 0.0 && l2.is_finite())) {
            return refuse("l2", "use a number from 0 up, or leave it open");
        }
        if self.early_stopping == Some(0) {
            return refuse("early stopping", "use a patience of one epoch or more");
        }
        if !self.is_lbfgs() {
            icecap_autograd::optim::named(&self.optimizer).map_err(|_| Error::Setting {
                what: "optimizer",
                reason: format!("'{}' is not one; use one of {}", self.optimizer, OPTIMIZERS.join(", ")),
            })?;
        } else if self.early_stopping.is_some() || self.find_rate || self.warmup > 0 {
            return refuse(
                "optimizer",
                "lbfgs goes to the minimum by itself: it has no learning rate to find or warm up and no epoch to stop at",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_ten_or_three_hundred_steps() {
        let auto = |photos| Epochs::Auto.count(photos, 32);
        assert_eq!([0, 10, 32, 33, 245, 960, 961, 20_000].map(auto), [300, 300, 300, 150, 38, 10, 10, 10]);
        assert_eq!(Epochs::from(7).count(10, 32), 7);
    }

    #[test]
    fn class_weights_have_a_mean_of_one_over_the_photos() {
        assert_eq!(ClassWeight::None.of(&[1, 2]), None);
        let counts = [10, 90, 0, 400];
        for rule in [ClassWeight::Sqrt, ClassWeight::Balanced] {
            let weights = rule.of(&counts).unwrap();
            let sum: f32 = counts.iter().zip(&weights).map(|(&count, weight)| count as f32 * weight).sum();
            assert!((sum / 500.0 - 1.0).abs() < 1e-6 && weights[2] == 0.0, "{weights:?}");
            let ratio = weights[0] / weights[1];
            assert!((ratio - if rule == ClassWeight::Sqrt { 3.0 } else { 9.0 }).abs() < 1e-5, "{ratio}");
            assert_eq!(rule.to_string().parse::<ClassWeight>().unwrap(), rule);
        }
        assert!("heavy".parse::<ClassWeight>().is_err());
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let refused = |options: TrainOptions| options.check().unwrap_err().to_string();
        let default = TrainOptions::default;
        assert!(default().check().is_ok());
        assert!(refused(TrainOptions { l2: Some(-1.0), ..default() }).starts_with("l2: "));
        assert!(refused(TrainOptions { label_smoothing: 1.0, ..default() }).starts_with("label smoothing: "));
        assert!(
            refused(TrainOptions { early_stopping: Some(0), ..default() }).starts_with("early stopping: ")
        );
        assert!(refused(TrainOptions { optimizer: "x".into(), ..default() }).contains("adam, adamw"));
        assert!(refused(TrainOptions { optimizer: LBFGS.into(), warmup: 1, ..default() }).contains("lbfgs"));
    }

    #[test]
    fn a_schedule_is_read_as_it_is_written() {
        let step = |epochs, factor| Decay::Step { epochs, factor };
        for decay in [Decay::Constant, Decay::Cosine, step(3, 0.1), step(1, 1.0)] {
            assert_eq!(decay.to_string().parse::<Decay>().unwrap(), decay);
        }
        assert_eq!("step".parse::<Decay>().unwrap(), step(5, 0.5));
        assert_eq!("step:2".parse::<Decay>().unwrap(), step(2, 0.5));
        for wrong in
            ["", "linear", "cosine:3", "step:0", "step:2:0", "step:2:1.5", "step:2:nan", "step:2:0.5:1"]
        {
            assert!(wrong.parse::<Decay>().is_err(), "{wrong}");
        }
    }
}
