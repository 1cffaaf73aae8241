//! Two models on the same photos.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use icecap::advanced::data::Cache;
use icecap::advanced::graph::Tap;
use icecap::model::Extractor;
use icecap::{Classifier, Trained};

use crate::photos::batches::for_each_photo;
use crate::run::since::Comparison;
use crate::terminal::failure::Failure;

/// The model of an earlier run.
pub(super) struct Earlier {
    pub(super) model: Classifier,
    /// Photos of the new run that this model has learned from.
    pub(super) learned: HashSet<PathBuf>,
}

/// Tries both models on the validation photos of the new run. What the result says of the runs themselves, their folder
/// and what came and went, is left for the caller to fill in.
pub(super) fn compare(
    earlier: &Earlier,
    trained: &Trained,
    cache: Option<Arc<Cache>>,
) -> Result<Comparison, Failure> {
    let (old, new) = (&earlier.model, &trained.classifier);
    let mut all = Comparison::default();
    let rows = trained.val_set.features.features().data().chunks_exact(new.backbone().features());
    let said = of_old(old, trained, cache)?;
    for ((sample, row), said) in trained.val_set.samples.iter().zip(rows).zip(said) {
        let class = &new.classes()[sample.class];
        let new_right = new.of_features(row).class == sample.class;
        if earlier.learned.contains(&sample.path) {
            all.left_out += 1;
        } else if old.classes().contains(class) {
            add(&mut all, said.is_some_and(|said| old.classes()[said] == *class), new_right);
        } else {
            all.unknown_photos += 1;
            all.unknown_new_right += usize::from(new_right);
        }
    }
    all.old_accuracy = share(all.old_right, all.photos);
    all.new_accuracy = share(all.new_right, all.photos);
    Ok(all)
}

/// Counts a photo of a class that both models know.
fn add(all: &mut Comparison, old_right: bool, new_right: bool) {
    all.photos += 1;
    all.old_right += usize::from(old_right);
    all.new_right += usize::from(new_right);
    all.only_old_right += usize::from(old_right && !new_right);
    all.only_new_right += usize::from(new_right && !old_right);
}

/// Returns the class that the old model names for each validation photo; `None` for one that it cannot read. If both models
/// have the same backbone and prepare photos alike, the features that are there are used again.
fn of_old(
    old: &Classifier,
    trained: &Trained,
    cache: Option<Arc<Cache>>,
) -> Result<Vec<Option<usize>>, Failure> {
    let (new, set) = (&trained.classifier, &trained.val_set);
    let net = |of: &Classifier| of.backbone().net_sha256();
    if net(old) == net(new) && old.preprocessing() == new.preprocessing() {
        let rows = set.features.features().data().chunks_exact(new.backbone().features());
        return Ok(rows.map(|row| Some(old.of_features(row).class)).collect());
    }
    let mut extractor = Extractor::new(old.backbone(), old.preprocessing(), Tap::Pooled)?.with_cache(cache);
    let photos: Vec<PathBuf> = set.samples.iter().map(|sample| sample.path.clone()).collect();
    let mut said = Vec::with_capacity(photos.len());
    for_each_photo(&mut extractor, old.backbone().threads().count(), &photos, |_, outcome| {
        said.push(outcome.ok().map(|(row, _)| old.of_features(row).class));
        Ok(())
    })?;
    Ok(said)
}

/// Returns the share of `photos` that are right; `None` if there are no photos.
pub(super) fn share(right: usize, photos: usize) -> Option<f64> {
    (photos > 0).then(|| right as f64 / photos as f64)
}
