//! The options of a fine-tuning: what of the net learns after the head, and how.

use clap::Args;
use clap::builder::PossibleValuesParser;
use icecap::learn::{Decay, Optimizer, Tuning, Unfreeze};

use super::values::{Typed, patience, tuned_epochs, tuned_rate, warmup};
use crate::terminal::failure::Failure;

/// How the last blocks of the net learn.
#[derive(Args, Clone)]
pub(crate) struct TuningOptions {
    /// Fine-tuning: after the head, the net learns too, from this block on: block_16 (the last) to block_1, or auto
    ///
    /// Head and blocks go on together with a small learning rate; BatchNorm's statistics stay as they are. A fifth of the
    /// training photos is held back first, and head alone and tuned net are tried on it: the head alone is kept where these
    /// photos speak against the net. `auto` tries block_16, block_15, block_14 and block_13 so. Also: Conv_1 (the last convolution alone),
    /// expanded_conv (the first block), all
    #[arg(long, value_name = "BLOCK", value_parser = unfreeze)]
    pub(crate) unfreeze: Option<Unfreeze>,
    /// Passes over the training photos in fine-tuning, at most
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 5, requires = "unfreeze", value_parser = tuned_epochs)]
    tune_epochs: u32,
    /// Learning rate of fine-tuning, at its height
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, default_value = "1e-4", requires = "unfreeze", value_parser = tuned_rate)]
    tune_lr: Typed,
    /// Optimizer of fine-tuning; adamw has weight decay
    #[arg(long, value_name = "NAME", default_value = "adam", requires = "unfreeze", hide_short_help = true, value_parser = PossibleValuesParser::new(Optimizer::ALL.map(Optimizer::name)))]
    tune_optimizer: String,
    /// Learning rate over the epochs of fine-tuning: as --schedule
    #[arg(
        long,
        value_name = "RULE",
        default_value = "cosine",
        requires = "unfreeze",
        hide_short_help = true
    )]
    tune_schedule: Decay,
    /// Epochs of fine-tuning over which the learning rate rises to its height; 0.5 is half an epoch
    #[arg(long, value_name = "EPOCHS", allow_negative_numbers = true, default_value_t = 0.5, requires = "unfreeze", hide_short_help = true, value_parser = warmup)]
    tune_warmup: f64,
    /// Photos in a step of fine-tuning
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, requires = "unfreeze", hide_short_help = true, value_parser = clap::value_parser!(u32).range(1..=1024))]
    tune_batch: u32,
    /// End a trial after so many epochs that are no better on the photos held back [default: 2]
    #[arg(long, value_name = "PATIENCE", allow_negative_numbers = true, num_args = 0..=1, default_missing_value = "2", requires = "unfreeze", hide_short_help = true, value_parser = patience)]
    tune_early_stop: Option<u32>,
    /// Leave BatchNorm's scale and shift as they are in fine-tuning: kernels alone learn
    #[arg(long, requires = "unfreeze", hide_short_help = true)]
    freeze_norm: bool,
}

impl TuningOptions {
    /// Returns the options as the library takes them; `None` if nothing is to be tuned.
    pub(crate) fn options(&self) -> Result<Option<Tuning>, Failure> {
        let Some(unfreeze) = self.unfreeze else { return Ok(None) };
        Ok(Some(Tuning {
            unfreeze,
            epochs: self.tune_epochs,
            rate: self.tune_lr.number().unwrap_or_default() as f32,
            optimizer: self.tune_optimizer.parse()?,
            schedule: self.tune_schedule,
            warmup: self.tune_warmup as f32,
            batch: self.tune_batch as usize,
            early_stopping: self.tune_early_stop,
            freeze_norms: self.freeze_norm,
        }))
    }

    /// Returns the numbers that were typed, with all their digits, by their names in a run's `args.toml`.
    pub(crate) fn typed(&self) -> Vec<(&'static str, f64)> {
        let numbers = [("tune_lr", self.tune_lr.number()), ("tune_warmup", Some(self.tune_warmup))];
        numbers.into_iter().filter_map(|(name, number)| Some((name, number?))).collect()
    }
}

fn unfreeze(text: &str) -> Result<Unfreeze, String> {
    text.parse().map_err(|error: icecap::Error| match error {
        icecap::Error::Setting { reason, .. } => reason,
        other => other.to_string(),
    })
}

/// Reads what learns where nothing is chosen.
pub(crate) fn block(text: &str) -> Result<Unfreeze, String> {
    match unfreeze(text)? {
        Unfreeze::Auto => Err("auto is chosen by photos; name a block, block_16 for a start".to_owned()),
        part => Ok(part),
    }
}
