//! A prediction as a row of a table: what is written of each photo, by name, as CSV fields or as an object.
//!
//! ```text
//! path        the photo                                     label         its class, or `none` if the guess was rejected
//! probability of the most probable class                    label_2, …    the next classes, with their probabilities
//! best_guess  the most probable class, if rejecting         true_label    the class whose folder the photo lies in
//! heatmap     the file of its heatmap, if drawn             error         why it cannot be read
//! novelty     how unlike the training's photos it is, if the model can tell
//! probability:CLASS, … of every class, if all are told; in an object `probabilities`, by name
//! labels      if any photo may have several or none: all that reach the threshold, the most probable first
//! ```
//!
//! Every row of a table has the same columns; a value that a photo does not have is empty in CSV and null in an object.

use std::path::{Path, PathBuf};

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::judge::metrics::THRESHOLD;
use crate::model::columns::Columns;
use crate::model::prediction::Prediction;

/// A class and its probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The name of the class.
    pub label: String,
    /// Its probability.
    pub probability: f32,
}

/// What is written of one photo.
///
/// [`Row::fields`] are its fields for CSV, below the names of [`Columns::names`]; as an object (`Serialize`) it has the keys
/// `path`, `label`, `probability`, `top` (if there are several classes to tell), `labels` (if a photo may have several),
/// `probabilities` (by class, if all are told), `best_guess` (if guesses can be rejected), `novelty` (if the model can tell),
/// `true_label`, `heatmap` (if there are such) and `error`.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The photo.
    pub path: PathBuf,
    /// The most probable classes, the predicted one first; empty if the photo cannot be read.
    pub choices: Vec<Choice>,
    /// Whether the most probable class is too improbable to be the label, or the photo too unlike those of the training.
    pub is_rejected: bool,
    /// The probability of every class, in the order of the classes; empty if these are not told, or the photo cannot be read.
    pub all: Vec<Choice>,
    /// How unlike the photos of the training the photo is; `None` if the model cannot tell.
    pub novelty: Option<f32>,
    /// The labels that reach the threshold, the most probable first; `None` if one class of each photo is true.
    pub labels: Option<Vec<Choice>>,
    /// The class whose folder the photo lies in, if it lies in one.
    pub true_label: Option<String>,
    /// The file of the photo's heatmap.
    pub heatmap: Option<PathBuf>,
    /// Why the photo cannot be read, without its path.
    pub error: Option<String>,
    columns: Columns,
}

/// What stands between the labels of a photo in a CSV field.
const BETWEEN_LABELS: &str = "|";

/// The label of a photo that is taken for none of the classes.
pub const NO_LABEL: &str = "none";

impl Columns {
    /// Makes the row of a photo from what a classifier with these `classes` has said of it, without a heatmap.
    ///
    /// # Panics
    /// If the prediction is of another number of classes.
    #[must_use]
    pub fn row(
        &self,
        path: &Path,
        classes: &[String],
        prediction: &Result<Prediction, icecap_data::Error>,
    ) -> Row {
        let true_label = icecap_data::class_of(path, classes).map(|class| classes[class].clone());
        let (path, heatmap, columns) = (path.to_owned(), None, *self);
        match prediction {
            Ok(prediction) => {
                let ranked = prediction.ranked(self.top.max(1)).into_iter();
                let choice = |(class, probability): (usize, f32)| Choice {
                    label: classes[class].clone(),
                    probability,
                };
                let labels = self.labels.then(|| {
                    let least = self.reject_below.unwrap_or(THRESHOLD);
                    let reached = Prediction::labels_from(&prediction.probabilities, least).into_iter();
                    reached.map(|class| choice((class, prediction.probabilities[class]))).collect::<Vec<_>>()
                });
                let novelty = prediction.novelty.filter(|_| self.novelty);
                let is_novel =
                    prediction.novelty.zip(self.reject_novel).is_some_and(|(own, most)| own > most);
                let is_rejected = is_novel
                    || match &labels {
                        Some(labels) => labels.is_empty(),
                        None => self.reject_below.is_some_and(|least| prediction.probability < least),
                    };
                let choices = ranked.map(choice).collect();
                let all = match self.all {
                    true => prediction.probabilities.iter().copied().enumerate().map(choice).collect(),
                    false => Vec::new(),
                };
                let error = None;
                Row { path, choices, is_rejected, all, novelty, labels, true_label, heatmap, error, columns }
            }
            Err(error) => {
                let (choices, all, is_rejected) = (Vec::new(), Vec::new(), false);
                let (novelty, labels, error) = (None, self.labels.then(Vec::new), Some(error.reason()));
                Row { path, choices, is_rejected, all, novelty, labels, true_label, heatmap, error, columns }
            }
        }
    }
}

impl Row {
    /// Returns the most probable class; `None` if the photo cannot be read.
    #[must_use]
    pub fn best_guess(&self) -> Option<&str> {
        self.choices.first().map(|choice| choice.label.as_str())
    }

    /// Returns what the photo is taken for: the most probable class, or [`NO_LABEL`] if that was rejected; `None` if the
    /// photo cannot be read.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        if self.is_rejected { Some(NO_LABEL) } else { self.best_guess() }
    }

    /// Returns whether the photo is taken for another class than the one whose folder it lies in; of several labels, whether
    /// that is none of them.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let Some((guess, truth)) = self.best_guess().zip(self.true_label.as_deref()) else { return false };
        !self.is_rejected
            && match &self.labels {
                Some(labels) => labels.iter().all(|choice| choice.label != truth),
                None => guess != truth,
            }
    }

    /// Returns the fields of the row as text, one for each name of [`Columns::names`] for as many `classes`.
    #[must_use]
    pub fn fields(&self, classes: usize) -> Vec<String> {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let mut fields = vec![self.path.to_string_lossy().into_owned()];
        for place in 0..self.columns.top.max(1) {
            let choice = self.choices.get(place);
            let label = if place == 0 { self.label() } else { choice.map(|choice| choice.label.as_str()) };
            fields.push(text(label));
            fields.push(choice.map_or(String::new(), |choice| choice.probability.to_string()));
        }
        fields.extend(self.labels.iter().map(|labels| {
            let names: Vec<&str> = labels.iter().map(|choice| choice.label.as_str()).collect();
            names.join(BETWEEN_LABELS)
        }));
        if self.columns.all {
            let of = |class: usize| {
                self.all.get(class).map_or(String::new(), |choice| choice.probability.to_string())
            };
            fields.extend((0..classes).map(of));
        }
        fields.extend(self.columns.rejects().then(|| text(self.best_guess())));
        let novelty = || self.novelty.map_or(String::new(), |novelty| novelty.to_string());
        fields.extend(self.columns.novelty.then(novelty));
        fields.push(text(self.true_label.as_deref()));
        fields.extend(self.columns.heatmap.then(|| self.heatmap_text().unwrap_or_default()));
        fields.push(text(self.error.as_deref()));
        fields
    }

    fn heatmap_text(&self) -> Option<String> {
        self.heatmap.as_ref().map(|file| file.to_string_lossy().into_owned())
    }
}

/// Probabilities as an object whose keys are the classes, in their order.
struct ByName<'a>(&'a [Choice]);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|choice| (&choice.label, choice.probability)))
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("path", &self.path.to_string_lossy())?;
        object.serialize_entry("label", &self.label())?;
        object.serialize_entry("probability", &self.choices.first().map(|choice| choice.probability))?;
        if self.columns.top > 1 {
            object.serialize_entry("top", &self.choices)?;
        }
        if let Some(labels) = &self.labels {
            object.serialize_entry("labels", labels)?;
        }
        if self.columns.all {
            object.serialize_entry("probabilities", &self.error.is_none().then_some(ByName(&self.all)))?;
        }
        if self.columns.rejects() {
            object.serialize_entry("best_guess", &self.best_guess())?;
        }
        if self.columns.novelty {
            object.serialize_entry("novelty", &self.novelty)?;
        }
        object.serialize_entry("true_label", &self.true_label)?;
        if self.columns.heatmap {
            object.serialize_entry("heatmap", &self.heatmap_text())?;
        }
        object.serialize_entry("error", &self.error)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_field_for_each_name_whatever_the_columns() {
        let classes = ["ant", "bee", "wasp"].map(str::to_owned);
        let probabilities = vec![0.125, 0.5, 0.375];
        let (labels, logits, warnings, novelty) = (None, Vec::new(), Vec::new(), Some(1.5));
        let (class, label, probability) = (1, "bee".into(), 0.5);
        let seen = Prediction { class, label, probability, probabilities, labels, logits, novelty, warnings };
        for top in 0..=3 {
            for reject_below in [None, Some(0.25), Some(0.75)] {
                for heatmap in [false, true] {
                    let columns = Columns { top, reject_below, heatmap, ..Columns::default() };
                    let row = columns.row(Path::new("ant/1.jpg"), &classes, &Ok(seen.clone()));
                    let lost = columns.row(Path::new("x.jpg"), &classes, &Err(icecap_data::Error::Empty));
                    let names = columns.names(&classes);
                    let field = |row: &Row, name: &str| {
                        names.iter().position(|n| n == name).map(|place| row.fields(3)[place].clone())
                    };
                    assert_eq!((row.fields(3).len(), lost.fields(3).len()), (names.len(), names.len()));
                    let is_rejected = reject_below == Some(0.75);
                    assert_eq!(field(&row, "label").unwrap(), if is_rejected { "none" } else { "bee" });
                    assert_eq!(field(&row, "best_guess").is_some(), reject_below.is_some());
                    assert_eq!(field(&row, "label_2"), (top > 1).then(|| "wasp".to_owned()));
                    assert_eq!(field(&row, "true_label").unwrap(), "ant");
                    assert_eq!((row.is_wrong(), lost.is_wrong()), (!is_rejected, false));
                    assert!(lost.label().is_none() && !field(&lost, "error").unwrap().is_empty());
                }
            }
        }
        assert_eq!(Columns { top: 9, ..Columns::default() }.within(3).top, 3);
    }

    #[test]
    fn every_class_has_a_column_by_its_name_and_what_is_novel_is_none_of_them() {
        let classes = ["ant, red", "bee \"x\""].map(str::to_owned);
        let seen = |novelty| Prediction {
            class: 0,
            label: classes[0].clone(),
            probability: 0.75,
            probabilities: vec![0.75, 0.25],
            labels: None,
            logits: Vec::new(),
            novelty,
            warnings: Vec::new(),
        };
        let columns = Columns { all: true, novelty: true, reject_novel: Some(1.0), ..Columns::default() };
        let names = columns.names(&classes);
        assert_eq!(names[3..7], ["probability:ant, red", "probability:bee \"x\"", "best_guess", "novelty"]);
        let row = |novelty| columns.row(Path::new("1.jpg"), &classes, &Ok(seen(novelty)));
        // At the limit a photo still is one of the classes.
        for (novelty, label) in [(0.5, "ant, red"), (1.0, "ant, red"), (1.25, NO_LABEL)] {
            let row = row(Some(novelty));
            assert_eq!(
                (row.label(), row.novelty, row.fields(2).len()),
                (Some(label), Some(novelty), names.len())
            );
            assert_eq!(row.fields(2)[3..7], ["0.75", "0.25", "ant, red", novelty.to_string().as_str()]);
        }
        assert_eq!((row(None).label(), row(None).novelty), (Some("ant, red"), None));
        let lost = columns.row(Path::new("x.jpg"), &classes, &Err(icecap_data::Error::Empty));
        assert_eq!(lost.fields(2).len(), names.len());
    }

    #[test]
    fn a_photo_may_have_several_labels_or_none() {
        let classes = ["cat", "dog", "tree"].map(str::to_owned);
        let seen = |probabilities: [f32; 3]| Prediction {
            class: 1,
            label: "dog".into(),
            probability: probabilities[1],
            labels: Some(Prediction::labels_from(&probabilities, THRESHOLD)),
            probabilities: probabilities.to_vec(),
            logits: Vec::new(),
            novelty: None,
            warnings: Vec::new(),
        };
        let columns = Columns { labels: true, ..Columns::default() };
        let row = |columns: &Columns, seen| columns.row(Path::new("p/tree/1.jpg"), &classes, &Ok(seen));
        let two = row(&columns, seen([0.25, 0.75, 0.5]));
        assert_eq!(
            columns.names(&classes),
            ["path", "label", "probability", "labels", "true_label", "error"]
        );
        assert_eq!(two.fields(3), ["p/tree/1.jpg", "dog", "0.75", "dog|tree", "tree", ""]);
        assert!(!two.is_wrong());
        let none = row(&columns, seen([0.25, 0.375, 0.25]));
        assert_eq!((none.label(), none.is_wrong()), (Some(NO_LABEL), false));
        assert_eq!(none.fields(3)[3], "");
        let strict = Columns { reject_below: Some(0.7), ..columns };
        let one = row(&strict, seen([0.25, 0.75, 0.5]));
        assert_eq!((one.fields(3)[3].as_str(), one.is_wrong()), ("dog", true));
    }
}
