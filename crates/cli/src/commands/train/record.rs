//! What a run leaves beside its model: metrics for people's plots and for programs, and its arguments.

use std::path::Path;

use icecap::data::{Part, csv_record};
use icecap::{
    Backbone, Bin, CrossValidation, Dataset, Epoch, Fold, Preprocessing, SkippedPhoto, Trained, Value,
};
use serde::Serialize;

use super::options::Options;
use super::resume;
use super::since::Comparison;
use crate::photos::skipped;
use crate::run::folder::RunFolder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::typed;

/// Seconds by phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Seconds {
    pub(super) scan: f64,
    pub(super) weights: f64,
    pub(super) features: f64,
    pub(super) head: f64,
    /// Cross-validation, and fitting the temperature.
    pub(super) folds: f64,
    pub(super) save: f64,
    pub(super) total: f64,
}

/// `metrics.json`.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    version: &'static str,
    model: String,
    classes: Vec<Class<'a>>,
    /// On the validation photos before training.
    loss_0: f32,
    accuracy_0: f32,
    /// After the last epoch, dropout off.
    train_loss: Option<f32>,
    train_accuracy: Option<f32>,
    val_loss: Option<f32>,
    val_accuracy: Option<f32>,
    test_loss: Option<f32>,
    test_accuracy: Option<f32>,
    /// Of the probabilities that the model gives, its temperature included: what `evaluate` tells.
    val_loss_calibrated: Option<f32>,
    /// The 95 % interval of the validation accuracy.
    val_interval: Option<[f64; 2]>,
    /// Of the nearest class centroid on the validation photos.
    centroid_accuracy: Option<f32>,
    balanced_accuracy: Option<f64>,
    temperature: f32,
    /// The expected calibration error on the validation photos, with the temperature and without.
    ece: Option<f64>,
    ece_uncalibrated: Option<f64>,
    reliability: Vec<Range>,
    folds: Option<Folds>,
    /// The epoch whose head was kept.
    epochs_chosen: usize,
    l2_chosen: f32,
    learning_rate_chosen: f32,
    seconds: Seconds,
    photos: Photos,
    skipped: usize,
    skipped_photos: Vec<Skipped<'a>>,
    history: Vec<Row>,
    /// Beside an earlier run's model, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'a Comparison>,
}

#[derive(Serialize)]
struct Class<'a> {
    name: &'a str,
    train: usize,
    val: usize,
    test: usize,
}

/// Validation predictions of one range of confidence.
#[derive(Serialize)]
struct Range {
    from: f64,
    to: f64,
    photos: usize,
    confidence: f64,
    accuracy: f64,
}

/// What cross-validation on the training photos says.
#[derive(Serialize)]
struct Folds {
    accuracy: f64,
    spread: f64,
    centroid_accuracy: f64,
    each: Vec<OneFold>,
}

#[derive(Serialize)]
struct OneFold {
    photos: usize,
    loss: f32,
    accuracy: f32,
    centroid_accuracy: f32,
    l2: f32,
}

impl Folds {
    fn new(folds: &CrossValidation) -> Self {
        let one = |fold: &Fold| OneFold {
            photos: fold.photos,
            loss: fold.metrics.loss,
            accuracy: fold.metrics.accuracy,
            centroid_accuracy: fold.centroid_accuracy,
            l2: fold.l2,
        };
        Self {
            accuracy: folds.accuracy(),
            spread: folds.spread(),
            centroid_accuracy: folds.centroid_accuracy(),
            each: folds.folds.iter().map(one).collect(),
        }
    }
}

#[derive(Serialize)]
struct Photos {
    read: usize,
    cached: usize,
    skipped: usize,
}

#[derive(Serialize)]
struct Skipped<'a> {
    path: String,
    reason: &'a str,
}

/// An epoch, in `metrics.json` and as a line of `metrics.csv`.
#[derive(Serialize)]
struct Row {
    epoch: u32,
    learning_rate: f32,
    running_loss: f32,
    running_accuracy: f32,
    train_loss: f32,
    train_accuracy: f32,
    val_loss: f32,
    val_accuracy: f32,
}

const COLUMNS: [&str; 8] = [
    "epoch",
    "learning_rate",
    "running_loss",
    "running_accuracy",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
];

impl Row {
    fn new(epoch: &Epoch) -> Self {
        Self {
            epoch: epoch.epoch,
            learning_rate: epoch.learning_rate,
            running_loss: epoch.running.loss,
            running_accuracy: epoch.running.accuracy,
            train_loss: epoch.train.loss,
            train_accuracy: epoch.train.accuracy,
            val_loss: epoch.validation.loss,
            val_accuracy: epoch.validation.accuracy,
        }
    }
}

/// `metrics.csv`: a line for each epoch.
pub(super) fn csv(history: &[Epoch]) -> String {
    let mut text = csv_record(COLUMNS);
    for row in history.iter().map(Row::new) {
        let values = [
            row.learning_rate,
            row.running_loss,
            row.running_accuracy,
            row.train_loss,
            row.train_accuracy,
            row.val_loss,
            row.val_accuracy,
        ];
        // A run without validation photos has nothing to say of them.
        let values =
            values.iter().map(|value| if value.is_nan() { String::new() } else { value.to_string() });
        text += &csv_record(std::iter::once(row.epoch.to_string()).chain(values));
    }
    text
}

impl<'a> Record<'a> {
    pub(super) fn new(dataset: &'a Dataset, trained: &'a Trained, seconds: Seconds, model: &Path) -> Self {
        let last = trained.kept();
        let validation = trained.validation.as_ref();
        let range = |bin: &Bin| Range {
            from: bin.range[0],
            to: bin.range[1],
            photos: bin.photos,
            confidence: bin.confidence,
            accuracy: bin.accuracy,
        };
        let [train, val, test] = [Part::Train, Part::Val, Part::Test].map(|part| dataset.counts(part));
        let class = |(index, name)| Class { name, train: train[index], val: val[index], test: test[index] };
        // What has no steps is recorded with their defaults.
        let steps = trained.settled.options.steps().cloned().unwrap_or_default();
        let photos = &trained.photos;
        let skipped = |photo: &'a SkippedPhoto| Skipped {
            path: photo.path.to_string_lossy().into_owned(),
            reason: skipped::bare(photo),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model: model.to_string_lossy().into_owned(),
            classes: dataset.classes.iter().map(String::as_str).enumerate().map(class).collect(),
            loss_0: trained.before.loss,
            accuracy_0: trained.before.accuracy,
            train_loss: last.map(|epoch| epoch.train.loss),
            train_accuracy: last.map(|epoch| epoch.train.accuracy),
            val_loss: last.map(|epoch| epoch.validation.loss),
            val_accuracy: last.map(|epoch| epoch.validation.accuracy),
            test_loss: trained.test.map(|test| test.loss),
            test_accuracy: trained.test.map(|test| test.accuracy),
            val_loss_calibrated: validation.map(|of| of.loss),
            val_interval: validation.map(|of| of.interval),
            centroid_accuracy: validation.map(|of| of.centroid_accuracy),
            balanced_accuracy: validation.map(|of| of.balanced_accuracy),
            temperature: trained.calibration.temperature,
            ece: validation.map(|of| of.calibrated.ece),
            ece_uncalibrated: validation.map(|of| of.uncalibrated.ece),
            reliability: validation.map_or(Vec::new(), |of| of.calibrated.bins.iter().map(range).collect()),
            folds: trained.folds.as_ref().map(Folds::new),
            epochs_chosen: trained.kept + 1,
            l2_chosen: trained.settled.options.l2().unwrap_or(0.0),
            learning_rate_chosen: steps.learning_rate(),
            seconds,
            photos: Photos { read: photos.read, cached: photos.cached, skipped: photos.skipped.len() },
            skipped: photos.skipped.len(),
            skipped_photos: photos.skipped.iter().map(skipped).collect(),
            history: trained.history.iter().map(Row::new).collect(),
            since: None,
        }
    }

    /// With how it compares with an earlier run.
    pub(super) fn since(self, since: Option<&'a Comparison>) -> Self {
        Self { since, ..self }
    }

    /// For people.
    pub(super) fn json(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(unwritable)
    }

    /// For programs, on one line.
    pub(super) fn line(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map(|text| text + "\n").map_err(unwritable)
    }
}

/// `args.toml`: everything that the run depends on, as three parts of one table.
pub(super) struct Arguments {
    photos: PhotoArguments,
    /// The library's list of its options, by the names that they have on the command line.
    training: Vec<(&'static str, Value)>,
    run: RunArguments,
}

/// The photos and what they become.
#[derive(Serialize)]
struct PhotoArguments {
    version: &'static str,
    command: String,
    folder: String,
    val: Option<String>,
    exclude: Option<String>,
    class_order: Option<String>,
    weights: String,
    params_sha256: String,
    scaling: String,
    size: [usize; 2],
    resize: String,
    exif: String,
}

/// How the photos are dealt out, and what the run does beside its training.
#[derive(Serialize)]
struct RunArguments {
    val_split: f64,
    folds: Option<u32>,
    group: Option<String>,
    augment: Option<String>,
    views: u32,
    threads: usize,
    isa: &'static str,
    out: String,
    strict: bool,
    cache: bool,
    head_only: bool,
}

impl Arguments {
    pub(super) fn new(
        options: &Options,
        backbone: &Backbone,
        preprocessing: &Preprocessing,
        folder: &RunFolder,
        trained: &Trained,
    ) -> Self {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let words = resume::words(options);
        let words: Vec<_> = words.iter().map(|word| typed(word)).collect();
        let photos = PhotoArguments {
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
        };
        let run = RunArguments {
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
        };
        Self { photos, training: training(trained), run }
    }

    pub(super) fn toml(&self) -> Result<String, Failure> {
        let line = |(key, value): &(&str, Value)| match value {
            Value::Off => String::new(),
            Value::Number(number) => format!("{key} = {}\n", toml::Value::Float(shortest(*number))),
            Value::Text(text) => format!("{key} = {}\n", toml::Value::String(text.clone())),
            other => format!("{key} = {other}\n"),
        };
        let training: String = self.training.iter().map(line).collect();
        let part = |part: Result<String, toml::ser::Error>| part.map_err(unwritable);
        Ok(part(toml::to_string(&self.photos))? + &training + &part(toml::to_string(&self.run))?)
    }
}

/// The options that were used: what was left open is settled.
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

fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Content, format!("the run's record cannot be written: {error}"))
}

/// The number of the fewest digits that is `value` as an f32: 0.001, not 0.0010000000474974513.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}
