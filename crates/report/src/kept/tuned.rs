//! What a run keeps of a fine-tuning.

use icecap::Trained;
use icecap::advanced::data::Part;
use icecap::learn::{FineTuned, Trial, Verdict};

use crate::run::photo_names::PhotoNames;
use crate::run::tuned::{MovedRow, PairedRows, TrialRow, Tuned};

/// Returns what a run keeps of the fine-tuning of `trained`, whose photos have these `names`; `None` if there was none.
#[must_use]
pub fn tuned(trained: &Trained, names: &PhotoNames) -> Option<Tuned> {
    let tuned: &FineTuned = trained.tuned.as_ref()?;
    let choice = &tuned.choice;
    let path = |photo: &usize| names.name(Part::Val, &trained.val_set.samples[*photo].path);
    let (outcome, from, epochs, judged) = match choice.verdict {
        Verdict::Tuned { from, epochs, judged } => ("tuned", Some(from.to_string()), epochs, judged),
        Verdict::NoBetter => ("no better", None, 0, true),
        Verdict::TooFew => ("too few photos", None, 0, false),
        Verdict::Diverged { .. } => ("diverged", None, 0, !choice.trials.is_empty()),
        _ => ("", None, 0, false),
    };
    let trial = |trial: &Trial| TrialRow {
        from: trial.unfreeze.to_string(),
        judged: trial.judged,
        loss: trial.slice.iter().map(|metrics| Some(metrics.loss.into())).collect(),
        accuracy: trial.slice.iter().map(|metrics| Some(metrics.accuracy.into())).collect(),
    };
    let [validation, test] = tuned.head_alone;
    Some(Tuned {
        outcome: outcome.to_owned(),
        from,
        epochs,
        judged,
        first_epoch: tuned.first as u32 + 1,
        learned: choice.learned as u64,
        held: choice.held as u64,
        head_loss: Some(choice.head.loss.into()),
        head_accuracy: Some(choice.head.accuracy.into()),
        trials: choice.trials.iter().map(trial).collect(),
        head_val_loss: Some(validation.loss.into()),
        head_val_accuracy: Some(validation.accuracy.into()),
        head_test_accuracy: Some(test.accuracy.into()),
        paired: tuned.paired.as_ref().map(|paired| PairedRows {
            photos: paired.photos as u64,
            p_value: Some(paired.p_value()),
            won: paired.won.iter().map(path).collect(),
            lost: paired.lost.iter().map(path).collect(),
        }),
        trainable: tuned.trainable as u64,
        moved: (tuned.moved.iter())
            .map(|moved| MovedRow { tensor: moved.name.clone(), relative: Some(moved.relative) })
            .collect(),
    })
}
