//! What a trained model says of every photo that was read, as its run keeps it.

use icecap::Trained;
use icecap::advanced::data::Part;
use icecap::explain::FeatureMap;

use crate::run::photo_names::PhotoNames;
use crate::run::predictions::{Said, Seen, header, line};
use crate::terminal::failure::Failure;

/// More logits than this in all are left out: the file would have more than some fifty megabytes of them.
const MAX_LOGITS: usize = 4_000_000;

/// Returns the text of `predictions.csv`.
pub(in crate::commands) fn csv(trained: &Trained, names: &PhotoNames) -> Result<String, Failure> {
    let parts =
        [(Part::Train, &trained.train_set), (Part::Val, &trained.val_set), (Part::Test, &trained.test_set)];
    let map = FeatureMap::fit(&parts.map(|(_, set)| &set.features))?;
    let classifier = &trained.classifier;
    let classes = classifier.classes();
    let photos: usize = parts.iter().map(|(_, set)| set.samples.len()).sum();
    let with_logits = photos.saturating_mul(classes.len()) <= MAX_LOGITS;
    let mut text = header(if with_logits { classes } else { &[] });
    for (part, set) in parts {
        let data = set.features.features().data();
        let width = data.len() / set.samples.len().max(1);
        for (sample, row) in set.samples.iter().zip(data.chunks_exact(width.max(1))) {
            let said = classifier.of_features(row);
            let seen = Seen {
                part,
                path: names.name(part, &sample.path).into(),
                class: sample.class,
                predicted: said.class,
                probability: said.probability,
                true_probability: said.probabilities[sample.class],
                place: Some(map.place(row)),
            };
            let (logits, probabilities) = match with_logits {
                true => (said.logits, said.probabilities),
                false => Default::default(),
            };
            text += &line(&seen, classes, &Said { logits, probabilities, novelty: said.novelty });
        }
    }
    Ok(text)
}
