//! What a training has measured, under the names that `metrics.json` of a run has.

use icecap::Trained;
use icecap::advanced::data::Part;
use icecap::judge::CrossValidation;
use icecap::learn::Epoch;
use serde_json::{Map, Value, json};

/// Returns the number that the few digits of `value` name, 0.1 and not 0.10000000149011612, as `metrics.json` has it; null for
/// what is no number.
fn figure(value: f32) -> Value {
    value.to_string().parse().map_or(Value::Null, |value: f64| json!(value))
}

/// Returns the metrics of a training as a JSON object; what is not there, or no number, is null.
pub(crate) fn metrics(trained: &Trained) -> Value {
    let last = trained.kept();
    let steps = trained.settled.options.steps().cloned().unwrap_or_default();
    let photos = &trained.photos;
    let known = json!({
        "precision": trained.classifier.precision().name(),
        "classes": classes(trained),
        "loss_0": figure(trained.before.loss),
        "accuracy_0": figure(trained.before.accuracy),
        "train_loss": last.map(|epoch| figure(epoch.train.loss)),
        "train_accuracy": last.map(|epoch| figure(epoch.train.accuracy)),
        "val_loss": last.map(|epoch| figure(epoch.validation.loss)),
        "val_accuracy": last.map(|epoch| figure(epoch.validation.accuracy)),
        "test_loss": trained.test.map(|test| figure(test.loss)),
        "test_accuracy": trained.test.map(|test| figure(test.accuracy)),
        "temperature": figure(trained.calibration.temperature),
        "folds": trained.folds.as_ref().map(folds),
        "epochs_chosen": trained.kept + 1,
        "l2_chosen": figure(trained.settled.options.l2().unwrap_or(0.0)),
        "learning_rate_chosen": figure(steps.learning_rate()),
        "photos": { "read": photos.read, "cached": photos.cached, "skipped": photos.skipped.len() },
        "skipped_photos": photos.skipped.iter().map(|photo| photo.reason.as_str()).collect::<Vec<_>>(),
        "history": trained.history.iter().map(epoch).collect::<Vec<_>>(),
    });
    let Value::Object(mut known) = known else { unreachable!("an object was written above") };
    known.append(&mut validated(trained));
    Value::Object(known)
}

/// Returns what is known by validation photos, of the classifier as it is saved.
fn validated(trained: &Trained) -> Map<String, Value> {
    let Some(of) = &trained.validation else { return Map::new() };
    let known = json!({
        "val_accuracy": figure(of.accuracy() as f32),
        "val_loss_calibrated": figure(of.loss),
        "val_interval": of.interval,
        "centroid_accuracy": figure(of.centroid_accuracy),
        "balanced_accuracy": of.balanced_accuracy,
        "roc_auc": of.ranking.roc_auc(),
        "average_precision": of.ranking.average_precision(),
        "top_k": of.ranking.top,
        "top_k_accuracy": of.ranking.top_accuracy,
        "ece": of.calibrated.ece,
        "ece_uncalibrated": of.uncalibrated.ece,
    });
    if let Value::Object(known) = known { known } else { Map::new() }
}

fn classes(trained: &Trained) -> Vec<Value> {
    let dataset = &trained.dataset;
    let [train, val, test] = [Part::Train, Part::Val, Part::Test].map(|part| dataset.counts(part));
    let class = |(index, name): (usize, &String)| json!({ "name": name, "train": train[index], "val": val[index], "test": test[index] });
    dataset.classes.iter().enumerate().map(class).collect()
}

fn folds(folds: &CrossValidation) -> Value {
    let each: Vec<Value> = folds
        .folds
        .iter()
        .map(|fold| {
            json!({
                "photos": fold.photos,
                "loss": figure(fold.metrics.loss),
                "accuracy": figure(fold.metrics.accuracy),
                "centroid_accuracy": figure(fold.centroid_accuracy),
                "l2": figure(fold.l2),
            })
        })
        .collect();
    json!({
        "accuracy": folds.accuracy(),
        "spread": folds.spread(),
        "centroid_accuracy": folds.centroid_accuracy(),
        "each": each,
    })
}

/// Returns an epoch as `metrics.json` has it.
pub(crate) fn epoch(epoch: &Epoch) -> Value {
    json!({
        "epoch": epoch.epoch,
        "learning_rate": figure(epoch.learning_rate),
        "running_loss": figure(epoch.running.loss),
        "running_accuracy": figure(epoch.running.accuracy),
        "train_loss": figure(epoch.train.loss),
        "train_accuracy": figure(epoch.train.accuracy),
        "val_loss": figure(epoch.validation.loss),
        "val_accuracy": figure(epoch.validation.accuracy),
    })
}
