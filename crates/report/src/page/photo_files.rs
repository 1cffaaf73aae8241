//! Where the photos of a page are: the files of a run tell photos by their names, and its split has their paths.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use icecap::Source;
use icecap::advanced::data::Part;

use super::escape::escape;
use super::material::Photos;
use crate::run::Run;
use crate::run::photo_names::files;
use crate::run::predictions::Seen;
use crate::wording::portable;

/// The places of some photos.
pub(super) struct PhotoFiles<'a> {
    files: HashMap<(Part, PathBuf), PathBuf>,
    photos: &'a Photos<'a>,
}

impl<'a> PhotoFiles<'a> {
    /// Looks for `wanted` among `photos`.
    pub(super) fn of(photos: &'a Photos<'a>, wanted: &[&Seen]) -> Self {
        let files = match photos {
            Photos::Files(rows) => {
                let wanted: Vec<_> = wanted.iter().map(|seen| (seen.part, seen.path.as_path())).collect();
                files(rows, &wanted)
            }
            _ => HashMap::new(),
        };
        Self { files, photos }
    }

    /// Returns the path of a photo, or its name if it is in no file: what tells it from others.
    pub(super) fn file<'s>(&'s self, seen: &'s Seen) -> &'s Path {
        self.files.get(&(seen.part, seen.path.clone())).map_or(seen.path.as_path(), PathBuf::as_path)
    }

    /// Returns where the photo with that path or name is.
    pub(super) fn source<'s>(&'s self, file: &'s Path) -> Option<Source<'s>> {
        self.photos.source(file)
    }

    /// Whether there are photos to be shown.
    pub(super) fn are_known(&self) -> bool {
        self.photos.are_known()
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
