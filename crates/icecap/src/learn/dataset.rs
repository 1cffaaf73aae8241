//! The photos of a training: which are learned from, which are watched, which are kept for the end.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap_data::{Inventory, Part, Sample};
use icecap_weights::check_classes;

use crate::error::Error;
use crate::learn::photo_set::SkippedPhoto;
use crate::learn::split_rule::SplitRule;
use crate::model::quantizing::CalibrationPhotos;
use crate::model::source::{OwnedSource, Source};

/// The photos of a training by part, and the names of their classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The names of the classes; a sample's class is an index into them.
    pub classes: Vec<String>,
    /// The photos that the head learns from.
    pub train: Vec<Sample>,
    /// The validation photos, on which the head is measured while it learns.
    pub val: Vec<Sample>,
    /// The test photos, on which the head is measured at the end; may be empty.
    pub test: Vec<Sample>,
    /// Photos that do not lie at their sample's path, by that path.
    in_memory: Arc<HashMap<PathBuf, OwnedSource>>,
    /// How training and validation photos were told apart; `None` if they came so.
    drawn: Option<Arc<Drawn>>,
    /// Photos that are left out since they cannot be read.
    unreadable: Vec<SkippedPhoto>,
}

/// Photos that were dealt out to training and validation.
#[derive(Debug, PartialEq, Eq)]
struct Drawn {
    /// In the order in which they were found.
    photos: Vec<Sample>,
    rule: SplitRule,
}

impl Dataset {
    /// Makes a dataset of the photos of a scanned folder. If the folder has no validation part, `share` of each class's
    /// training photos is held back, drawn by `seed`.
    ///
    /// # Errors
    /// [`Error::Data`] for a share outside [0, 1); [`Error::NoValidation`] if nothing is left to validate with.
    pub fn new(inventory: &Inventory, share: f64, seed: u64) -> Result<Self, Error> {
        Self::drawn(inventory, SplitRule::new(share, seed))
    }

    /// Makes a dataset of the photos of a scanned folder. If the folder has no validation part, `rule` says which of its
    /// training photos are held back.
    ///
    /// # Errors
    /// What [`Dataset::new`] returns, and [`Error::Groups`] if a class is one group, which cannot be in both parts.
    pub fn drawn(inventory: &Inventory, rule: SplitRule) -> Result<Self, Error> {
        let whole = Self::whole(inventory);
        if inventory.val.is_some() {
            return Ok(whole);
        }
        whole.dealt(Arc::new(Drawn { photos: inventory.train.clone(), rule }))
    }

    /// The dataset of `photos`, wherever they are, each with the index of its class in `classes`. `share` of each class is
    /// held back for validation, drawn by `seed`; with a share of 0 nothing is, as cross-validation wants it.
    ///
    /// The samples' paths are names, `CLASS/NUMBER`, counted in the order of the photos. The same photos in the same order
    /// give the same head, bit for bit, as those of a folder: classes by name there, and photos by path within each.
    ///
    /// ```
    /// use icecap::Dataset;
    /// use icecap::OwnedSource;
    ///
    /// let gray = |level: u8| OwnedSource::Rgb { pixels: vec![level; 8 * 8 * 3], width: 8, height: 8 };
    /// let photos = (0..20).map(|number| (gray(number * 12), usize::from(number > 9)));
    /// let dataset = Dataset::from_sources(vec!["dark".into(), "light".into()], photos, 0.2, 0)?;
    /// assert_eq!((dataset.train.len(), dataset.val.len()), (16, 4));
    /// # Ok::<(), icecap::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] if there are fewer than two classes, two of one name, or a photo whose class is none of them;
    /// [`Error::Data`] for a share outside [0, 1); [`Error::NoValidation`] if a share above 0 leaves nothing to validate
    /// with. Whether a photo can be read shows in training.
    pub fn from_sources(
        classes: Vec<String>,
        photos: impl IntoIterator<Item = (OwnedSource, usize)>,
        share: f64,
        seed: u64,
    ) -> Result<Self, Error> {
        check_classes(&classes).map_err(|reason| Error::Setting { what: "classes", reason })?;
        let (mut train, mut in_memory) = (Vec::new(), HashMap::new());
        for (number, (photo, class)) in photos.into_iter().enumerate() {
            let Some(name) = classes.get(class) else {
                let reason = format!("photo {number} is of class {class}, and there are {}", classes.len());
                return Err(Error::Setting { what: "classes", reason });
            };
            let path = PathBuf::from(format!("{name}/{number}"));
            in_memory.insert(path.clone(), photo);
            train.push(Sample { path, class });
        }
        let inventory = Inventory { classes, train, ..Inventory::default() };
        let dataset = match share {
            0.0 => Self::whole(&inventory),
            _ => Self::new(&inventory, share, seed)?,
        };
        Ok(Self { in_memory: Arc::new(in_memory), ..dataset })
    }

    /// Returns where the photo of one of the samples is to be read.
    #[must_use]
    pub fn source<'a>(&'a self, sample: &'a Sample) -> Source<'a> {
        self.in_memory.get(&sample.path).map_or(Source::Path(&sample.path), OwnedSource::source)
    }

    /// Returns training photos to quantize a backbone with, picked as [`CalibrationPhotos::pick`] picks. The photos that a
    /// head is tried on have no part in it.
    #[must_use]
    pub fn calibration(&self) -> CalibrationPhotos<'_> {
        let sources: Vec<Source<'_>> = self.train.iter().map(|sample| self.source(sample)).collect();
        CalibrationPhotos::pick(&sources)
    }

    /// The photos of a scanned folder without any being held back, for a training that is judged by folds: `val` is empty
    /// if the folder has no validation part.
    #[must_use]
    pub fn whole(inventory: &Inventory) -> Self {
        let classes = inventory.classes.clone();
        let [val, test] = [&inventory.val, &inventory.test].map(|part| part.clone().unwrap_or_default());
        Self { classes, train: inventory.train.clone(), val, test, ..Self::default() }
    }

    /// The dataset of these samples, which came in their parts.
    pub(crate) fn of_parts(classes: Vec<String>, train: Vec<Sample>, val: Vec<Sample>) -> Self {
        Self { classes, train, val, ..Self::default() }
    }

    /// Deals photos out to training and validation.
    fn dealt(self, drawn: Arc<Drawn>) -> Result<Self, Error> {
        let parts = drawn.rule.parts(&drawn.photos).map_err(|error| by_groups(error, &self.classes))?;
        let of = |held: bool| {
            let chosen = drawn.photos.iter().zip(&parts).filter(|(_, part)| (**part != Part::Train) == held);
            chosen.map(|(sample, _)| sample.clone()).collect::<Vec<_>>()
        };
        let (train, val) = (of(false), of(true));
        if val.is_empty() {
            return Err(Error::NoValidation { share: drawn.rule.share() });
        }
        Ok(Self { train, val, drawn: Some(drawn), ..self })
    }

    /// The dataset without photos that cannot be read. Where a split was drawn it is drawn again from the others, as if those
    /// had been alone in the folder.
    pub(crate) fn without(&self, unreadable: &[SkippedPhoto]) -> Result<Self, Error> {
        let paths: HashSet<&Path> = unreadable.iter().map(|photo| &*photo.path).collect();
        let of = |samples: &[Sample]| -> Vec<Sample> {
            samples.iter().filter(|sample| !paths.contains(&*sample.path)).cloned().collect()
        };
        let readable = Self {
            train: of(&self.train),
            val: of(&self.val),
            test: of(&self.test),
            unreadable: [&self.unreadable, unreadable].concat(),
            ..self.clone()
        };
        match &self.drawn {
            Some(drawn) => {
                readable.dealt(Arc::new(Drawn { photos: of(&drawn.photos), rule: drawn.rule.clone() }))
            }
            None => Ok(readable),
        }
    }

    /// The training photos alone, as they are.
    pub(crate) fn learned(&self) -> Self {
        Self { val: Vec::new(), test: Vec::new(), drawn: None, ..self.clone() }
    }

    /// Returns the photos that are left out since a training could not read them.
    #[must_use]
    pub fn unreadable(&self) -> &[SkippedPhoto] {
        &self.unreadable
    }

    /// Returns whether the validation photos were held back from the training photos by a [`SplitRule`].
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// Goes over all samples with their part: training, validation, test.
    pub fn samples(&self) -> impl Iterator<Item = (Part, &Sample)> {
        self.train
            .iter()
            .map(|sample| (Part::Train, sample))
            .chain(self.val.iter().map(|sample| (Part::Val, sample)))
            .chain(self.test.iter().map(|sample| (Part::Test, sample)))
    }

    /// Counts the photos of each class in a part.
    #[must_use]
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for (_, sample) in self.samples().filter(|(of, _)| *of == part) {
            counts[sample.class] += 1;
        }
        counts
    }

    /// Writes the split as a CSV file: part, class, path.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be written or a path is not text.
    pub fn write_split(&self, file: &Path) -> Result<(), Error> {
        let rows = self.samples().map(|(part, s)| (part, self.classes[s.class].as_str(), s.path.as_path()));
        Ok(icecap_data::write_split(file, rows)?)
    }
}

/// An error about the groups of a class, with its name.
pub(crate) fn by_groups(error: Error, classes: &[String]) -> Error {
    match error {
        Error::Data(icecap_data::Error::Folds { class, folds }) if class < classes.len() => {
            Error::Groups { class: classes[class].clone(), parts: folds }
        }
        other => other,
    }
}
