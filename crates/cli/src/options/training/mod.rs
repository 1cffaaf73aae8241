//! The options of a training's head: what `icecap train` hands to the library.

pub(crate) mod values;

use clap::Args;
use clap::builder::PossibleValuesParser;
use icecap::{ClassWeight, Decay, Epochs, LBFGS, OPTIMIZERS, TrainOptions};

use crate::terminal::failure::{Code, Failure};

use values::{L2, Rate, epochs, l2, patience, rate, share};

/// How the head is trained.
#[derive(Args)]
pub(crate) struct TrainingOptions {
    /// Passes over the training photos; auto: 10, or as many as make 300 steps
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "auto", value_parser = epochs)]
    pub(crate) epochs: Epochs,
    /// Learning rate; find: by a range test on the training photos
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, default_value = "1e-3", value_parser = rate)]
    pub(crate) lr: Rate,
    /// Epochs over which the learning rate rises to its value
    #[arg(long, value_name = "EPOCHS", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) warmup: u32,
    /// Photos in a step
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Share of the features that dropout sets to zero in training
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.2, value_parser = share)]
    pub(crate) dropout: f64,
    /// Optimizer; lbfgs solves the head in one go, without epochs, steps, learning rate and dropout
    #[arg(long, value_name = "NAME", default_value = "adam", value_parser = PossibleValuesParser::new(OPTIMIZERS))]
    pub(crate) optimizer: String,
    /// Strength of the L2 penalty on the head's weights; auto: by folds of the training photos for lbfgs, 1 / photos for
    /// others where --epochs is auto, else none
    #[arg(long, value_name = "L2", allow_negative_numbers = true, default_value = "auto", value_parser = l2)]
    pub(crate) l2: L2,
    /// Share of each label that is spread over all classes
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.0, value_parser = share)]
    pub(crate) label_smoothing: f64,
    /// How much photos of rare classes count: none (as all others), balanced (each class alike) or sqrt (between these)
    #[arg(long, value_name = "RULE", default_value = "none")]
    pub(crate) class_weight: ClassWeight,
    /// Stop after so many epochs that are no better [default: 5], and keep the best one: by the loss on a slice of the
    /// training photos
    #[arg(long, value_name = "PATIENCE", allow_negative_numbers = true, num_args = 0..=1, default_missing_value = "5", value_parser = patience)]
    pub(crate) early_stop: Option<u32>,
    /// Learning rate over the epochs: constant, cosine, step, step:EPOCHS or step:EPOCHS:FACTOR
    #[arg(long, value_name = "RULE", default_value = "constant")]
    pub(crate) schedule: Decay,
    /// What the split, the first weights, the order of the photos and dropout are drawn from
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=i64::MAX as u64))]
    pub(crate) seed: u64,
}

impl TrainingOptions {
    /// Returns the options as the library takes them.
    pub(crate) fn options(&self) -> TrainOptions {
        TrainOptions {
            epochs: self.epochs,
            learning_rate: if let Rate::Fixed(rate) = self.lr { rate as f32 } else { 0.0 },
            find_rate: self.lr == Rate::Find,
            warmup: self.warmup,
            batch: self.batch as usize,
            dropout: self.dropout as f32,
            optimizer: self.optimizer.clone(),
            decay: self.schedule,
            l2: if let L2::Fixed(l2) = self.l2 { Some(l2 as f32) } else { None },
            label_smoothing: self.label_smoothing as f32,
            class_weight: self.class_weight,
            early_stopping: self.early_stop,
            seed: self.seed,
        }
    }

    /// Refuses what would change nothing, which is not what somebody meant who typed it.
    pub(crate) fn refuse_idle(&self) -> Result<(), Failure> {
        let (given, default) = (self.options(), TrainOptions::default());
        let of_steps = [
            ("--epochs", given.epochs != default.epochs),
            ("--lr", given.learning_rate != default.learning_rate),
            ("--batch", given.batch != default.batch),
            ("--dropout", given.dropout != default.dropout),
            ("--schedule", given.decay != default.decay),
        ];
        match of_steps.into_iter().find(|(_, given)| *given && self.optimizer == LBFGS) {
            None => Ok(()),
            Some((option, _)) => Err(Failure::new(
                Code::Arguments,
                format!(
                    "{option}: --optimizer {LBFGS} has no use for it: it solves the head in one go, on all photos at \
                     once; leave it off, or take another optimizer"
                ),
            )),
        }
    }
}
