//! Options that say which photos of a dataset are used, and in which order its classes are numbered.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::{self, Exclusions, Inventory, Survey, read_classes};

use crate::terminal::failure::Failure;
use crate::terminal::lines::Lines;
use crate::terminal::stderr::note;
use crate::terminal::wording::{counted, plain, plain_path};

/// Which photos are left out.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExcludeOptions {
    /// File of photos to leave out: a path a line, relative to the dataset or to the working directory, or a CSV with a
    /// column `path`, as skipped.csv
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude: Option<PathBuf>,
}

/// Which photos and classes.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatasetOptions {
    #[command(flatten)]
    pub(crate) excluded: ExcludeOptions,
    /// File with the names of the classes, one a line, in the order in which they are numbered [default: natural order]
    #[arg(long, value_name = "FILE")]
    pub(crate) classes: Option<PathBuf>,
}

impl ExcludeOptions {
    /// Lets `exclude` work with the list, if there is one, then tells what it left out and which lines name no photo.
    pub(crate) fn apply<T>(
        &self,
        exclude: impl FnOnce(&mut Exclusions) -> Result<T, data::Error>,
    ) -> Result<Option<T>, Failure> {
        let Some(file) = &self.exclude else { return Ok(None) };
        let mut list = Exclusions::read(file)?;
        let result = exclude(&mut list)?;
        note(&format!("excluded {} by {}", counted(list.excluded(), "photo"), plain_path(file)));
        let mut lines = Lines::default();
        for (line, text) in list.unmatched() {
            lines.tell(|| {
                format!("warning: {}: line {line}: no photo is '{}'", plain_path(file), plain(text))
            });
        }
        lines.end("such lines");
        Ok(Some(result))
    }
}

impl DatasetOptions {
    /// Scans a dataset as a training does.
    pub(crate) fn scan(&self, folder: &Path, val: Option<&Path>) -> Result<Inventory, Failure> {
        let mut inventory = data::scan(folder, val)?;
        self.excluded.apply(|list| inventory.exclude(list, &roots(folder, val)))?;
        if let Some(file) = &self.classes {
            inventory.order_classes(file, &read_classes(file)?)?;
        }
        Ok(inventory)
    }

    /// Looks at a dataset, whatever is wrong with it.
    pub(crate) fn survey(&self, folder: &Path, val: Option<&Path>) -> Result<Survey, Failure> {
        let mut survey = data::survey(folder, val)?;
        self.excluded.apply(|list| {
            survey.exclude(list, &roots(folder, val));
            Ok(())
        })?;
        if let Some(file) = &self.classes {
            survey.order_classes(file, &read_classes(file)?)?;
        }
        Ok(survey)
    }
}

/// Returns the folders that paths may be relative to: those of the dataset, or in which the files that list it lie.
pub(crate) fn roots<'a>(folder: &'a Path, val: Option<&'a Path>) -> Vec<&'a Path> {
    let root = |path: &'a Path| if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
    [Some(folder), val].into_iter().flatten().map(root).collect()
}
