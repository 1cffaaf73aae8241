//! What photos are called: by their path below the dataset's folder.

use std::path::{Path, PathBuf};

use icecap::advanced::data::dataset_roots;

use super::options::Options;

/// The folder that paths are told relative to.
pub(super) struct Names(Option<PathBuf>);

impl Names {
    /// Paths are relative to the dataset's folder, or to that of the file which lists it. Where there is another folder for
    /// validation, a path below one could be in either: then they are as they were found.
    pub(super) fn of(options: &Options) -> Self {
        let roots = dataset_roots(&options.folder, options.val.as_deref());
        Self(roots.into_iter().next().filter(|_| options.val.is_none()))
    }

    /// Returns what the photo at `path` is called, by which `--exclude` finds it.
    pub(super) fn name(&self, path: &Path) -> String {
        let below = self.0.as_deref().and_then(|root| path.strip_prefix(root).ok());
        below.unwrap_or(path).to_string_lossy().into_owned()
    }
}
