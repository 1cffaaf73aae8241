//! Paths that lead into archives, and the archives that are open.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Archive;
use super::source::Seen;
use crate::{Error, Result};

/// The most archives that stay open: training, validation and test photos, and one more.
const MOST: usize = 4;

/// The archives that were asked for last, the latest first. A path into one says nothing of the rest of it, so its directory
/// would be read for every photo; whoever asks gets what the file says now, so nobody can tell that it is kept.
static OPEN: Mutex<Vec<Arc<Archive>>> = Mutex::new(Vec::new());

/// The archive that `path` is or leads into, and the place inside it, which is empty for the archive itself. `None` for all
/// other paths: an archive is a file whose name ends in `.zip`, and of several in one path the outermost.
pub(crate) fn inside(path: &Path) -> Option<(PathBuf, String)> {
    let is_zip = |path: &&Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
    let named: Vec<&Path> = path.ancestors().filter(is_zip).collect();
    let archive = named.into_iter().rev().find(|path| path.is_file())?;
    let mut parts: Vec<&OsStr> = Vec::new();
    for part in path.strip_prefix(archive).ok()?.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::ParentDir => drop(parts.pop()?),
            _ => {}
        }
    }
    let parts: Option<Vec<&str>> = parts.into_iter().map(OsStr::to_str).collect();
    Some((archive.to_owned(), parts?.join("/")))
}

/// The archive at `path`. Its directory is read if it is not open, or another than it was.
pub(crate) fn open(path: &Path) -> Result<Arc<Archive>> {
    let about = std::fs::metadata(path).map_err(Error::io(path))?;
    let seen = Seen::of(&about);
    // A panic leaves whole archives behind.
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = open.iter().position(|archive| archive.path == path && archive.seen == seen);
    let archive = match known {
        Some(0) => return Ok(open[0].clone()),
        Some(at) => open.remove(at),
        None => {
            open.retain(|archive| archive.path != path);
            Arc::new(Archive::read(path, &about)?)
        }
    };
    open.insert(0, archive.clone());
    open.truncate(MOST);
    Ok(archive)
}
