//! `train --unfreeze`: what is said of a fine-tuning, and kept of it.

use std::fmt::Write;

use icecap::Trained;
use icecap::learn::{Trial, TuneChoice, Tuning, Verdict};
use icecap::model::Precision;

use super::epoch_table::figure;
use super::options::Options;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::stderr::note;
use crate::terminal::table::table;
use crate::terminal::wording::{chance, counted, grouped};

/// What would fail only after the work, or cannot be meant.
pub(super) fn check(options: &Options) -> Result<(), Failure> {
    if options.training.tuning.unfreeze.is_none() {
        return Ok(());
    }
    let refuse = |message: &str| Err(Failure::new(Code::Arguments, message));
    if options.head_only {
        return refuse(
            "--head-only: a net that is tuned for its model is in no other file, so the model file needs it; leave \
             --head-only or --unfreeze out",
        );
    }
    if options.folds.is_some() {
        return refuse(
            "--folds: a tuned net is not judged by folds, each of which would be a fine-tuning of its own; leave --folds \
             or --unfreeze out",
        );
    }
    if options.backbone.runner.precision == Some(Precision::Int8) {
        return refuse(
            "--unfreeze: blocks learn in f32; leave --precision out, and then train on the tuned model with --weights \
             RUN/model.safetensors --precision int8",
        );
    }
    Ok(())
}

/// Returns what is about to be tried.
pub(super) fn plan(tuning: &Tuning) -> String {
    let norms = if tuning.freeze_norms { ", BatchNorm's scale and shift frozen" } else { "" };
    format!(
        "then        fine-tuning from {}, {}, at most {}, learning rate {:.2e}, {}{norms}\n",
        tuning.unfreeze,
        tuning.optimizer,
        counted(tuning.epochs as usize, "epoch"),
        tuning.rate,
        tuning.schedule
    )
}

/// Returns the trials, side by side, and what was made of them.
pub(super) fn choice(choice: &TuneChoice) -> String {
    let mut text = String::new();
    if !choice.trials.is_empty() {
        let _ = writeln!(
            text,
            "\ntrials      learned from {}, tried on {} others",
            counted(choice.learned, "training photo"),
            choice.held
        );
        let alone = vec![
            "   head alone".to_owned(),
            "-".to_owned(),
            figure(choice.head.loss),
            figure(choice.head.accuracy),
        ];
        let rows = choice.trials.iter().map(|trial| {
            let name = format!("   {}", trial.unfreeze);
            match judged(trial) {
                Some((epoch, metrics)) => {
                    vec![name, epoch.to_string(), figure(metrics.loss), figure(metrics.accuracy)]
                }
                None => vec![name, "-".to_owned(), "no number".to_owned(), "-".to_owned()],
            }
        });
        text +=
            &table(&["", "after epoch", "loss", "accuracy"], &[1, 2, 3], std::iter::once(alone).chain(rows));
        text += "\n";
    }
    text + &verdict(choice)
}

/// The epoch that a trial is judged by, and what it was.
fn judged(trial: &Trial) -> Option<(u32, icecap::judge::Metrics)> {
    let metrics = trial.slice.get((trial.judged as usize).checked_sub(1)?)?;
    Some((trial.judged, *metrics))
}

/// Returns what was made of the trials.
pub(super) fn verdict(choice: &TuneChoice) -> String {
    match choice.verdict {
        Verdict::Tuned { from, epochs, judged: true } => format!(
            "tuning      from {from}, {}: the photos held back do not speak against it; now from all photos\n",
            counted(epochs as usize, "epoch")
        ),
        Verdict::Tuned { from, epochs, .. } => format!(
            "tuning      from {from}, {}, as asked: there are too few photos to tell whether that is better than the head \
             alone\n",
            counted(epochs as usize, "epoch")
        ),
        Verdict::NoBetter => {
            "tuning      none: the photos held back say that it is worse than the head alone, which is kept\n".to_owned()
        }
        Verdict::TooFew => "tuning      none: with fewer than 50 photos a class, or groups too large to be held back, it cannot \
                            be told what is better, and the head alone is kept; --unfreeze block_16 tunes all the same\n"
            .to_owned(),
        Verdict::Diverged { epoch } => format!(
            "tuning      none: the loss was no number any more in epoch {epoch}, and the head alone is kept; a smaller \
             --tune-lr may help\n"
        ),
        _ => String::new(),
    }
}

/// Returns how the tuned net compares with the head alone; nothing if there is none.
pub(super) fn compared(trained: &Trained) -> String {
    let Some(tuned) = &trained.tuned else { return String::new() };
    let Verdict::Tuned { from, epochs, .. } = tuned.choice.verdict else { return verdict(&tuned.choice) };
    let mut text = format!(
        "tuned       from {from}, {}: {} values of the net have learned beside the head\n",
        counted(epochs as usize, "epoch"),
        grouped(tuned.trainable as u64)
    );
    if let (Some(paired), Some(kept)) = (&tuned.paired, trained.kept()) {
        let _ = writeln!(
            text,
            "            validation accuracy {:.4}, {:.4} by the head alone: {} won, {} lost (McNemar {})",
            kept.validation.accuracy,
            tuned.head_alone[0].accuracy,
            counted(paired.won.len(), "photo"),
            paired.lost.len(),
            chance(paired.p_value())
        );
    }
    text
}

/// Tells what a person should know of a fine-tuning beside how good it is.
pub(super) fn tell(trained: &Trained) {
    let Some(tuned) = &trained.tuned else { return };
    if let Some(warning) = &tuned.warning {
        note(&format!("warning: {warning}"));
    }
    if tuned.folded {
        note(
            "note: BatchNorm of these weights is folded into their kernels: kernels and biases have learned; there is no \
             scale that could",
        );
    }
}
