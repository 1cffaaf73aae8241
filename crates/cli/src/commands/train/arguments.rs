//! The arguments of a training, as its run keeps them.

use std::path::Path;

use icecap::{Backbone, Epochs, Preprocessing, Trained};

use super::options::Options;
use super::resume;
use crate::options::training::values::{L2, Rate};
use crate::run::arguments::Arguments;
use crate::run::folder::RunFolder;
use crate::terminal::wording::typed;

/// Returns what `args.toml` says of a training.
pub(super) fn arguments(
    options: &Options,
    backbone: &Backbone,
    preprocessing: &Preprocessing,
    folder: &RunFolder,
    trained: &Trained,
) -> Arguments {
    let used = &trained.settled.options;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let words = resume::words(options);
    let words: Vec<_> = words.iter().map(|word| typed(word)).collect();
    Arguments {
        version: env!("CARGO_PKG_VERSION"),
        command: format!("icecap {}", words.join(" ")),
        folder: text(options.folder()),
        val: options.val.as_deref().map(text),
        exclude: options.dataset.excluded.exclude.as_deref().map(text),
        class_order: options.dataset.classes.as_deref().map(text),
        weights: options.backbone.file().map_or("starter".to_owned(), |file| text(&file)),
        params_sha256: backbone.record().params_sha256.to_string(),
        scaling: backbone.record().to_metadata().remove("scaling").unwrap_or_default(),
        size: preprocessing.size(),
        resize: preprocessing.resize.mode.to_string(),
        exif: preprocessing.exif.to_string(),
        epochs: match used.epochs {
            Epochs::Fixed(epochs) if !used.is_lbfgs() => epochs,
            _ => trained.history.len() as u32,
        },
        lr: if let Rate::Fixed(rate) = options.training.lr { rate } else { shortest(used.learning_rate) },
        l2: if let L2::Fixed(l2) = options.training.l2 { l2 } else { shortest(used.l2.unwrap_or(0.0)) },
        batch: options.training.batch,
        dropout: options.training.dropout,
        optimizer: options.training.optimizer.clone(),
        schedule: options.training.schedule.to_string(),
        warmup: options.training.warmup,
        label_smoothing: options.training.label_smoothing,
        class_weight: options.training.class_weight.to_string(),
        early_stop: options.training.early_stop,
        seed: options.training.seed,
        val_split: options.val_split,
        folds: options.folds,
        group: options.group.clone(),
        augment: options.augment.augment.map(|augment| augment.to_string()),
        views: options.augment.count(),
        threads: backbone.threads().count(),
        isa: backbone.isa().name(),
        out: text(folder.path()),
        strict: options.strict,
        cache: !options.no_cache,
        head_only: options.head_only,
    }
}

/// Returns the number of the fewest digits that is `value` as an f32: 0.001, not 0.0010000000474974513.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
