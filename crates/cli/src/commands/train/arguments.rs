//! The arguments of a training, as its run keeps them.

use std::path::Path;

use icecap::model::Preprocessing;
use icecap::{Backbone, Trained};
use icecap_report::kept;

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
        command: Some(format!("icecap {}", words.join(" "))),
        folder: options.folder.as_deref().map(text),
        features: options.features.iter().map(|path| text(path)).collect(),
        val: options.val.as_deref().map(text),
        root: options.dataset.listed.root.as_deref().map(text),
        extension: options.dataset.listed.extension.clone(),
        since: options.since.as_deref().map(text),
        exclude: options.dataset.excluded.exclude.as_deref().map(text),
        class_order: options.dataset.classes.as_deref().map(text),
        weights: Some(options.backbone.file().map_or("starter".to_owned(), |file| text(&file))),
        ema: options.backbone.averages.ema,
        max_pixels: options.input.limits().pixels,
        ..kept::arguments::photos(backbone, preprocessing)
    };
    let run = RunArguments {
        val_split: options.held_back(),
        folds: options.folds,
        group: options.group.clone(),
        augment: options.augment.augment.map(|augment| augment.to_string()),
        views: options.augment.count(),
        threshold: options.threshold.map(|wish| wish.to_string()),
        positive: options.positive.clone(),
        out: text(folder.path()),
        strict: options.strict,
        cache: !options.no_cache,
        head_only: options.head_only,
        ..kept::arguments::run(backbone)
    };
    Arguments { photos, training: kept::arguments::training(trained), typed: options.training.typed(), run }
}
