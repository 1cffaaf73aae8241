//! Where the photos of a run lie: its files tell them by their names, and `split.csv` has their paths.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use icecap::advanced::data::{Part, read_split};

use super::escape::escape;
use crate::run::Run;
use crate::run::files::SPLIT;
use crate::run::photo_names::files;
use crate::run::predictions::Seen;
use crate::terminal::wording::portable;

/// The files of some photos.
#[derive(Default)]
pub(super) struct PhotoFiles(HashMap<(Part, PathBuf), PathBuf>);

impl PhotoFiles {
    /// Looks for `photos` in the run's split; without one they are where their names say.
    pub(super) fn of(run: &Run, photos: &[&Seen]) -> Self {
        let wanted: Vec<_> = photos.iter().map(|seen| (seen.part, seen.path.as_path())).collect();
        Self(files(read_split(&run.folder.join(SPLIT)).unwrap_or_default(), &wanted))
    }

    pub(super) fn file<'a>(&'a self, seen: &'a Seen) -> &'a Path {
        self.0.get(&(seen.part, seen.path.clone())).map_or(seen.path.as_path(), PathBuf::as_path)
    }
}

/// Returns a photo's name as the page shows it. Older runs have paths in place of names: nothing of the machine is shown of
/// them.
pub(super) fn plain_name(run: &Run, path: &Path) -> String {
    let folder = run.argument("folder").filter(|_| path.is_absolute());
    let below = folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
    portable(&below.to_string_lossy()).to_owned()
}

/// Returns a photo's name as the page shows it, escaped.
pub(super) fn shown(run: &Run, path: &Path) -> String {
    escape(&plain_name(run, path))
}
