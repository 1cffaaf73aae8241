//! What a training is asked for, as the Python half hands it over.

use std::collections::BTreeMap;
use std::path::PathBuf;

use icecap::advanced::data::{Augment, GroupRule, Views};
use icecap::judge::Wish;
use icecap::learn::Sought;
use icecap::{Error, TrainOptions};
use pyo3::prelude::*;

use crate::backbone::Opening;

/// Everything about a training but its photos.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    /// The options that a model's metadata hold, as texts by their names there.
    head: BTreeMap<String, String>,
    /// Weights by name or file; `None` for the starter.
    pub(crate) weights: Option<PathBuf>,
    /// What the weights are opened with, and how photos become their input.
    pub(crate) input: Opening,
    pub(crate) folds: Option<usize>,
    pub(crate) share: f64,
    augment: Option<String>,
    pub(crate) views: u32,
    threshold: Option<String>,
    pub(crate) positive: Option<String>,
    pub(crate) strict: bool,
    pub(crate) cache: bool,
    /// The same as the words of a command; empty where no command can name the photos.
    pub(crate) words: Vec<String>,
}

/// What is asked of a folder, an archive or a list of photos.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Listed {
    pub(crate) folder: PathBuf,
    pub(crate) val: Option<PathBuf>,
    pub(crate) exclude: Option<PathBuf>,
    pub(crate) classes: Option<PathBuf>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) extension: Option<String>,
    pub(crate) group: Option<String>,
}

fn refused<T>(what: &'static str, reason: impl Into<String>) -> Result<T, Error> {
    Err(Error::Setting { what, reason: reason.into() })
}

impl Asked {
    /// Returns the options as the library takes them.
    ///
    /// # Errors
    /// [`Error::Setting`] for one that is out of its range.
    pub(crate) fn options(&self) -> Result<TrainOptions, Error> {
        TrainOptions::read(&self.head)
    }

    /// Returns the ways in which each training photo is seen.
    ///
    /// # Errors
    /// [`Error::Data`] for a text that names none.
    pub(crate) fn seen(&self, seed: u64) -> Result<Views, Error> {
        match self.changes()? {
            Some(augment) => Ok(Views::drawn(augment, seed, self.views)?),
            None => Ok(Views::Plain),
        }
    }

    /// Returns the changes that views of a photo are drawn from.
    ///
    /// # Errors
    /// [`Error::Data`] for a text that names none.
    pub(crate) fn changes(&self) -> Result<Option<Augment>, Error> {
        Ok(self.augment.as_deref().map(str::parse::<Augment>).transpose()?)
    }

    /// Returns what the threshold is to do.
    ///
    /// # Errors
    /// [`Error::Setting`] for what cannot be wished.
    pub(crate) fn wish(&self) -> Result<Option<Wish>, Error> {
        let wrong = |reason| Error::Setting { what: "threshold", reason };
        self.threshold.as_deref().map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// Returns which class is looked for, and what its threshold is to do.
    ///
    /// # Errors
    /// [`Error::Setting`] for what cannot be wished, and for a class that is none.
    pub(crate) fn sought(&self, classes: &[String]) -> Result<Option<Sought>, Error> {
        let Some(wish) = self.wish()? else { return Ok(None) };
        let [first, second] = classes else {
            let reason = format!(
                "only two classes have one, and there are {}; predict(reject_below=…) takes an unsure answer for none of them",
                classes.len()
            );
            return refused("threshold", reason);
        };
        let class = match &self.positive {
            None => 1,
            Some(name) => match classes.iter().position(|class| class == name) {
                Some(class) => class,
                None => {
                    return refused(
                        "positive",
                        format!("no class '{name}'; the classes are {first} and {second}"),
                    );
                }
            },
        };
        Ok(Some(Sought { class, wish }))
    }
}

/// What groups are by, where copies stay together.
const DUPLICATES: &str = "duplicates";

impl Listed {
    /// Whether photos that are copies stay together.
    pub(crate) fn is_by_copies(&self) -> bool {
        self.group.as_deref() == Some(DUPLICATES)
    }

    /// Returns the rule by which photos belong together.
    ///
    /// # Errors
    /// [`Error::Data`] for what is no rule.
    pub(crate) fn rule(&self) -> Result<Option<GroupRule>, Error> {
        Ok(self.group.as_deref().filter(|_| !self.is_by_copies()).map(str::parse).transpose()?)
    }
}
