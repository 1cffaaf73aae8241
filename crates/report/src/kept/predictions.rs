//! What a trained model says of every photo that was read, as its run keeps it.

use icecap::Trained;
use icecap::advanced::data::Part;
use icecap::explain::FeatureMap;
use icecap::learn::{FeatureSet, PhotoSet};

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
    let sets = sets(trained);
    let map = FeatureMap::fit(&sets.map(|(_, set)| &set.features))?;
    let photos: usize = sets.iter().map(|(_, set)| set.samples.len()).sum();
    let with_logits = photos.saturating_mul(classes.len()) <= MAX_LOGITS;
    let mut text = header(if with_logits { classes } else { &[] });
    each(trained, names, |row, seen, said| {
        let said = if with_logits { said } else { Said { novelty: said.novelty, ..Said::default() } };
        text += &line(&Seen { place: Some(map.place(row)), ..seen }, classes, &said);
    });
    Ok(text)
}

/// Returns the photos as a run reads them again from `predictions.csv`, but without their places on the map, which [`place`] fills
/// in: to find these takes longer than all else.
#[must_use]
pub fn seen(trained: &Trained, names: &PhotoNames) -> Vec<Seen> {
    let mut photos = Vec::new();
    each(trained, names, |_, seen, _| photos.push(seen));
    photos
}

/// Gives `photos` their places on the map of `features`: those of the training, validation and test photos, a row for each photo in
/// their order.
///
/// # Errors
/// If there is no photo.
pub fn place(photos: &mut [Seen], features: &[FeatureSet; 3]) -> Result<(), icecap::Error> {
    let map = FeatureMap::fit(&features.each_ref())?;
    for (seen, row) in photos.iter_mut().zip(features.iter().flat_map(rows)) {
        seen.place = Some(map.place(row));
    }
    Ok(())
}

fn sets(trained: &Trained) -> [(Part, &PhotoSet); 3] {
    [(Part::Train, &trained.train_set), (Part::Val, &trained.val_set), (Part::Test, &trained.test_set)]
}

/// The rows of a set, which may have none.
fn rows(set: &FeatureSet) -> impl Iterator<Item = &[f32]> {
    let data = set.features().data();
    data.chunks_exact((data.len() / set.labels().len().max(1)).max(1))
}

/// Hands each photo to `take`, without its place, with its row of features and what the model says of it.
fn each(trained: &Trained, names: &PhotoNames, mut take: impl FnMut(&[f32], Seen, Said)) {
    for (part, set) in sets(trained) {
        for (sample, row) in set.samples.iter().zip(rows(&set.features)) {
            let said = trained.classifier.of_features(row);
            let seen = Seen {
                part,
                path: names.name(part, &sample.path).into(),
                class: sample.class,
                predicted: said.class,
                probability: said.probability,
                true_probability: said.probabilities[sample.class],
                place: None,
            };
            let said = Said { logits: said.logits, probabilities: said.probabilities, novelty: said.novelty };
            take(row, seen, said);
        }
    }
}
