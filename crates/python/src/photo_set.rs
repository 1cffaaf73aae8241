//! The photos of a training or a check: those of a folder, or those that a caller brings with their labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use icecap::advanced::data::{
    self, Exclusions, GroupRule, Groups, Inventory, ListedFiles, Survey, read_classes,
};
use icecap::learn::SplitRule;
use icecap::{Dataset, Error, OwnedSource};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failure::in_place;
use crate::photo::Photo;
use crate::train_options::{Asked, Listed};

/// What is trained on.
pub(crate) struct PhotoSet {
    pub(crate) dataset: Dataset,
    pub(crate) groups: Option<Groups>,
}

/// Names the groups of photos that are copies, by path.
pub(crate) type Copies<'a> = &'a mut dyn FnMut(&Inventory) -> Result<HashMap<PathBuf, String>, Error>;

/// Photos with the number of the class of each.
pub(crate) struct Brought {
    pub(crate) classes: Vec<String>,
    pub(crate) photos: Vec<(OwnedSource, usize)>,
}

impl Brought {
    /// Takes the photos from an iterator as `_photos.py` yields them, each with a label.
    ///
    /// # Errors
    /// The exception of the first photo that is none: what can be read shows in training.
    pub(crate) fn new(
        classes: Vec<String>,
        photos: &Bound<'_, pyo3::types::PyIterator>,
        labels: &[usize],
    ) -> PyResult<Self> {
        let mut own = Vec::with_capacity(labels.len());
        let mut labels = labels.iter();
        for (place, item) in photos.clone().enumerate() {
            let source = match Photo::of(&item?)? {
                Photo::Path(path) => OwnedSource::Path(path),
                Photo::Bytes(bytes) => OwnedSource::Bytes(bytes.to_vec()),
                Photo::Rgb { pixels, width, height } => {
                    OwnedSource::Rgb { pixels: pixels.to_vec(), width, height }
                }
                Photo::Broken(error) => return Err(in_place(photos.py(), &error, place)),
            };
            let label = labels.next().ok_or_else(|| PyValueError::new_err("labels: fewer than photos"))?;
            own.push((source, *label));
        }
        Ok(Self { classes, photos: own })
    }

    /// Deals the photos out to training and validation.
    ///
    /// # Errors
    /// What [`Dataset::from_sources`] returns.
    pub(crate) fn dealt(self, asked: &Asked, seed: u64) -> Result<PhotoSet, Error> {
        let share = if asked.folds.is_some() { 0.0 } else { asked.share };
        Ok(PhotoSet { dataset: Dataset::from_sources(self.classes, self.photos, share, seed)?, groups: None })
    }
}

impl Listed {
    fn listed(&self) -> ListedFiles {
        ListedFiles { root: self.root.clone(), extension: self.extension.clone() }
    }

    fn scan(&self) -> Result<Inventory, Error> {
        let val = self.val.as_deref();
        let mut inventory = data::scan_listed(&self.folder, val, &self.listed())?;
        if let Some(file) = &self.exclude {
            let roots = self.roots();
            inventory.exclude(&mut Exclusions::read(file)?, &paths(&roots))?;
        }
        if let Some(file) = &self.classes {
            inventory.order_classes(file, &read_classes(file)?)?;
        }
        Ok(inventory)
    }

    /// Looks at the photos for a check, whatever is wrong with them.
    ///
    /// # Errors
    /// What the library returns of a folder or a list that cannot be read.
    pub(crate) fn survey(&self) -> Result<Survey, Error> {
        let mut survey = data::survey_listed(&self.folder, self.val.as_deref(), &self.listed())?;
        if let Some(file) = &self.exclude {
            let roots = self.roots();
            survey.exclude(&mut Exclusions::read(file)?, &paths(&roots));
        }
        if let Some(file) = &self.classes {
            survey.order_classes(file, &read_classes(file)?)?;
        }
        Ok(survey)
    }

    /// The folders that paths in a file of exclusions may be relative to.
    fn roots(&self) -> Vec<PathBuf> {
        data::dataset_roots(&self.folder, self.val.as_deref())
    }

    /// Finds the photos and deals them out to training and validation. `copies` names the groups of photos that are copies, by
    /// path, if these are to stay together.
    ///
    /// # Errors
    /// What the library returns of a folder that cannot be trained on, and what `copies` returns.
    pub(crate) fn dealt(&self, asked: &Asked, seed: u64, copies: Copies<'_>) -> Result<PhotoSet, Error> {
        let mut inventory = self.scan()?;
        if self.is_by_copies() {
            inventory.groups = copies(&inventory)?;
        }
        let groups = groups(&inventory, self.rule()?.as_ref())?;
        let rule = SplitRule::new(asked.share, seed).groups(groups.clone());
        let dataset = match asked.folds {
            Some(_) => Dataset::whole(&inventory),
            None => Dataset::drawn(&inventory, rule)?,
        };
        if let Some((_, sample)) = dataset.samples().find(|(_, sample)| sample.path.to_str().is_none()) {
            return Err(data::Error::PathNotText { path: sample.path.clone() }.into());
        }
        Ok(PhotoSet { dataset, groups })
    }
}

fn paths(roots: &[PathBuf]) -> Vec<&Path> {
    roots.iter().map(PathBuf::as_path).collect()
}

/// Returns which photos belong together, by the rule that is given or by a list's own column.
fn groups(inventory: &Inventory, rule: Option<&GroupRule>) -> Result<Option<Groups>, Error> {
    let samples = inventory.train.iter().chain(inventory.val.as_deref().unwrap_or(&[]));
    let groups = match rule {
        Some(rule) => Groups::new(rule, samples, &inventory.classes),
        None if inventory.groups.is_empty() => return Ok(None),
        None => Groups::listed(samples, &inventory.groups),
    };
    if rule.is_some() && groups.named() == 0 {
        let first =
            inventory.train.first().map_or_else(String::new, |sample| sample.path.display().to_string());
        let reason = format!("no path of a photo below its class folder matches; the first photo is {first}");
        return Err(Error::Setting { what: "group", reason });
    }
    Ok(Some(groups))
}
