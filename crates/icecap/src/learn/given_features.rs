//! Training on features of photos that were made before: the training of those photos, without one of them being read.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use icecap_data::{Digest, Part, Sample, Views};
use icecap_kernels::{Shape, Tensor};

use crate::error::Error;
use crate::learn::dataset::Dataset;
use crate::learn::photo_features::Gathered;
use crate::learn::photo_set::SkippedPhoto;
use crate::learn::trained::{Event, Trained};
use crate::learn::trainer::Trainer;
use crate::model::extraction::Extracted;

/// Pooled features of the photos of a dataset, which were made before, each put where its photo stands in the training. They
/// may come in any order; there is one copy of them.
#[derive(Debug)]
pub struct GivenFeatures<'d> {
    dataset: &'d Dataset,
    started: Instant,
    /// Values of a row.
    len: usize,
    /// The rows of each part.
    sets: [Tensor; 3],
    /// The part and row of each photo.
    places: HashMap<&'d Path, (Part, usize)>,
    /// The hash of each photo, by part; `None` until its features come.
    hashes: [Vec<Option<Digest>>; 3],
}

impl<'d> GivenFeatures<'d> {
    /// Makes room for features of the photos of `dataset`, of `len` values each.
    ///
    /// # Errors
    /// [`Error::Kernel`] if they are too many for a tensor.
    pub fn new(dataset: &'d Dataset, len: usize) -> Result<Self, Error> {
        let parts = [&dataset.train, &dataset.val, &dataset.test];
        let mut places = HashMap::with_capacity(parts.iter().map(|part| part.len()).sum());
        for (part, samples) in [Part::Train, Part::Val, Part::Test].into_iter().zip(parts) {
            places.extend(samples.iter().enumerate().map(|(row, sample)| (&*sample.path, (part, row))));
        }
        let zeros = |samples: &Vec<Sample>| Ok::<_, Error>(Tensor::zeros(Shape::new(&[samples.len(), len])?));
        let [train, val, test] = parts;
        let sets = [zeros(train)?, zeros(val)?, zeros(test)?];
        let hashes = parts.map(|part| vec![None; part.len()]);
        Ok(Self { dataset, started: Instant::now(), len, sets, places, hashes })
    }

    /// Puts the features of the photo at `path` in their place, and returns whether it is one of the dataset. `sha256` is the hash
    /// of the photo's file, by which a model tells what it learned from; that of the features where nobody knows it.
    ///
    /// # Errors
    /// [`Error::Setting`] for features that are no numbers or of another length, and for a photo that has some already.
    pub fn put(&mut self, path: &Path, sha256: Option<Digest>, features: &[f32]) -> Result<bool, Error> {
        let Some(&(part, row)) = self.places.get(path) else { return Ok(false) };
        let refuse = |reason: String| {
            let reason = format!("{}: {reason}", path.display());
            Err(Error::Setting { what: "features", reason })
        };
        if features.len() != self.len {
            return refuse(format!("{} values, where {} are needed", features.len(), self.len));
        }
        if !features.iter().all(|value| value.is_finite()) {
            return refuse("one of the values is no number".to_owned());
        }
        let of_bytes =
            || Digest::of(&features.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
        let hash = sha256.unwrap_or_else(of_bytes);
        if self.hashes[part as usize][row].replace(hash).is_some() {
            return refuse("has features twice; leave one of them out".to_owned());
        }
        self.sets[part as usize].data_mut()[row * self.len..][..self.len].copy_from_slice(features);
        Ok(true)
    }
}

impl Trainer {
    /// Trains a head on features that were made before, of this trainer's backbone and with its preprocessing: the head, bit for
    /// bit, that [`Trainer::train`] gives for the same dataset. `skipped` are photos that could not be read by then; they are
    /// told of, and an error where the trainer is strict.
    ///
    /// # Errors
    /// [`Error::Setting`] for a photo without features, features of another length than the backbone gives, fine-tuning and views,
    /// which need photos; otherwise what [`Trainer::train`] returns.
    pub fn train_on_given(
        &self,
        given: GivenFeatures<'_>,
        skipped: Vec<SkippedPhoto>,
        event: &(dyn Fn(Event<'_>) -> ControlFlow<()> + Sync),
    ) -> Result<Trained, Error> {
        let GivenFeatures { dataset, started, len, sets, hashes, .. } = given;
        self.check_given(len)?;
        self.check_folds(dataset)?;
        if let Some(first) = skipped.first().filter(|_| self.strict) {
            let photos = dataset.samples().count() + skipped.len();
            return Err(Error::Skipped { skipped: skipped.len(), photos, first: first.reason.clone() });
        }
        let mut gathered = Gathered::new(len, 1, skipped);
        for ((part, sample), hash) in dataset.samples().zip(hashes.into_iter().flatten()) {
            let Some(sha256) = hash else {
                let reason = format!("{}: there are none of it", sample.path.display());
                return Err(Error::Setting { what: "features", reason });
            };
            let photo = Extracted { sha256, warnings: Vec::new(), cached: false, about: None };
            gathered.add(dataset, (part, sample), &photo, 0..0);
        }
        if event(Event::Extracted(&gathered.report)).is_break() {
            return Err(Error::Stopped);
        }
        let (validated, groups) = (self.folds.is_none(), self.groups.as_ref());
        let photos = gathered.finish_sorted(sets, &dataset.classes, validated, groups)?;
        let features_time = started.elapsed();
        let trained = self.on_features(photos, dataset, None, event)?;
        Ok(Trained { features_time, ..trained })
    }

    /// Whether the options can be obeyed without photos.
    fn check_given(&self, len: usize) -> Result<(), Error> {
        self.check_options()?;
        let refuse = |what, reason: String| Err(Error::Setting { what, reason });
        if self.options.tuning.is_some() {
            let reason = "blocks of the net learn from photos, and there are features alone; leave it out, or train on photos";
            return refuse("unfreeze", reason.to_owned());
        }
        if self.views != Views::Plain {
            let reason =
                "views are made of photos, and there are features alone; leave them out, or train on photos";
            return refuse("augment", reason.to_owned());
        }
        match self.backbone.features() {
            needed if needed == len => Ok(()),
            needed => refuse("features", format!("{len} a row, and the backbone gives {needed}")),
        }
    }
}
