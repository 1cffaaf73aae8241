//! `metrics.json`: what a run has measured. The same types are written by a training and read by all who look at a run.
//!
//! Nothing in the file is relied on: what an older build did not write, or a newer one leaves out, is missing, not an
//! error. Values that no page and no comparison shows may even be of another type. Counts of another program's run may be
//! anything, so they are added without overflow.

use std::path::Path;

use icecap::advanced::foundation::shown::plain_lines;
use serde::{Deserialize, Serialize};

use super::coverage::CoverageRow;
use super::figure::Figure;
use super::files::MODEL;
use super::history::EpochRow;
use super::novelty::NoveltyRow;
use super::operating_point::OperatingRow;
use super::seconds::Seconds;
use super::since::Comparison;
use super::spare::{spare, spare_each};
use super::text_file::unwritable;
use super::tried::Tried;
use super::tuned::Tuned;
use crate::error::Error;
use crate::wording::portable;

/// What a run has measured, key by key in the order of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// The version of icecap that trained.
    pub version: String,
    /// The path of the model.
    #[serde(deserialize_with = "spare")]
    pub model: String,
    /// What the backbone computes with: f32, int8. Empty in runs of builds that knew f32 alone.
    pub precision: String,
    /// How the net was quantized, if it computes in int8.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub int8: Option<Int8>,
    /// What became of the last blocks of the net, if they were to learn.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub tuned: Option<Tuned>,
    /// The settings that folds were asked to choose among, if any.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub tried: Option<Tried>,
    /// The photos of each class.
    pub classes: Vec<ClassCounts>,
    /// The loss on the validation photos before training.
    pub loss_0: Option<Figure>,
    /// The accuracy on the validation photos before training.
    pub accuracy_0: Option<Figure>,
    /// After the epoch whose head was kept, with dropout off.
    pub train_loss: Option<Figure>,
    /// The accuracy on the training photos, at the same moment.
    pub train_accuracy: Option<Figure>,
    /// The validation loss of the logits as the head has them, as each epoch is told.
    pub val_loss: Option<Figure>,
    /// The share of the answers on the validation photos that is right, whatever the threshold.
    pub val_accuracy: Option<Figure>,
    /// The loss on the test photos.
    pub test_loss: Option<Figure>,
    /// The accuracy on the test photos.
    pub test_accuracy: Option<Figure>,
    /// The validation loss of the probabilities that the model gives, its temperature included: what `evaluate` prints.
    #[serde(deserialize_with = "spare")]
    pub val_loss_calibrated: Option<Figure>,
    /// The 95 % interval of the validation accuracy.
    #[serde(deserialize_with = "spare")]
    pub val_interval: Option<[f64; 2]>,
    /// The accuracy of the nearest class centroid on the validation photos.
    pub centroid_accuracy: Option<Figure>,
    /// The mean of the classes' recalls on the validation photos.
    #[serde(deserialize_with = "spare")]
    pub balanced_accuracy: Option<f64>,
    /// How well the validation probabilities put the photos in order: means over the classes, each against the rest.
    #[serde(deserialize_with = "spare")]
    pub roc_auc: Option<f64>,
    /// The mean average precision of the classes on the validation photos.
    #[serde(deserialize_with = "spare")]
    pub average_precision: Option<f64>,
    /// The share of validation photos whose class is among the `top_k` most probable; of more than two classes.
    #[serde(deserialize_with = "spare")]
    pub top_k: Option<u64>,
    /// The share of validation photos whose class is among these.
    #[serde(deserialize_with = "spare")]
    pub top_k_accuracy: Option<f64>,
    /// What comes of rejecting answers on the validation photos.
    #[serde(deserialize_with = "spare_each")]
    pub coverage: Vec<CoverageRow>,
    /// The threshold, if one was sought.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub threshold: Option<OperatingRow>,
    /// How usual the photos are, as far as the model tells that.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub novelty: Option<NoveltyRow>,
    /// The number by which logits are divided before they become probabilities.
    pub temperature: Option<Figure>,
    /// The expected calibration error on the validation photos, with the temperature and without.
    #[serde(deserialize_with = "spare")]
    pub ece: Option<f64>,
    /// The expected calibration error without the temperature.
    pub ece_uncalibrated: Option<f64>,
    /// The validation predictions by ranges of confidence.
    #[serde(deserialize_with = "spare")]
    pub reliability: Vec<ConfidenceRange>,
    /// The outcome of a cross-validation, if there was one.
    pub folds: Option<Folds>,
    /// The epoch whose head was kept, counted from 1.
    pub epochs_chosen: Option<u32>,
    /// The L2 penalty and the learning rate that were used, chosen or given.
    #[serde(deserialize_with = "spare")]
    pub l2_chosen: Option<Figure>,
    /// The learning rate that was used, chosen or given.
    #[serde(deserialize_with = "spare")]
    pub learning_rate_chosen: Option<Figure>,
    /// Where the time went.
    pub seconds: Seconds,
    /// Where the features of the photos came from.
    pub photos: Photos,
    /// How many photos were left out.
    #[serde(deserialize_with = "spare")]
    pub skipped: u64,
    /// The photos that were left out.
    pub skipped_photos: Vec<SkippedRow>,
    /// The epochs.
    pub history: Vec<EpochRow>,
    /// The comparison with an earlier run, if `--since` named one.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub since: Option<Comparison>,
}

/// How a backbone in int8 was quantized, and how far that took it from f32.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Int8 {
    /// Training photos that ranges and biases were taken from; 0 if the weights alone gave them.
    pub photos: u64,
    /// Training photos that the error was measured on, and whether these were others.
    pub judged: u64,
    /// Whether the error was measured on other photos than those that ranges and biases were taken from.
    pub on_others: bool,
    /// The relative error of pooled features against f32.
    pub feature_error: Option<Figure>,
    /// The share of these photos of which the head says the same class in f32.
    pub agreement: Option<Figure>,
    /// The model whose net was taken as it is: then the others are figures of its training. `None` if the net was quantized
    /// for this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_of: Option<String>,
}

impl Int8 {
    /// An error of features from which on a head is likely to be worse for it.
    pub const LARGE_ERROR: f32 = 0.12;
}

/// Photos of a class by part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassCounts {
    /// The name of the class.
    pub name: String,
    /// Its training photos.
    pub train: u64,
    /// Its validation photos.
    pub val: u64,
    /// Its test photos.
    pub test: u64,
    /// How well the class' probability parts its validation photos from others.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub roc_auc: Option<f64>,
    /// The average precision of the class on the validation photos.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spare")]
    pub average_precision: Option<f64>,
}

/// The validation predictions of one range of confidence.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfidenceRange {
    /// The least confidence of the range.
    pub from: Option<f64>,
    /// The greatest confidence of the range.
    pub to: Option<f64>,
    /// How many predictions are in it.
    pub photos: u64,
    /// The mean confidence, and the share of predictions that are right.
    pub confidence: Option<f64>,
    /// The share of them that is right.
    pub accuracy: Option<f64>,
}

/// The outcome of cross-validation on the training photos.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Folds {
    /// The mean accuracy over the folds.
    pub accuracy: Option<f64>,
    /// The standard deviation of the accuracy over the folds.
    pub spread: Option<f64>,
    /// The mean accuracy of the nearest class centroid.
    #[serde(deserialize_with = "spare")]
    pub centroid_accuracy: Option<f64>,
    /// The folds, one by one.
    #[serde(deserialize_with = "spare_each")]
    pub each: Vec<FoldRow>,
}

/// One fold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FoldRow {
    /// The photos that the fold was judged by.
    pub photos: u64,
    /// The loss on these.
    pub loss: Option<Figure>,
    /// The accuracy on these.
    pub accuracy: Option<Figure>,
    /// The accuracy of the nearest class centroid on these.
    pub centroid_accuracy: Option<Figure>,
    /// The L2 penalty of the fold's head.
    pub l2: Option<Figure>,
}

/// Where the features of the photos came from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Photos {
    /// Photos that were read.
    pub read: u64,
    /// Photos whose features were in the cache.
    pub cached: u64,
    /// Photos that could not be read.
    #[serde(deserialize_with = "spare")]
    pub skipped: u64,
    /// Photos whose file is there more than once, and those of them of which one is learned from and one is not.
    #[serde(deserialize_with = "spare")]
    pub copies: u64,
    /// Those of them of which one is learned from and one is not.
    #[serde(deserialize_with = "spare")]
    pub copies_apart: u64,
}

/// A photo that was left out, and why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SkippedRow {
    /// The photo's name.
    pub path: String,
    /// Why it was left out.
    pub reason: String,
}

impl Metrics {
    /// Says of a run in int8 which model's net it took as it is, if it did.
    pub fn with_net_of(mut self, model: Option<&Path>) -> Self {
        if let Some(int8) = &mut self.int8 {
            int8.net_of = model.map(|model| model.to_string_lossy().into_owned());
        }
        self
    }

    /// Says which settings were tried before the training, if any were.
    pub fn with_tried(mut self, tried: Option<&Tried>) -> Self {
        self.tried = tried.cloned();
        self
    }

    /// Says where the model lies.
    pub fn with_model(mut self, file: &Path) -> Self {
        self.model = file.to_string_lossy().into_owned();
        self
    }

    /// Returns the text of the file, which people may read, also on other machines: the model is the one beside it, and earlier
    /// runs and models are told by their names.
    pub fn file(&self) -> Result<String, Error> {
        let mut own = Self { model: MODEL.to_owned(), ..self.clone() };
        let earlier = own.since.as_mut().map(|since| &mut since.run);
        let net_of = own.int8.as_mut().and_then(|int8| int8.net_of.as_mut());
        for path in [earlier, net_of].into_iter().flatten() {
            *path = portable(path).to_owned();
        }
        let text = serde_json::to_string_pretty(&own).map_err(unwritable)?;
        Ok(plain_lines(&text).into_owned() + "\n")
    }

    /// Returns everything on one line, for programs that read standard output.
    pub fn line(&self) -> Result<String, Error> {
        serde_json::to_string(self).map(|text| text + "\n").map_err(unwritable)
    }
}

impl ClassCounts {
    /// Returns the photos of all parts.
    pub fn all(&self) -> u64 {
        self.train.saturating_add(self.val).saturating_add(self.test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of another build: a phase that is not known here, numbers that are missing or null.
    const FOREIGN: &str = r#"{
        "version": "9.9", "novelty": [1], "classes": [{"name": "a", "train": 18446744073709551615, "val": 1}],
        "loss_0": 0.4321, "val_loss": null, "temperature": 1, "epochs_chosen": 3,
        "folds": {"accuracy": 0.5, "spread": null, "each": [{"photos": 3, "loss": 1e-7}, {}]},
        "seconds": {"head": 0.25, "tta": 1.5, "total": null},
        "history": [{"epoch": 1, "train_loss": 0.1, "val_loss": null}, {"epoch": 2}]
    }"#;

    #[test]
    fn what_a_foreign_run_lacks_is_missing_and_what_it_adds_is_no_matter() {
        let metrics: Metrics = serde_json::from_str(FOREIGN).unwrap();
        assert_eq!(metrics.classes[0].all(), u64::MAX);
        assert_eq!((metrics.loss_0.map(f64::from), metrics.val_loss), (Some(0.4321), None));
        assert_eq!(metrics.seconds.others.get("tta"), Some(&Some(1.5)));
        assert_eq!((metrics.seconds.head, metrics.seconds.total), (Some(0.25), None));
        assert_eq!((metrics.history.len(), metrics.folds.map(|folds| folds.each.len())), (2, Some(2)));
        assert!(serde_json::from_str::<Metrics>("{}").unwrap().since.is_none());
    }

    /// Whatever stands where a value is that nobody is shown, the rest of the file is read.
    #[test]
    fn a_value_that_is_not_shown_may_be_of_another_type() {
        for odd in
            ["7", "-1.5", "null", "true", "\"text\"", "[1, \"a\"]", "{\"run\": {\"x\": []}, \"photos\": -1}"]
        {
            let text = format!(
                r#"{{"model": {odd}, "since": {odd}, "ece": {odd}, "val_interval": {odd}, "reliability": {odd},
                "val_loss_calibrated": {odd}, "balanced_accuracy": {odd}, "l2_chosen": {odd}, "skipped": {odd},
                "learning_rate_chosen": {odd}, "photos": {{"read": 4, "skipped": {odd}}},
                "folds": {{"accuracy": 0.5, "centroid_accuracy": {odd}, "each": [{odd}, {odd}]}},
                "history": [{{"epoch": 3, "learning_rate": {odd}, "val_loss": 0.25}}], "val_loss": 0.75}}"#
            );
            let metrics: Metrics =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{odd}: {error}"));
            assert_eq!((metrics.val_loss.map(f64::from), metrics.photos.read), (Some(0.75), 4));
            assert_eq!(metrics.folds.map(|folds| folds.each.len()), Some(2));
            let epoch = &metrics.history[0];
            assert_eq!((epoch.epoch, epoch.val_loss.map(f64::from)), (3, Some(0.25)));
        }
        // What is shown must be what it says.
        assert!(serde_json::from_str::<Metrics>(r#"{"val_loss": "low"}"#).is_err());
    }

    #[test]
    fn what_is_written_is_read_and_written_again_to_the_byte() {
        let mut metrics: Metrics = serde_json::from_str(FOREIGN).unwrap();
        let numbers =
            [0.0_f32, 1.0, 0.1, 1.0e-5, 1.234e-6, 1.0e-7, 3.4e38, 1.0e15, 1.0 / 3.0, f32::MIN_POSITIVE];
        metrics.history = (1..)
            .zip(numbers)
            .map(|(epoch, of)| EpochRow { epoch, val_loss: Some(of.into()), ..EpochRow::default() })
            .collect();
        metrics.train_loss = Some(f32::NAN.into());
        let text = metrics.file().unwrap();
        for number in numbers {
            assert!(
                text.contains(&format!("\"val_loss\": {}", serde_json::to_string(&number).unwrap())),
                "{number}: {text}"
            );
        }
        assert!(text.contains("\"train_loss\": null"), "{text}");
        let again: Metrics = serde_json::from_str(&text).unwrap();
        assert_eq!(again.file().unwrap(), text);
    }
}
