//! The features of a training's photos, sorted into its parts as they come.

use std::collections::HashMap;

use icecap_data::{Digest, Groups, Part, Sample};
use icecap_kernels::{Shape, Tensor};

use crate::error::Error;
use crate::learn::dataset::Dataset;
use crate::learn::feature_set::FeatureSet;
use crate::learn::photo_set::{PhotoReport, PhotoSet, SkippedPhoto, Twin};
use crate::model::extractor::Extracted;

/// Features of the readable photos, by part.
pub(crate) struct Photos {
    pub(crate) train: PhotoSet,
    pub(crate) val: PhotoSet,
    pub(crate) test: PhotoSet,
    /// The rows that are learned from, if those are several views of each training photo.
    views: Option<FeatureSet>,
    pub(crate) report: PhotoReport,
    pub(crate) fingerprint: String,
    /// The number of each photo's plain row among those at a tap, by part.
    pub(crate) numbers: [Vec<u32>; 3],
    /// The hash of each training photo.
    pub(crate) hashes: Vec<Digest>,
}

impl Photos {
    /// How many rows each training photo is learned from by.
    pub(crate) fn views(&self) -> usize {
        self.learned().len() / self.train.features.len().max(1)
    }

    /// What the head learns from.
    pub(crate) fn learned(&self) -> &FeatureSet {
        self.views.as_ref().unwrap_or(&self.train.features)
    }
}

/// Rows of features as they are sorted into their parts.
pub(crate) struct Gathered {
    /// Values of a row.
    len: usize,
    /// Rows of a training photo.
    views: usize,
    parts: [(Vec<f32>, Vec<Sample>); 3],
    /// All rows of the training photos, if there are several of each.
    learned: Vec<f32>,
    pub(crate) report: PhotoReport,
    /// The class and hash of every photo that is learned from.
    fingerprint: Vec<u8>,
    /// The first photo of each content.
    known: HashMap<Digest, (Part, Sample)>,
    /// How many rows photos so far have had.
    rows: u32,
    numbers: [Vec<u32>; 3],
    hashes: Vec<Digest>,
}

impl Gathered {
    /// Nothing so far, but for the photos that were `skipped`.
    pub(crate) fn new(len: usize, views: usize, skipped: Vec<SkippedPhoto>) -> Self {
        Self {
            len,
            views,
            parts: Default::default(),
            learned: Vec::new(),
            report: PhotoReport { skipped, ..PhotoReport::default() },
            fingerprint: Vec::new(),
            known: HashMap::new(),
            rows: 0,
            numbers: Default::default(),
            hashes: Vec::new(),
        }
    }

    /// Takes the rows of a photo in: the plain one first, and of a training photo those of its further views.
    pub(crate) fn add(
        &mut self,
        dataset: &Dataset,
        (part, sample): (Part, &Sample),
        photo: &Extracted,
        views: &[f32],
    ) {
        self.numbers[part as usize].push(self.rows);
        self.rows += (views.len() / self.len) as u32;
        let (rows, samples) = &mut self.parts[part as usize];
        rows.extend_from_slice(&views[..self.len]);
        samples.push(sample.clone());
        self.report.read += 1;
        self.report.cached += usize::from(photo.cached);
        self.compare(part, sample, photo.sha256);
        self.report.warnings.extend(photo.warnings.iter().map(|w| (sample.path.clone(), *w)));
        if part == Part::Train {
            self.hashes.push(photo.sha256);
            if self.views > 1 {
                self.learned.extend_from_slice(views);
            }
            self.fingerprint.extend(dataset.classes[sample.class].as_bytes());
            self.fingerprint.push(0);
            self.fingerprint.extend(photo.sha256.0);
        }
    }

    /// Notes a photo whose file was there before.
    fn compare(&mut self, part: Part, sample: &Sample, sha256: Digest) {
        let (known, first) = self.known.entry(sha256).or_insert_with(|| (part, sample.clone()));
        if first.path != sample.path {
            self.report.twins.push(Twin {
                path: sample.path.clone(),
                first: first.path.clone(),
                other_class: first.class != sample.class,
                other_part: *known != part && (*known == Part::Train || part == Part::Train),
            });
        }
    }

    /// Returns the features by part. Every class must have a training photo, and there must be a validation photo if it has
    /// to be `validated`.
    pub(crate) fn finish(
        self,
        classes: &[String],
        validated: bool,
        groups: Option<&Groups>,
    ) -> Result<Photos, Error> {
        let [train, val, test] = self.parts;
        for (index, class) in classes.iter().enumerate() {
            if !train.1.iter().any(|sample| sample.class == index) {
                return Err(Error::EmptyClass { class: class.clone(), part: "training" });
            }
        }
        if validated && val.1.is_empty() {
            return Err(Error::NoPhotos { part: "validation" });
        }
        let set = |(rows, samples): (Vec<f32>, Vec<Sample>)| -> Result<PhotoSet, Error> {
            let features = features(&rows, self.len, samples.iter().map(|sample| sample.class as u32))?;
            Ok(PhotoSet { samples, features })
        };
        let mut train = set(train)?;
        if let Some(groups) = groups {
            train.features = train.features.with_groups(groups.numbers(&train.samples))?;
        }
        let views = match self.views {
            0 | 1 => None,
            views => Some(all_views(&self.learned, views, &train.features)?),
        };
        Ok(Photos {
            train,
            val: set(val)?,
            test: set(test)?,
            views,
            report: self.report,
            fingerprint: Digest::of(&self.fingerprint).to_string(),
            numbers: self.numbers,
            hashes: self.hashes,
        })
    }
}

fn features(rows: &[f32], len: usize, labels: impl Iterator<Item = u32>) -> Result<FeatureSet, Error> {
    let labels: Vec<u32> = labels.collect();
    FeatureSet::new(Tensor::from_slice(Shape::new(&[labels.len(), len])?, rows)?, labels)
}

/// A row for each view. Those of a photo are a group: a view of a photo that is learned from says nothing of how well
/// others are known.
fn all_views(rows: &[f32], views: usize, plain: &FeatureSet) -> Result<FeatureSet, Error> {
    let of = |values: &[u32]| {
        values.iter().flat_map(|&value| std::iter::repeat_n(value, views)).collect::<Vec<_>>()
    };
    let groups = match plain.groups() {
        Some(groups) => of(groups),
        None => of(&(0..plain.len() as u32).collect::<Vec<_>>()),
    };
    let len = plain.features().shape().dims()[1];
    let is_plain = (0..groups.len()).map(|row| row % views == 0).collect();
    features(rows, len, of(plain.labels()).into_iter())?.with_groups(groups)?.with_views(is_plain)
}
