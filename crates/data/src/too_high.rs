//! A folder that is named one level too high: what unpacked archives are often like.

use std::path::{Path, PathBuf};

use crate::archive::inside as inside_archive;
use crate::inventory::{SkipReason, Skipped};
use crate::parts::parts_of;
use crate::shards::{Shards, shards_of};
use crate::tree::is_folder;
use crate::walk::visible_folders;

/// Folders within each other that are looked into.
const DEEPEST: usize = 4;

/// Returns the folder with the dataset that `path` is: `path`, but of an archive in which a single folder, beside which no
/// photo lies, holds the dataset, that folder; such is what packing a folder makes. Of a folder of shards it is the pattern
/// that names all of them, `path/*.tar`.
#[must_use]
pub fn dataset_folder(path: &Path) -> PathBuf {
    if let Ok(Some(Shards::One(shards))) = shards_of(path) {
        return dataset_folder(&shards);
    }
    let is_archive = inside_archive(path).is_some_and(|(_, name)| name.is_empty());
    let found = || {
        let (folders, photos) = inside(path)?;
        let [only] = &folders[..] else { return None };
        if photos > 0 || parts_of(path).ok()?.is_some() {
            return None;
        }
        dataset_in(only)
    };
    is_archive.then(found).flatten().unwrap_or_else(|| path.to_owned())
}

/// Returns the folders that the paths of a dataset's photos may be relative to: `folder` and `val` themselves, or those in which
/// they lie if they are lists. In front of an archive stands the folder in it that has the dataset.
#[must_use]
pub fn dataset_roots(folder: &Path, val: Option<&Path>) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in [Some(folder), val].into_iter().flatten() {
        if is_folder(path) {
            let inside = dataset_folder(path);
            let outside = (inside != path).then(|| path.to_owned());
            roots.extend([Some(inside), outside].into_iter().flatten());
        } else {
            roots.push(path.parent().unwrap_or(Path::new("")).to_owned());
        }
    }
    roots
}

/// The folder at or below `only`, the single folder of a dataset, that has class folders or parts; `None` if photos lie in
/// `only` itself, or no such folder is there.
pub(crate) fn dataset_in(only: &Path) -> Option<PathBuf> {
    let mut folder = only.to_owned();
    for _ in 0..DEEPEST {
        let (folders, photos) = inside(&folder)?;
        if photos > 0 {
            return None;
        }
        let parts = parts_of(&folder).ok()?.is_some();
        let holding =
            || folders.iter().filter(|folder| inside(folder).is_some_and(|(_, photos)| photos > 0)).count();
        if parts || holding() >= 2 {
            return Some(folder);
        }
        let [inner] = &folders[..] else { return None };
        folder = inner.clone();
    }
    None
}

/// The folders in a folder, and how many files there may be photos.
fn inside(folder: &Path) -> Option<(Vec<PathBuf>, usize)> {
    let mut files: Vec<Skipped> = Vec::new();
    let folders = visible_folders(folder, &mut files).ok()?;
    Some((folders, files.iter().filter(|file| file.reason == SkipReason::NoClass).count()))
}
