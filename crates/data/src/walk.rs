//! Walking through folders: naturally sorted, in no circle, opening nothing but files whose name says that they are no
//! photos, to see whether the name is right.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::archive::inside;
use crate::inventory::{SkipReason, Skipped};
use crate::natural::natural;
use crate::tree::{Entry, entries, starts_as_photo};
use crate::{Error, Result};

/// Folders inside folders beyond this are taken for a circle that hides from us.
const DEEPEST: usize = 64;

/// Files and folders that systems leave in every folder under a visible name; the last two are folders, of macOS' zip
/// archives and of network drives.
const CLUTTER: [&str; 6] = ["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"];

/// Extensions of files that are hardly ever photos: these are passed over where their first bytes are no photo's, too.
/// Anything else is a photo until it is decoded, so that a damaged one is told of and not passed over.
const FOREIGN: [&str; 45] = [
    "txt",
    "csv",
    "tsv",
    "json",
    "jsonl",
    "xml",
    "html",
    "htm",
    "md",
    "pdf",
    "db",
    "ini",
    "log",
    "zip",
    "gz",
    "tar",
    "tgz",
    "7z",
    "rar",
    "py",
    "rs",
    "ipynb",
    "mp4",
    "mov",
    "avi",
    "mkv",
    "webm",
    "mp3",
    "wav",
    "doc",
    "docx",
    "xls",
    "xlsx",
    "npy",
    "npz",
    "pkl",
    "h5",
    "safetensors",
    "parquet",
    "yaml",
    "yml",
    "toml",
    "lock",
    "part",
    "sh",
];

/// Extensions of what cameras and programs put beside a photo under its name, whatever is in them: a small preview of a
/// video may be a JPEG. They are passed over.
const SIDECARS: [&str; 7] = ["aae", "xmp", "thm", "lrv", "pp3", "dop", "cos"];

/// What stands in a folder, naturally sorted.
struct Listing {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

/// The folders in `folder` that are not hidden, naturally sorted; files beside them that look like photos are
/// reported as outside of every class.
pub(crate) fn visible_folders(folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<PathBuf>> {
    let listing = list(folder, skipped)?;
    skipped.extend(listing.files.into_iter().map(|path| Skipped { path, reason: SkipReason::NoClass }));
    Ok(listing.folders)
}

/// Every file in and below `folder` that may be a photo, naturally sorted.
pub(crate) fn photos_below(folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<PathBuf>> {
    let mut walk = Walk { visited: HashSet::new(), photos: Vec::new(), skipped };
    walk.folder(folder, 0)?;
    let mut photos = walk.photos;
    photos.sort_by(|a, b| natural(a, b));
    Ok(photos)
}

struct Walk<'a> {
    /// Real paths of the folders that have been visited.
    visited: HashSet<PathBuf>,
    photos: Vec<PathBuf>,
    skipped: &'a mut Vec<Skipped>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<()> {
        // In an archive there are no links, so no circles.
        let is_new = match inside(folder) {
            Some(_) => true,
            None => self.visited.insert(std::fs::canonicalize(folder).map_err(Error::io(folder))?),
        };
        if depth > DEEPEST || !is_new {
            self.skipped.push(Skipped { path: folder.to_owned(), reason: SkipReason::Link });
            return Ok(());
        }
        let mut listing = list(folder, self.skipped)?;
        for paths in [&mut listing.folders, &mut listing.files] {
            let odd =
                paths.extract_if(.., |path| path.file_name().is_none_or(|name| name.to_str().is_none()));
            self.skipped.extend(odd.map(|path| Skipped { path, reason: SkipReason::NotText }));
        }
        self.photos.extend(listing.files);
        for inner in listing.folders {
            if let Err(error) = self.folder(&inner, depth + 1) {
                if error.is_of_the_system() {
                    return Err(error);
                }
                let reason = SkipReason::Unreadable(cause(error));
                self.skipped.push(Skipped { path: inner, reason });
            }
        }
        Ok(())
    }
}

/// What the system said, without the path that stands beside it.
fn cause(error: Error) -> String {
    match error {
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

fn list(folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Listing> {
    let mut listing = Listing { folders: Vec::new(), files: Vec::new() };
    let mut passed = Vec::new();
    for entry in entries(folder)? {
        match sort_in(&entry)? {
            Ok(true) => listing.folders.push(entry.path),
            Ok(false) => listing.files.push(entry.path),
            Err(reason) => passed.push(Skipped { path: entry.path, reason }),
        }
    }
    listing.folders.sort_by(|a, b| natural(a, b));
    listing.files.sort_by(|a, b| natural(a, b));
    passed.sort_by(|a, b| natural(&a.path, &b.path));
    skipped.extend(passed);
    Ok(listing)
}

/// Whether an entry is a folder or a file that may be a photo, or why it is passed over.
fn sort_in(entry: &Entry) -> Result<std::result::Result<bool, SkipReason>> {
    let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with('.') || CLUTTER.iter().any(|clutter| name.eq_ignore_ascii_case(clutter)) {
        return Ok(Err(SkipReason::Hidden));
    }
    match &entry.is_folder {
        Ok(false) => {}
        other => return Ok(other.clone()),
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    if let Some(sidecar) = extension.as_ref().filter(|extension| SIDECARS.contains(&extension.as_str())) {
        return Ok(Err(SkipReason::Foreign(sidecar.clone())));
    }
    let Some(extension) = extension.filter(|extension| FOREIGN.contains(&extension.as_str())) else {
        return Ok(Ok(false));
    };
    match starts_as_photo(&entry.path) {
        Ok(true) => Ok(Ok(false)),
        Ok(false) => Ok(Err(SkipReason::Foreign(extension))),
        Err(error) if error.is_of_the_system() => Err(error),
        Err(error) => Ok(Err(SkipReason::Unreadable(cause(error)))),
    }
}
