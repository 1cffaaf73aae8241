//! The options of a training's head: what `icecap train` hands to the library.

mod tuning;
mod values;

use clap::Args;
use clap::builder::PossibleValuesParser;
use icecap::TrainOptions;
use icecap::learn::{ClassWeight, Decay, Epochs, Rate, Solver, Steps};

use crate::terminal::failure::{Code, Failure};

use tuning::TuningOptions;
pub(crate) use tuning::block;
use values::{Typed, epochs, l2, patience, rate, share};

/// How the head is trained.
#[derive(Args, Clone)]
pub(crate) struct TrainingOptions {
    /// Passes over the training photos; auto: 10, or as many as make 300 steps, and on several views as many as folds ask for
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "auto", value_parser = epochs)]
    epochs: Epochs,
    /// Learning rate; find: by a range test and folds of the training photos
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, default_value = "1e-3", value_parser = rate)]
    lr: Typed,
    /// Epochs over which the learning rate rises to its value
    #[arg(long, value_name = "EPOCHS", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) warmup: u32,
    /// Photos in a step
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Units of a hidden dense layer with a ReLU between the features and the classes [default: none]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = crate::options::count::hidden_units)]
    pub(crate) hidden: Option<u32>,
    /// Share of the features, or of what leaves the hidden layer, that dropout sets to zero in training
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.2, value_parser = share)]
    dropout: f64,
    /// Optimizer; lbfgs solves the head in one go, without epochs, steps, learning rate and dropout
    #[arg(long, value_name = "NAME", default_value = "adam", value_parser = PossibleValuesParser::new(Solver::NAMES))]
    optimizer: String,
    /// Strength of the L2 penalty on the head's weights; auto: by folds of the training photos for lbfgs, 1 / photos for
    /// others where --epochs is auto, else none
    #[arg(long, value_name = "L2", allow_negative_numbers = true, default_value = "auto", value_parser = l2)]
    l2: Typed,
    /// Share of each label that is spread over all classes
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, default_value_t = 0.0, value_parser = share)]
    label_smoothing: f64,
    /// How much photos of rare classes count: none (as all others), balanced (each class alike) or sqrt (between these)
    #[arg(long, value_name = "RULE", default_value = "none")]
    pub(crate) class_weight: ClassWeight,
    /// Stop after so many epochs that are no better [default: 5], and keep the best one: by the loss on a slice of the
    /// training photos
    #[arg(long, value_name = "PATIENCE", allow_negative_numbers = true, num_args = 0..=1, default_missing_value = "5", value_parser = patience)]
    early_stop: Option<u32>,
    /// Learning rate over the epochs: constant, cosine, step, step:EPOCHS or step:EPOCHS:FACTOR
    #[arg(long, value_name = "RULE", default_value = "constant")]
    pub(crate) schedule: Decay,
    /// What the split, the first weights, the order of the photos and dropout are drawn from
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=i64::MAX as u64))]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) tuning: TuningOptions,
    /// Whether options of steps are meant for other optimizers that are tried, and passed over here if there are no steps.
    #[arg(skip)]
    pub(crate) beside_steps: bool,
}

impl TrainingOptions {
    /// Returns the options as the library takes them.
    ///
    /// What would change nothing is refused: it is not what somebody meant who typed it.
    pub(crate) fn options(&self) -> Result<TrainOptions, Failure> {
        let given = Steps {
            epochs: self.epochs,
            rate: self.lr.number().map_or(Rate::Find, |rate| Rate::Fixed(rate as f32)),
            warmup: self.warmup,
            batch: self.batch as usize,
            dropout: self.dropout as f32,
            hidden: self.hidden,
            schedule: self.schedule,
            early_stopping: self.early_stop,
            ..Steps::default()
        };
        let l2 = self.l2.number().map(|l2| l2 as f32);
        let solver = match self.optimizer.parse()? {
            Solver::Steps(Steps { optimizer, .. }) => Solver::Steps(Steps { optimizer, l2, ..given }),
            Solver::Lbfgs { .. } => {
                if !self.beside_steps {
                    refuse_idle(&given)?;
                }
                Solver::Lbfgs { l2 }
            }
            other => other,
        };
        let options = TrainOptions {
            solver,
            label_smoothing: self.label_smoothing as f32,
            class_weight: self.class_weight,
            seed: self.seed,
            tuning: self.tuning.options()?,
        };
        options.check()?;
        Ok(options)
    }

    /// Returns the numbers that were typed, with all their digits, by their names in a run's `args.toml`. One that is left
    /// to the photos is not among them.
    pub(crate) fn typed(&self) -> Vec<(&'static str, f64)> {
        let numbers = [
            ("lr", self.lr.number()),
            ("l2", self.l2.number()),
            ("dropout", Some(self.dropout)),
            ("label_smoothing", Some(self.label_smoothing)),
        ];
        let head = numbers.into_iter().filter_map(|(name, number)| Some((name, number?)));
        head.chain(self.tuning.typed()).collect()
    }
}

/// Refuses settings of steps beside a solver that takes none.
fn refuse_idle(given: &Steps) -> Result<(), Failure> {
    let default = Steps::default();
    let idle = [
        (
            "--early-stop",
            given.early_stopping.is_some(),
            "no epoch to stop at: it goes to the minimum by itself",
        ),
        ("--lr find", given.rate == Rate::Find, "no learning rate to find: it goes to the minimum by itself"),
        ("--warmup", given.warmup > 0, "no learning rate to warm up: it goes to the minimum by itself"),
        ("--epochs", given.epochs != default.epochs, SOLVES),
        ("--lr", given.rate != default.rate, SOLVES),
        ("--batch", given.batch != default.batch, SOLVES),
        ("--dropout", given.dropout != default.dropout, SOLVES),
        ("--hidden", given.hidden != default.hidden, "one dense layer to solve"),
        ("--schedule", given.schedule != default.schedule, SOLVES),
    ];
    match idle.into_iter().find(|(_, given, _)| *given) {
        None => Ok(()),
        Some((option, _, reason)) => Err(Failure::new(
            Code::Arguments,
            format!("{option}: --optimizer lbfgs has {reason}; leave it off, or take another optimizer"),
        )),
    }
}

/// Why a solver in one go needs no settings of steps.
const SOLVES: &str = "no use for it: it solves the head in one go, on all photos at once";
