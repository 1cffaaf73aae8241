//! What `evaluate --json` prints.

use std::path::Path;

use icecap::learn::SkippedPhoto;
use serde::Serialize;

use super::evaluation::Evaluation;
use crate::run::coverage::CoverageRow;
use crate::run::left_out::bare;
use crate::terminal::failure::{Code, Failure};

#[derive(Serialize)]
struct Report<'a> {
    model: String,
    folder: String,
    photos: usize,
    right: usize,
    loss: f32,
    temperature: f32,
    accuracy: f32,
    balanced_accuracy: Option<f64>,
    /// The probability from which the second of two classes is told; null of more classes.
    threshold: Option<f32>,
    /// Means over the classes, each against the rest.
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
    /// The share of photos whose class is among the `top_k` most probable; both null of two classes.
    top_k: Option<usize>,
    top_k_accuracy: Option<f64>,
    classes: Vec<Class<'a>>,
    /// A row for each true class, a column for each predicted one.
    confusion: Vec<Vec<usize>>,
    /// What comes of `predict --reject-below`.
    coverage: Vec<CoverageRow>,
    skipped: usize,
    skipped_photos: Vec<Skipped<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    name: &'a str,
    photos: usize,
    right: usize,
    recall: Option<f64>,
    precision: Option<f64>,
    roc_auc: Option<f64>,
    average_precision: Option<f64>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    path: String,
    reason: &'a str,
}

/// Returns what came out of a model and a folder as one line.
pub(super) fn json<'a>(
    [model, folder]: [&Path; 2],
    evaluation: &'a Evaluation,
    classes: &'a [String],
) -> Result<String, Failure> {
    let Evaluation { metrics, temperature, threshold, confusion, ranking, coverage, skipped } = evaluation;
    let class = |(index, name): (usize, &'a String)| Class {
        name,
        photos: confusion.of_class(index),
        right: confusion.cell(index, index),
        recall: confusion.recall(index),
        precision: confusion.precision(index),
        roc_auc: ranking.classes.get(index).and_then(|class| class.roc_auc),
        average_precision: ranking.classes.get(index).and_then(|class| class.average_precision),
    };
    let row = |of| (0..classes.len()).map(|taken_for| confusion.cell(of, taken_for)).collect();
    let left_out = |photo: &'a SkippedPhoto| Skipped {
        path: photo.path.to_string_lossy().into_owned(),
        reason: bare(photo),
    };
    let report = Report {
        model: model.to_string_lossy().into_owned(),
        folder: folder.to_string_lossy().into_owned(),
        photos: confusion.photos(),
        right: confusion.right(),
        loss: metrics.loss,
        temperature: *temperature,
        accuracy: metrics.accuracy,
        balanced_accuracy: confusion.balanced_accuracy(),
        threshold: (classes.len() == 2).then_some(*threshold),
        roc_auc: ranking.roc_auc(),
        average_precision: ranking.average_precision(),
        top_k: ranking.top,
        top_k_accuracy: ranking.top_accuracy,
        classes: classes.iter().enumerate().map(class).collect(),
        confusion: (0..classes.len()).map(row).collect(),
        coverage: coverage.iter().map(CoverageRow::from).collect(),
        skipped: skipped.len(),
        skipped_photos: skipped.iter().map(left_out).collect(),
    };
    let text = serde_json::to_string(&report);
    text.map(|text| text + "\n").map_err(|error| Failure::new(Code::Content, error.to_string()))
}
