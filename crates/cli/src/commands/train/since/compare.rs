//! Two models on the same photos.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap::advanced::data::Cache;
use icecap::advanced::graph::Tap;
use icecap::model::Extractor;
use icecap::{Classifier, Trained};
use serde::Serialize;

use crate::photos::batches::for_each_photo;
use crate::terminal::failure::Failure;
use crate::terminal::table::table;
use crate::terminal::wording::{counted, plain, plain_path};

/// What came and went since the earlier run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Counts {
    pub(super) photos_then: usize,
    pub(super) photos_now: usize,
    pub(super) new: usize,
    pub(super) gone: usize,
    pub(super) new_classes: Vec<String>,
    pub(super) gone_classes: Vec<String>,
}

/// An earlier model and a new one on the validation photos of the new run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    run: String,
    #[serde(flatten)]
    counts: Counts,
    /// Photos of classes that both know, and how many each has right.
    photos: usize,
    old_right: usize,
    new_right: usize,
    old_accuracy: Option<f64>,
    new_accuracy: Option<f64>,
    /// Of these, those that only one of the two has right.
    only_old_right: usize,
    only_new_right: usize,
    /// Photos of classes that the old model does not know.
    unknown_photos: usize,
    unknown_new_right: usize,
    /// Validation photos that are left out of all this, since the old model has learned from them.
    left_out: usize,
}

impl Comparison {
    pub(super) fn new(
        run: &Path,
        counts: Counts,
        learned: &HashSet<PathBuf>,
        old: &Classifier,
        trained: &Trained,
        cache: Option<Arc<Cache>>,
    ) -> Result<Self, Failure> {
        let mut all = Self {
            run: run.to_string_lossy().into_owned(),
            counts,
            photos: 0,
            old_right: 0,
            new_right: 0,
            old_accuracy: None,
            new_accuracy: None,
            only_old_right: 0,
            only_new_right: 0,
            unknown_photos: 0,
            unknown_new_right: 0,
            left_out: 0,
        };
        let new = &trained.classifier;
        let rows = trained.val_set.features.features().data().chunks_exact(new.backbone().features());
        let said = of_old(old, trained, cache)?;
        for ((sample, row), said) in trained.val_set.samples.iter().zip(rows).zip(said) {
            let class = &new.classes()[sample.class];
            let new_right = new.of_features(row).class == sample.class;
            if learned.contains(&sample.path) {
                all.left_out += 1;
            } else if old.classes().contains(class) {
                all.add(said.is_some_and(|said| old.classes()[said] == *class), new_right);
            } else {
                all.unknown_photos += 1;
                all.unknown_new_right += usize::from(new_right);
            }
        }
        all.old_accuracy = share(all.old_right, all.photos);
        all.new_accuracy = share(all.new_right, all.photos);
        Ok(all)
    }

    fn add(&mut self, old_right: bool, new_right: bool) {
        self.photos += 1;
        self.old_right += usize::from(old_right);
        self.new_right += usize::from(new_right);
        self.only_old_right += usize::from(old_right && !new_right);
        self.only_new_right += usize::from(new_right && !old_right);
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let Counts { photos_then, photos_now, new, gone, new_classes, gone_classes } = &self.counts;
        let mut text = format!(
            "since       {}: {photos_then} photos then, {photos_now} now; {new} new, {gone} gone\n",
            plain_path(Path::new(&self.run)),
        );
        for (what, classes) in [("new", new_classes), ("gone", gone_classes)] {
            if !classes.is_empty() {
                text += &format!("            {what}: {}\n", named(classes));
            }
        }
        let accuracy = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.4}"));
        let mut rows = vec![vec![
            "of classes that both know".to_owned(),
            self.photos.to_string(),
            accuracy(self.old_accuracy),
            accuracy(self.new_accuracy),
        ]];
        if self.unknown_photos > 0 {
            rows.push(vec![
                "of classes new since".to_owned(),
                self.unknown_photos.to_string(),
                "-".to_owned(),
                accuracy(share(self.unknown_new_right, self.unknown_photos)),
            ]);
        }
        text +=
            &table(&["accuracy on validation photos", "photos", "old model", "new model"], &[1, 2, 3], rows);
        text += &format!(
            "\nonly right  {} with the old, {} with the new\n",
            self.only_old_right, self.only_new_right
        );
        if self.left_out > 0 {
            let photos = counted(self.left_out, "validation photo");
            text += &format!("left out    {photos} that the old model has learned from\n");
        }
        text + "\n"
    }
}

/// The class that the old model names for each validation photo; none for one that it cannot read. On the same backbone,
/// from photos made ready alike, it goes by the features that are there.
fn of_old(
    old: &Classifier,
    trained: &Trained,
    cache: Option<Arc<Cache>>,
) -> Result<Vec<Option<usize>>, Failure> {
    let (new, set) = (&trained.classifier, &trained.val_set);
    let params = |of: &Classifier| of.backbone().record().params_sha256;
    if params(old) == params(new) && old.preprocessing() == new.preprocessing() {
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

fn share(right: usize, photos: usize) -> Option<f64> {
    (photos > 0).then(|| right as f64 / photos as f64)
}

fn named(classes: &[String]) -> String {
    /// Names that fit a line or two.
    const MOST: usize = 20;
    let mut names: Vec<String> = classes.iter().take(MOST).map(|class| plain(class).into_owned()).collect();
    if classes.len() > MOST {
        names.push(format!("{} more", classes.len() - MOST));
    }
    let noun = if classes.len() == 1 { "class" } else { "classes" };
    format!("{noun} {}", names.join(", "))
}
