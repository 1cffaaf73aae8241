//! What a page shows beside the figures of a run: the photos themselves, and what stands in files of their own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use icecap::advanced::data::{Part, SplitRow, read_split};
use icecap::{OwnedSource, Source};

use crate::error::Error;
use crate::run::Run;
use crate::run::files::{MODEL, SPLIT};
use crate::run::labels::{Doubt, read_labels};

/// Where the photos of a run are.
pub enum Photos<'a> {
    /// In files: where the rows of the run's split say, and one that has no row where its name says.
    Files(Vec<SplitRow>),
    /// In memory, by their names in the run; others are not shown.
    InMemory(&'a HashMap<PathBuf, OwnedSource>),
    /// Nowhere: the run was made of features alone, and its page has no pictures.
    Nowhere,
}

impl Photos<'_> {
    /// Whether there are any to be shown.
    pub(super) fn are_known(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    /// Returns where the photo is that has this path, in a file, or this name.
    pub(super) fn source<'s>(&'s self, path: &'s Path) -> Option<Source<'s>> {
        match self {
            Self::Files(_) => Some(Source::Path(path)),
            Self::InMemory(photos) => photos.get(path).map(OwnedSource::source),
            Self::Nowhere => None,
        }
    }
}

/// What a page shows of a run that is not in the [`Run`].
pub struct Material<'a> {
    /// The labels that folds doubt; `None` if no photo was judged so.
    pub doubts: Option<Vec<Doubt>>,
    /// The size of the model file; `None` if there is none.
    pub model_bytes: Option<u64>,
    /// The photos.
    pub photos: Photos<'a>,
}

impl Material<'_> {
    /// Reads what stands beside a run in its folder: `labels.csv`, the size of the model, `split.csv`. What is missing is not
    /// shown.
    ///
    /// # Errors
    /// If `labels.csv` is there and cannot be used.
    pub fn beside(run: &Run) -> Result<Self, Error> {
        // Doubts are about training photos, and are not shown where none is known.
        let known = run.part(Part::Train).next().is_some();
        let doubts = if known { read_labels(&run.folder, &run.classes)? } else { None };
        let model_bytes = std::fs::metadata(run.folder.join(MODEL)).ok().map(|about| about.len());
        let photos = Photos::Files(read_split(&run.folder.join(SPLIT)).unwrap_or_default());
        Ok(Self { doubts, model_bytes, photos })
    }
}
