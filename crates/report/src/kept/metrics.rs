//! What a training has measured, as its run keeps it.

use icecap::Trained;
use icecap::advanced::data::Part;
use icecap::judge::{Bin, CrossValidation, Fold};
use icecap::learn::{Epoch, PhotoSet, SkippedPhoto};
use icecap::model::{Novelty, Quantization};

use super::tuned::tuned;
use crate::run::coverage::{CoverageRow, curve};
use crate::run::figure::Figure;
use crate::run::history::EpochRow;
use crate::run::left_out::bare;
use crate::run::metrics::{ClassCounts, ConfidenceRange, FoldRow, Folds, Int8, Metrics, Photos, SkippedRow};
use crate::run::novelty::NoveltyRow;
use crate::run::operating_point::OperatingRow;
use crate::run::photo_names::PhotoNames;
use crate::run::seconds::Seconds;
use crate::run::since::Comparison;

/// Takes over what the training has measured of its own phases.
pub fn take_times(seconds: &mut Seconds, trained: &Trained) {
    seconds.features = Some(trained.features_time.as_secs_f64());
    seconds.head = Some(trained.head_time.as_secs_f64());
    seconds.tune = trained.tuned.as_ref().map(|tuned| tuned.time.as_secs_f64());
    seconds.folds = Some(trained.folds_time.as_secs_f64());
}

/// Returns what `metrics.json` says of a training, whose photos have these `names`. It compares with an earlier run by `since`,
/// and took `seconds`. Where the model lies is left for the caller to say.
pub fn metrics(
    trained: &Trained,
    names: &PhotoNames,
    seconds: Seconds,
    since: Option<Comparison>,
) -> Metrics {
    let last = trained.kept();
    // A solver without steps is recorded with the defaults of these.
    let steps = trained.settled.options.steps().cloned().unwrap_or_default();
    let photos = &trained.photos;
    Metrics {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        precision: trained.classifier.precision().name().to_owned(),
        int8: trained.classifier.quantization().map(int8),
        tuned: tuned(trained, names),
        tried: None,
        classes: classes(trained),
        loss_0: Some(trained.before.loss.into()),
        accuracy_0: Some(trained.before.accuracy.into()),
        train_loss: last.map(|epoch| epoch.train.loss.into()),
        train_accuracy: last.map(|epoch| epoch.train.accuracy.into()),
        val_loss: last.map(|epoch| epoch.validation.loss.into()),
        test_loss: trained.test.map(|test| test.loss.into()),
        test_accuracy: trained.test.map(|test| test.accuracy.into()),
        temperature: Some(trained.calibration.temperature.into()),
        folds: trained.folds.as_ref().map(folds),
        epochs_chosen: Some(trained.kept as u32 + 1),
        l2_chosen: Some(trained.settled.options.l2().unwrap_or(0.0).into()),
        learning_rate_chosen: Some(steps.learning_rate().into()),
        seconds,
        photos: Photos {
            read: photos.read as u64,
            cached: photos.cached as u64,
            skipped: photos.skipped.len() as u64,
            copies: photos.twins.len() as u64,
            copies_apart: photos.twins.iter().filter(|twin| twin.other_part).count() as u64,
        },
        skipped: photos.skipped.len() as u64,
        skipped_photos: photos.skipped.iter().map(|photo| skipped_row(photo, names)).collect(),
        history: history(&trained.history),
        since,
        ..validated(trained)
    }
}

/// Returns what is known by the validation photos, of the classifier as it is saved, and what it goes by.
fn validated(trained: &Trained) -> Metrics {
    let classifier = &trained.classifier;
    let beyond = |set: &PhotoSet, novelty: &Novelty| {
        let width = set.features.features().shape().dims()[1];
        let rows = set.features.features().data().chunks_exact(width.max(1));
        rows.filter(|row| novelty.of(row) > Novelty::LIMIT).count() as u64
    };
    let known = Metrics {
        // Without validation photos it is the NaN of none.
        val_accuracy: trained.kept().map(|epoch| epoch.validation.accuracy.into()),
        threshold: trained.point.map(|point| OperatingRow::of(&point, classifier.classes())),
        novelty: classifier.novelty().map(|novelty| NoveltyRow {
            centers: novelty.centers() as u64,
            photos: novelty.photos() as u64,
            val: trained.val_set.samples.len() as u64,
            val_novel: beyond(&trained.val_set, novelty),
        }),
        ..Metrics::default()
    };
    let Some(of) = &trained.validation else { return known };
    Metrics {
        val_accuracy: Some((of.accuracy() as f32).into()),
        val_loss_calibrated: Some(of.loss.into()),
        val_interval: Some(of.interval),
        centroid_accuracy: Some(of.centroid_accuracy.into()),
        balanced_accuracy: Some(of.balanced_accuracy),
        roc_auc: of.ranking.roc_auc(),
        average_precision: of.ranking.average_precision(),
        top_k: of.ranking.top.map(|top| top as u64),
        top_k_accuracy: of.ranking.top_accuracy,
        coverage: curve(&of.answers).iter().map(CoverageRow::from).collect(),
        ece: Some(of.calibrated.ece),
        ece_uncalibrated: Some(of.uncalibrated.ece),
        reliability: of.calibrated.bins.iter().map(range).collect(),
        ..known
    }
}

/// Returns the epochs as `metrics.json` and `metrics.csv` have them.
pub fn history(epochs: &[Epoch]) -> Vec<EpochRow> {
    let row = |epoch: &Epoch| EpochRow {
        epoch: epoch.epoch,
        learning_rate: Some(epoch.learning_rate.into()),
        running_loss: Some(epoch.running.loss.into()),
        running_accuracy: Some(epoch.running.accuracy.into()),
        train_loss: Some(epoch.train.loss.into()),
        train_accuracy: Some(epoch.train.accuracy.into()),
        val_loss: Some(epoch.validation.loss.into()),
        val_accuracy: Some(epoch.validation.accuracy.into()),
    };
    epochs.iter().map(row).collect()
}

fn classes(trained: &Trained) -> Vec<ClassCounts> {
    let dataset = &trained.dataset;
    let ranked = |index: usize| trained.validation.as_ref()?.ranking.classes.get(index);
    let [train, val, test] = [Part::Train, Part::Val, Part::Test].map(|part| dataset.counts(part));
    let class = |(index, name): (usize, &String)| ClassCounts {
        name: name.clone(),
        train: train[index] as u64,
        val: val[index] as u64,
        test: test[index] as u64,
        roc_auc: ranked(index).and_then(|class| class.roc_auc),
        average_precision: ranked(index).and_then(|class| class.average_precision),
    };
    dataset.classes.iter().enumerate().map(class).collect()
}

fn range(bin: &Bin) -> ConfidenceRange {
    ConfidenceRange {
        from: Some(bin.range[0]),
        to: Some(bin.range[1]),
        photos: bin.photos as u64,
        confidence: Some(bin.confidence),
        accuracy: Some(bin.accuracy),
    }
}

fn folds(folds: &CrossValidation) -> Folds {
    let row = |fold: &Fold| FoldRow {
        photos: fold.photos as u64,
        loss: Some(fold.metrics.loss.into()),
        accuracy: Some(fold.metrics.accuracy.into()),
        centroid_accuracy: Some(fold.centroid_accuracy.into()),
        l2: Some(fold.l2.into()),
    };
    Folds {
        accuracy: Some(folds.accuracy()),
        spread: Some(folds.spread()),
        centroid_accuracy: Some(folds.centroid_accuracy()),
        each: folds.folds.iter().map(row).collect(),
    }
}

fn int8(quantization: Quantization) -> Int8 {
    Int8 {
        photos: quantization.photos as u64,
        judged: quantization.judged as u64,
        on_others: quantization.on_others,
        feature_error: quantization.error.map(Figure::from),
        agreement: quantization.agreement.map(Figure::from),
        net_of: None,
    }
}

fn skipped_row(photo: &SkippedPhoto, names: &PhotoNames) -> SkippedRow {
    let path = names.below(&photo.path).unwrap_or_else(|| names.name(Part::Train, &photo.path));
    SkippedRow { path, reason: bare(photo).to_owned() }
}
