//! What a model file keeps of its training.

use crate::learn::dataset::Dataset;
use crate::learn::options::TrainOptions;
use crate::learn::photo_features::Photos;
use crate::model::classifier::Provenance;

/// Returns what is kept of a training of `kept` epochs by `done`.
pub(crate) fn provenance(dataset: &Dataset, photos: &Photos, done: &TrainOptions, kept: u32) -> Provenance {
    let mut training = done.metadata();
    // A solver without epochs in its options has gone through some all the same.
    training.insert("epochs".to_owned(), kept.to_string());
    Provenance { classes: dataset.classes.clone(), data_fingerprint: photos.fingerprint.clone(), training }
}
