//! What a training says of its own arguments; what else was asked for, its caller adds.

use icecap::learn::Value;
use icecap::model::Preprocessing;
use icecap::{Backbone, Trained};

use crate::run::arguments::{PhotoArguments, RunArguments};

/// Returns what the net and its input say of the photos.
#[must_use]
pub fn photos(backbone: &Backbone, preprocessing: &Preprocessing) -> PhotoArguments {
    PhotoArguments {
        version: env!("CARGO_PKG_VERSION"),
        params_sha256: backbone.record().params_sha256.to_string(),
        scaling: backbone.record().to_metadata().remove("scaling").unwrap_or_default(),
        size: preprocessing.size(),
        resize: preprocessing.resize.mode.to_string(),
        exif: preprocessing.exif.to_string(),
        dct: preprocessing.dct.to_string(),
        max_pixels: backbone.limits().pixels,
        ..PhotoArguments::default()
    }
}

/// Returns what the net says of the run.
#[must_use]
pub fn run(backbone: &Backbone) -> RunArguments {
    RunArguments {
        threads: backbone.threads().count(),
        isa: backbone.isa().name(),
        precision: backbone.precision().name(),
        ..RunArguments::default()
    }
}

/// Returns the training options that were used: what was left open is settled.
#[must_use]
pub fn training(trained: &Trained) -> Vec<(&'static str, Value)> {
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
