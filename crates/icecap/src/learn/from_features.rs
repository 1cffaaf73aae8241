//! Training on features that a caller has at hand already, in the way that photos are trained on.

use std::ops::ControlFlow;
use std::path::PathBuf;

use icecap_data::{Part, Sample, Views, split, split_groups};
use icecap_foundation::Hasher;
use icecap_weights::check_classes;

use crate::error::Error;
use crate::learn::dataset::{Dataset, by_groups};
use crate::learn::feature_set::FeatureSet;
use crate::learn::photo_features::Photos;
use crate::learn::photo_set::PhotoSet;
use crate::learn::trained::{Event, Trained};
use crate::learn::trainer::Trainer;

impl Trainer {
    /// Trains a head on rows of pooled features of this trainer's backbone, made with its preprocessing. `share` of the rows of
    /// each class is held back for validation, drawn by the options' seed; with a share of 0 nothing is, as cross-validation
    /// wants it.
    ///
    /// The head is the one that [`Trainer::train`] gives for the photos in the order of their rows, bit for bit. The samples of
    /// the dataset are named `CLASS/NUMBER`, by the number of the row.
    ///
    /// # Errors
    /// [`Error::Setting`] for features of another length than the backbone gives or that are no numbers, labels that are no
    /// class, and fine-tuning, which needs photos; [`Error::EmptyClass`], [`Error::NoValidation`] for too few rows; otherwise
    /// what [`Trainer::train`] returns.
    pub fn train_on_features(
        &self,
        classes: Vec<String>,
        set: &FeatureSet,
        share: f64,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Trained, Error> {
        self.check_options()?;
        self.check_features(&classes, set)?;
        let labels: Vec<usize> = set.labels().iter().map(|&label| label as usize).collect();
        let seed = self.options.seed;
        let parts = match (share, set.groups()) {
            (0.0, _) => vec![Part::Train; labels.len()],
            (_, Some(groups)) => split_groups(&labels, groups, share, seed)?,
            (_, None) => split(&labels, share, seed)?,
        };
        let of = |wanted: Part| -> Result<PhotoSet, Error> {
            let rows: Vec<usize> = (0..labels.len()).filter(|&row| parts[row] == wanted).collect();
            let name = |row: usize| PathBuf::from(format!("{}/{row}", classes[labels[row]]));
            let samples = rows.iter().map(|&row| Sample { path: name(row), class: labels[row] }).collect();
            Ok(PhotoSet { samples, features: set.rows(&rows)? })
        };
        let (train, val, test) = (of(Part::Train)?, of(Part::Val)?, of(Part::Test)?);
        if val.samples.is_empty() && self.folds.is_none() {
            return Err(Error::NoValidation { share });
        }
        let counts = train.features.counts(classes.len());
        if let Some(class) = counts.iter().position(|count| *count == 0) {
            return Err(Error::EmptyClass { class: classes[class].clone(), part: "training" });
        }
        let dataset = Dataset::of_parts(classes, train.samples.clone(), val.samples.clone());
        self.check_folds(&dataset)?;
        // Groups of the set are none of the trainer's: without this the folds would be refused when the head is trained.
        if let (Some(folds), Some(_)) = (self.folds, train.features.groups()) {
            train.features.folds(folds, seed).map_err(|error| by_groups(error, &dataset.classes))?;
        }
        self.on_features(Photos::of_sets([train, val, test], fingerprint(set)), &dataset, None, event)
    }

    /// Whether the rows are features that a head can be trained on.
    fn check_features(&self, classes: &[String], set: &FeatureSet) -> Result<(), Error> {
        let refuse = |what, reason: String| Err(Error::Setting { what, reason });
        check_classes(classes).map_err(|reason| Error::Setting { what: "classes", reason })?;
        if self.options.tuning.is_some() {
            let reason = "blocks of the net learn from photos, and there are features alone; leave it out, or train on photos";
            return refuse("unfreeze", reason.to_owned());
        }
        if self.groups.is_some() {
            return refuse(
                "groups",
                "rows are no photos that a rule could group; give the set its groups".to_owned(),
            );
        }
        if self.views != Views::Plain || set.has_views() {
            return refuse(
                "features",
                "one row is learned from for each photo; leave views out, or train on photos".to_owned(),
            );
        }
        let (len, needed) = (set.width(), self.backbone.features());
        if len != needed {
            return refuse("features", format!("{len} a row, and the backbone gives {needed}"));
        }
        let is_whole = |row: &usize| set.row(*row).iter().all(|value| value.is_finite());
        if let Some(row) = (0..set.len()).find(|row| !is_whole(row)) {
            return refuse("features", format!("row {row} holds what is no number"));
        }
        match set.labels().iter().position(|&label| label as usize >= classes.len()) {
            Some(row) => {
                let (label, known) = (set.labels()[row], classes.len());
                refuse("labels", format!("row {row} is of class {label}, and there are {known}"))
            }
            None => Ok(()),
        }
    }
}

/// A text that tells these rows from others.
fn fingerprint(set: &FeatureSet) -> String {
    let mut hasher = Hasher::new();
    set.labels().iter().for_each(|label| hasher.update(&label.to_le_bytes()));
    for row in 0..set.len() {
        hasher.update(&set.row(row).iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    }
    hasher.digest().to_string()
}
