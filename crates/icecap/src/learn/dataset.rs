//! The photos of a training: which are learned from, which are watched, which are kept for the end.

use std::path::Path;

use icecap_data::{Groups, Inventory, Part, Sample, split, split_groups};

use crate::error::Error;

/// Photos by part, and the names of their classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The names of the classes; a sample's class is an index into them.
    pub classes: Vec<String>,
    /// What the head learns from.
    pub train: Vec<Sample>,
    /// What it is watched on while it learns.
    pub val: Vec<Sample>,
    /// What it is tried on at the end; may be empty.
    pub test: Vec<Sample>,
}

impl Dataset {
    /// The photos of a scanned folder. Where it has no validation part, `share` of each class's training photos is
    /// held back, drawn by `seed`.
    ///
    /// # Errors
    /// [`Error::Data`] for a share outside [0, 1); [`Error::NoValidation`] where nothing is left to validate with.
    pub fn new(inventory: &Inventory, share: f64, seed: u64) -> Result<Self, Error> {
        Self::parted(inventory, share, |labels| split(labels, share, seed))
    }

    /// The same, but photos of one group are held back together or not at all.
    ///
    /// # Errors
    /// As [`Dataset::new`], and [`Error::Groups`] where a class is one group, which cannot be in both parts.
    pub fn grouped(inventory: &Inventory, share: f64, seed: u64, groups: &Groups) -> Result<Self, Error> {
        let of = groups.numbers(&inventory.train);
        let parted = Self::parted(inventory, share, |labels| split_groups(labels, &of, share, seed));
        parted.map_err(|error| by_groups(error, &inventory.classes))
    }

    /// The photos of a scanned folder, of which none is held back: `val` is empty where the folder has no such part.
    /// For a training that is judged by folds.
    #[must_use]
    pub fn whole(inventory: &Inventory) -> Self {
        let classes = inventory.classes.clone();
        let [val, test] = [&inventory.val, &inventory.test].map(|part| part.clone().unwrap_or_default());
        Self { classes, train: inventory.train.clone(), val, test }
    }

    fn parted(
        inventory: &Inventory,
        share: f64,
        split: impl FnOnce(&[usize]) -> icecap_data::Result<Vec<Part>>,
    ) -> Result<Self, Error> {
        if inventory.val.is_some() {
            return Ok(Self::whole(inventory));
        }
        let labels: Vec<usize> = inventory.train.iter().map(|sample| sample.class).collect();
        let parts = split(&labels)?;
        let of = |part: Part| {
            let chosen = inventory.train.iter().zip(&parts).filter(|(_, p)| **p == part);
            chosen.map(|(sample, _)| sample.clone()).collect::<Vec<_>>()
        };
        let dataset = Self { train: of(Part::Train), val: of(Part::Val), ..Self::whole(inventory) };
        if dataset.val.is_empty() {
            return Err(Error::NoValidation { share });
        }
        Ok(dataset)
    }

    /// All samples: training, validation, test.
    pub fn samples(&self) -> impl Iterator<Item = (Part, &Sample)> {
        self.train
            .iter()
            .map(|sample| (Part::Train, sample))
            .chain(self.val.iter().map(|sample| (Part::Val, sample)))
            .chain(self.test.iter().map(|sample| (Part::Test, sample)))
    }

    /// How many photos of each class a part has.
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
    /// [`Error::Data`] where the file cannot be written or a path is not text.
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
