//! How the last blocks of a net learn, once its head has.
//!
//! The head is trained first, on features of the frozen net. Then head and blocks go on together, with an optimizer whose
//! memory is new and a rate that is small: what the blocks know is worth more than what a few hundred photos say of it.
//! BatchNorm's statistics stay as they are throughout.

use icecap_graph::Tap;

use crate::error::Error;
use crate::learn::decay::Decay;
use crate::learn::optimizer::Optimizer;
use crate::learn::unfreeze::Unfreeze;
use crate::learn::value::{Texts, Value};

/// The most photos of a step: what the blocks from 13 on keep of so many for the way back is about a gigabyte at 160 pixels.
const MOST_PHOTOS: usize = 1024;
/// More epochs than anybody waits for.
const MOST_EPOCHS: u32 = 10_000;

/// How the last blocks of the net learn after the head.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// What learns beside the head.
    pub unfreeze: Unfreeze,
    /// Passes over the training photos, over which the schedule goes; early stopping alone makes fewer.
    pub epochs: u32,
    /// The learning rate at the height of the schedule, the head's included.
    pub rate: f32,
    /// The optimizer of blocks and head.
    pub optimizer: Optimizer,
    /// How the learning rate changes over the epochs.
    pub schedule: Decay,
    /// Epochs over which the learning rate rises from next to nothing; half a one is usual.
    pub warmup: f32,
    /// How many photos a step is made from.
    pub batch: usize,
    /// Epochs without a better one, by the slice, after which a trial ends; `None` to go through all.
    pub early_stopping: Option<u32>,
    /// Whether BatchNorm's scale and shift stay as they are, too, and kernels alone learn.
    pub freeze_norms: bool,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            unfreeze: Unfreeze::Auto,
            epochs: 5,
            rate: 1e-4,
            optimizer: Optimizer::Adam,
            schedule: Decay::Cosine,
            warmup: 0.5,
            batch: 32,
            early_stopping: None,
            freeze_norms: false,
        }
    }
}

impl From<Unfreeze> for Tuning {
    fn from(unfreeze: Unfreeze) -> Self {
        Self { unfreeze, ..Self::default() }
    }
}

impl Tuning {
    /// The tap at which values enter the first block that any candidate has learn.
    pub(crate) fn deepest(&self) -> Option<Tap> {
        self.unfreeze.candidates().iter().filter_map(|candidate| candidate.tap()).min()
    }

    /// Lists the settings by name.
    pub(crate) fn describe(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("unfreeze", Value::Text(self.unfreeze.to_string())),
            ("tune_epochs", Value::Count(self.epochs.into())),
            ("tune_lr", Value::Number(self.rate)),
            ("tune_optimizer", Value::Text(self.optimizer.to_string())),
            ("tune_schedule", Value::Text(self.schedule.to_string())),
            ("tune_warmup", Value::Number(self.warmup)),
            ("tune_batch", Value::Count(self.batch as u64)),
            ("tune_early_stop", self.early_stopping.map_or(Value::Off, |epochs| Value::Count(epochs.into()))),
            ("tune_norms", Value::Text(if self.freeze_norms { "frozen" } else { "trained" }.to_owned())),
        ]
    }

    /// Reads the settings that [`Tuning::describe`] lists; `None` if nothing is said of what learns, else what is missing
    /// has its default.
    pub(crate) fn read(texts: &Texts<'_>) -> Result<Option<Self>, Error> {
        let Some(unfreeze) = texts.value("unfreeze", str::parse)? else { return Ok(None) };
        let default = Self::default();
        let norms = |text: &str| match text {
            "frozen" => Ok(true),
            "trained" => Ok(false),
            _ => Err(()),
        };
        Ok(Some(Self {
            unfreeze,
            epochs: texts.value("tune_epochs", str::parse)?.unwrap_or(default.epochs),
            rate: texts.value("tune_lr", str::parse)?.unwrap_or(default.rate),
            optimizer: texts.value("tune_optimizer", str::parse)?.unwrap_or(default.optimizer),
            schedule: texts.value("tune_schedule", str::parse)?.unwrap_or(default.schedule),
            warmup: texts.value("tune_warmup", str::parse)?.unwrap_or(default.warmup),
            batch: texts.value("tune_batch", str::parse)?.unwrap_or(default.batch),
            early_stopping: texts.open("tune_early_stop", "none")?.flatten(),
            freeze_norms: texts.value("tune_norms", norms)?.unwrap_or(default.freeze_norms),
        }))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |what, reason: &str| Err(Error::Setting { what, reason: reason.to_owned() });
        if !(1..=MOST_EPOCHS).contains(&self.epochs) {
            return refuse("tuning epochs", "use 1 to 10000, 5 for a start");
        }
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return refuse("tuning learning rate", "use a number above 0, 1e-4 for a start");
        }
        if !(self.warmup >= 0.0 && self.warmup.is_finite()) {
            return refuse("tuning warm-up", "use a number of epochs from 0 up, 0.5 for a start");
        }
        if !(1..=MOST_PHOTOS).contains(&self.batch) {
            return refuse("tuning batch", "use 1 to 1024 photos, 32 for a start");
        }
        if self.early_stopping == Some(0) {
            return refuse("tuning early stopping", "use a patience of one epoch or more");
        }
        Ok(())
    }
}

#[cfg(test)]
impl Tuning {
    /// Settings drawn at random, whatever can be said among them.
    pub(crate) fn drawn(draw: &mut icecap_kernels::rng::Stream) -> Self {
        let unfreeze = [
            Unfreeze::Auto,
            Unfreeze::All,
            Unfreeze::Block(draw.below(17) as usize),
            Unfreeze::LastConvolution,
        ];
        Self {
            unfreeze: unfreeze[draw.below(4) as usize],
            epochs: 1 + draw.below(100),
            rate: f32::MIN_POSITIVE + draw.uniform(),
            optimizer: Optimizer::ALL[draw.below(4) as usize],
            schedule: [Decay::Constant, Decay::Cosine, Decay::Step { epochs: 2, factor: 0.25 }]
                [draw.below(3) as usize],
            warmup: draw.uniform(),
            batch: 1 + draw.below(100) as usize,
            early_stopping: (draw.below(2) == 1).then(|| 1 + draw.below(9)),
            freeze_norms: draw.below(2) == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let refused = |tuning: Tuning| tuning.check().unwrap_err().to_string();
        assert!(Tuning::default().check().is_ok());
        let of = Tuning::default;
        for (tuning, named) in [
            (Tuning { epochs: 0, ..of() }, "tuning epochs: "),
            (Tuning { rate: 0.0, ..of() }, "tuning learning rate: "),
            (Tuning { rate: f32::NAN, ..of() }, "tuning learning rate: "),
            (Tuning { warmup: -0.5, ..of() }, "tuning warm-up: "),
            (Tuning { batch: 0, ..of() }, "tuning batch: "),
            (Tuning { batch: 1025, ..of() }, "tuning batch: "),
            (Tuning { early_stopping: Some(0), ..of() }, "tuning early stopping: "),
        ] {
            let error = refused(tuning);
            assert!(error.starts_with(named), "{error}");
        }
    }
}
