//! The features of a training's photos, sorted into its parts as they come.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use icecap_data::{Digest, Groups, Part, Sample};
use icecap_kernels::{Shape, Tensor};

use crate::error::Error;
use crate::learn::dataset::Dataset;
use crate::learn::feature_set::FeatureSet;
use crate::learn::photo_set::{PhotoReport, PhotoSet, SkippedPhoto, Twin};
use crate::model::extraction::Extracted;

/// How many values that are not needed any more are kept, at most.
const PIECE: usize = 4 << 20;

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
    /// Features that came without photos.
    pub(crate) fn of_sets([train, val, test]: [PhotoSet; 3], fingerprint: String) -> Self {
        let read = train.samples.len() + val.samples.len() + test.samples.len();
        let report = PhotoReport { read, ..PhotoReport::default() };
        let (numbers, hashes) = Default::default();
        Self { train, val, test, views: None, report, fingerprint, numbers, hashes }
    }

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
    /// The photos of each part, and where the rows of each are among those that were read.
    parts: [(Vec<Range<usize>>, Vec<Sample>); 3],
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
            report: PhotoReport { skipped, ..PhotoReport::default() },
            fingerprint: Vec::new(),
            known: HashMap::new(),
            rows: 0,
            numbers: Default::default(),
            hashes: Vec::new(),
        }
    }

    /// Takes a photo in, and where its rows are: the plain one first, and of a training photo those of its further views.
    pub(crate) fn add(
        &mut self,
        dataset: &Dataset,
        (part, sample): (Part, &Sample),
        photo: &Extracted,
        place: Range<usize>,
    ) {
        self.numbers[part as usize].push(self.rows);
        self.rows += (place.len() / self.len) as u32;
        let (places, samples) = &mut self.parts[part as usize];
        places.push(place);
        samples.push(sample.clone());
        self.report.read += 1;
        self.report.cached += usize::from(photo.cached);
        self.compare(part, sample, photo.sha256);
        self.report.warnings.extend(photo.warnings.iter().map(|w| (sample.path.clone(), *w)));
        if part == Part::Train {
            self.hashes.push(photo.sha256);
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

    /// Returns the features by part, from the `rows` that were read. Every class must have a training photo, and there must be
    /// a validation photo if it has to be `validated`.
    pub(crate) fn finish(
        self,
        rows: Vec<f32>,
        classes: &[String],
        validated: bool,
        groups: Option<&Groups>,
    ) -> Result<Photos, Error> {
        self.check(classes, validated)?;
        let (features, views) = self.sorted(rows)?;
        self.complete(features, views, groups)
    }

    /// Returns the features by part, which came in their places; as [`Gathered::finish`] otherwise.
    pub(crate) fn finish_sorted(
        self,
        features: [Tensor; 3],
        classes: &[String],
        validated: bool,
        groups: Option<&Groups>,
    ) -> Result<Photos, Error> {
        self.check(classes, validated)?;
        self.complete(features, None, groups)
    }

    /// Whether there are photos of every class to learn from, and some to validate with.
    fn check(&self, classes: &[String], validated: bool) -> Result<(), Error> {
        let [train, val, _] = &self.parts;
        let mut is_there = vec![false; classes.len()];
        train.1.iter().for_each(|sample| is_there[sample.class] = true);
        if let Some(index) = is_there.iter().position(|is_there| !is_there) {
            return Err(Error::EmptyClass { class: classes[index].clone(), part: "training" });
        }
        match validated && val.1.is_empty() {
            true => Err(Error::NoPhotos { part: "validation" }),
            false => Ok(()),
        }
    }

    fn complete(
        self,
        [of_train, of_val, of_test]: [Tensor; 3],
        of_views: Option<Tensor>,
        groups: Option<&Groups>,
    ) -> Result<Photos, Error> {
        let [train, val, test] = self.parts;
        let set = |(_, samples): (Vec<Range<usize>>, Vec<Sample>), features| -> Result<PhotoSet, Error> {
            let labels = samples.iter().map(|sample| sample.class as u32).collect();
            Ok(PhotoSet { features: FeatureSet::new(features, labels)?, samples })
        };
        let mut train = set(train, of_train)?;
        if let Some(groups) = groups {
            train.features = train.features.with_groups(groups.numbers(&train.samples))?;
        }
        let views = of_views.map(|rows| all_views(rows, self.views, &train.features)).transpose()?;
        Ok(Photos {
            train,
            val: set(val, of_val)?,
            test: set(test, of_test)?,
            views,
            report: self.report,
            fingerprint: Digest::of(&self.fingerprint).to_string(),
            numbers: self.numbers,
            hashes: self.hashes,
        })
    }

    /// The rows by part, and those of all views of the training photos where there are several. What was read goes while
    /// it is taken over: a training holds what was read and what is learned from, and never a third copy.
    fn sorted(&self, mut rows: Vec<f32>) -> Result<([Tensor; 3], Option<Tensor>), Error> {
        let len = self.len;
        let zeros = |rows: usize| Ok::<_, Error>(Tensor::zeros(Shape::new(&[rows, len])?));
        let [train, val, test] = self.parts.each_ref().map(|(places, _)| places.len());
        let mut parts = [zeros(train)?, zeros(val)?, zeros(test)?];
        let mut views = (self.views > 1).then(|| zeros(train * self.views)).transpose()?;
        let places = self.parts.iter().enumerate().flat_map(|(part, (places, _))| {
            places.iter().enumerate().map(move |(row, place)| (place, part, row))
        });
        let mut places: Vec<(&Range<usize>, usize, usize)> = places.collect();
        // From the end, so that what lies behind can go.
        places.sort_unstable_by_key(|(place, ..)| Reverse((place.start, place.end)));
        for (place, part, row) in places {
            rows.truncate(place.end);
            if rows.capacity() - rows.len() > PIECE {
                rows.shrink_to_fit();
            }
            let photo = &rows[place.clone()];
            parts[part].data_mut()[row * len..][..len].copy_from_slice(&photo[..len]);
            if let (Some(views), true) = (&mut views, part == Part::Train as usize) {
                views.data_mut()[row * photo.len()..][..photo.len()].copy_from_slice(photo);
            }
        }
        Ok((parts, views))
    }
}

/// A row for each view. Those of a photo are a group: a view of a photo that is learned from says nothing of how well
/// others are known.
fn all_views(rows: Tensor, views: usize, plain: &FeatureSet) -> Result<FeatureSet, Error> {
    let of = |values: &[u32]| {
        values.iter().flat_map(|&value| std::iter::repeat_n(value, views)).collect::<Vec<_>>()
    };
    let groups = match plain.groups() {
        Some(groups) => of(groups),
        None => of(&(0..plain.len() as u32).collect::<Vec<_>>()),
    };
    let is_plain = (0..groups.len()).map(|row| row % views == 0).collect();
    FeatureSet::new(rows, of(plain.labels()))?.with_groups(groups)?.with_views(is_plain)
}
