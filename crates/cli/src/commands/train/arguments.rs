//! The arguments of a training, as its run keeps them.

use std::path::Path;

use icecap::learn::Value;
use icecap::model::Preprocessing;
use icecap::{Backbone, Trained};

use super::options::Options;
use super::resume;
use crate::run::arguments::{Arguments, PhotoArguments, RunArguments};
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
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let words = resume::words(options);
    let words: Vec<_> = words.iter().map(|word| typed(word)).collect();
    let photos = PhotoArguments {
        version: env!("CARGO_PKG_VERSION"),
        command: format!("icecap {}", words.join(" ")),
        folder: options.folder.as_deref().map(text),
        features: options.features.iter().map(|path| text(path)).collect(),
        val: options.val.as_deref().map(text),
        root: options.dataset.listed.root.as_deref().map(text),
        extension: options.dataset.listed.extension.clone(),
        since: options.since.as_deref().map(text),
        exclude: options.dataset.excluded.exclude.as_deref().map(text),
        class_order: options.dataset.classes.as_deref().map(text),
        weights: options.backbone.file().map_or("starter".to_owned(), |file| text(&file)),
        ema: options.backbone.averages.ema,
        params_sha256: backbone.record().params_sha256.to_string(),
        scaling: backbone.record().to_metadata().remove("scaling").unwrap_or_default(),
        size: preprocessing.size(),
        resize: preprocessing.resize.mode.to_string(),
        exif: preprocessing.exif.to_string(),
        dct: preprocessing.dct.to_string(),
        max_pixels: options.input.limits().pixels,
    };
    let run = RunArguments {
        val_split: options.held_back(),
        folds: options.folds,
        group: options.group.clone(),
        augment: options.augment.augment.map(|augment| augment.to_string()),
        views: options.augment.count(),
        threshold: options.threshold.map(|wish| wish.to_string()),
        positive: options.positive.clone(),
        threads: backbone.threads().count(),
        isa: backbone.isa().name(),
        precision: backbone.precision().name(),
        out: text(folder.path()),
        strict: options.strict,
        cache: !options.no_cache,
        head_only: options.head_only,
    };
    Arguments { photos, training: training(trained), typed: options.training.typed(), run }
}

/// Returns the training options that were used: what was left open is settled.
fn training(trained: &Trained) -> Vec<(&'static str, Value)> {
    let options = &trained.settled.options;
    let typed = |(key, value)| match key {
        // A solver without epochs has gone through some all the same.
        "epochs" if options.steps().is_none() => (key, Value::Count(trained.history.len() as u64)),
        "learning_rate" => ("lr", value),
        "early_stopping" => ("early_stop", value),
        _ => (key, value),
    };
    options.describe().into_iter().map(typed).collect()
}
