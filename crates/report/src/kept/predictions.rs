//! What a trained model says of every photo that was read, as its run keeps it.

use icecap::Trained;
use icecap::advanced::data::Part;
use icecap::explain::FeatureMap;
use icecap::learn::PhotoSet;

use crate::error::Error;
use crate::run::photo_names::PhotoNames;
use crate::run::predictions::{Said, Seen, header, line};

/// More logits than this in all are left out: the file would have more than some fifty megabytes of them.
const MAX_LOGITS: usize = 4_000_000;

/// Returns the text of `predictions.csv`.
///
/// # Errors
/// If there is no photo.
pub fn csv(trained: &Trained, names: &PhotoNames) -> Result<String, Error> {
    let classes = trained.classifier.classes();
    let photos: usize = parts(trained).iter().map(|(_, set)| set.samples.len()).sum();
    let with_logits = photos.saturating_mul(classes.len()) <= MAX_LOGITS;
    let mut text = header(if with_logits { classes } else { &[] });
    each(trained, names, |seen, said| {
        let said = if with_logits { said } else { Said { novelty: said.novelty, ..Said::default() } };
        text += &line(&seen, classes, &said);
    })?;
    Ok(text)
}

/// Returns the photos as a run reads them again from `predictions.csv`.
///
/// # Errors
/// If there is no photo.
pub fn seen(trained: &Trained, names: &PhotoNames) -> Result<Vec<Seen>, Error> {
    let mut photos = Vec::new();
    each(trained, names, |seen, _| photos.push(seen))?;
    Ok(photos)
}

fn parts(trained: &Trained) -> [(Part, &PhotoSet); 3] {
    [(Part::Train, &trained.train_set), (Part::Val, &trained.val_set), (Part::Test, &trained.test_set)]
}

/// Hands each photo to `take`, with what the model says of it.
fn each(trained: &Trained, names: &PhotoNames, mut take: impl FnMut(Seen, Said)) -> Result<(), Error> {
    let parts = parts(trained);
    let map = FeatureMap::fit(&parts.map(|(_, set)| &set.features))?;
    for (part, set) in parts {
        let data = set.features.features().data();
        let width = data.len() / set.samples.len().max(1);
        for (sample, row) in set.samples.iter().zip(data.chunks_exact(width.max(1))) {
            let said = trained.classifier.of_features(row);
            let seen = Seen {
                part,
                path: names.name(part, &sample.path).into(),
                class: sample.class,
                predicted: said.class,
                probability: said.probability,
                true_probability: said.probabilities[sample.class],
                place: Some(map.place(row)),
            };
            take(
                seen,
                Said { logits: said.logits, probabilities: said.probabilities, novelty: said.novelty },
            );
        }
    }
    Ok(())
}
