//! `predictions.csv` of a training: what the trained model says of every photo that was read.

use icecap::Trained;
use icecap::advanced::data::{Part, csv_record};
use icecap::explain::FeatureMap;

use crate::run::predictions::COLUMNS;
use crate::terminal::failure::Failure;

/// More logits than this in all are left out: the file would have more than some fifty megabytes of them.
const MAX_LOGITS: usize = 4_000_000;

/// The file's text.
pub(super) fn csv(trained: &Trained) -> Result<String, Failure> {
    let parts =
        [(Part::Train, &trained.train_set), (Part::Val, &trained.val_set), (Part::Test, &trained.test_set)];
    let map = FeatureMap::fit(&parts.map(|(_, set)| &set.features))?;
    let classifier = &trained.classifier;
    let classes = classifier.classes();
    let photos: usize = parts.iter().map(|(_, set)| set.samples.len()).sum();
    let with_logits = photos.saturating_mul(classes.len()) <= MAX_LOGITS;
    let mut text = csv_record(COLUMNS);
    for (part, set) in parts {
        let data = set.features.features().data();
        let width = data.len() / set.samples.len().max(1);
        for (sample, row) in set.samples.iter().zip(data.chunks_exact(width.max(1))) {
            let said = classifier.of_features(row);
            let logits: Vec<String> = match with_logits {
                true => said.logits.iter().map(f32::to_string).collect(),
                false => Vec::new(),
            };
            let [x, y] = map.place(row);
            text += &csv_record([
                part.name(),
                &sample.path.to_string_lossy(),
                &classes[sample.class],
                &said.label,
                &said.probability.to_string(),
                &said.probabilities[sample.class].to_string(),
                &logits.join(" "),
                &x.to_string(),
                &y.to_string(),
            ]);
        }
    }
    Ok(text)
}
