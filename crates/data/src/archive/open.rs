//! Paths that lead into archives, and the archives that are open.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use super::pattern::{folder_of, is_pattern, shards};
use super::{Archive, ends_in, is_sharded};
use crate::{Error, Result};

/// The most archives that stay open, and the most files and folders in all of them but the latest: two patterns of the most that
/// are read, training and validation.
const MOST: usize = 64;
const MOST_MEMBERS: usize = 1 << 25;

/// The archives that were asked for last. A path into one says nothing of the rest of it, so what is in it would be read for
/// every photo. Of a single file whoever asks gets what the file says now. Those that a pattern names are looked at again where
/// their folder changed, where one of them was found changed, and where a dataset is searched for photos (`open_anew`).
static OPEN: LazyLock<Mutex<Opened>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Opened {
    archives: HashMap<PathBuf, Kept>,
    refused: HashMap<PathBuf, Refused>,
    /// How often one was asked for.
    asked: u64,
}

struct Kept {
    archive: Arc<Archive>,
    /// When the folder last changed whose files a pattern names; `None` of a single file.
    folder: Option<SystemTime>,
    asked: u64,
}

/// What was wrong with the files of a pattern when its folder last changed: told again at once, as a photo after the other asks.
struct Refused {
    folder: Option<SystemTime>,
    path: PathBuf,
    offset: Option<u64>,
    reason: String,
}

/// The archive that `path` is or leads into, and the place inside it, which is empty for the archive itself. `None` for all
/// other paths: an archive is a file whose name ends in `.zip`, `.tar` or `.parquet`, or a pattern of names that end in one of the
/// last two; of several in one path the outermost.
pub(crate) fn inside(path: &Path) -> Option<(PathBuf, String)> {
    let is_archive = |path: &&Path| is_sharded(path) || ends_in(path, "zip");
    let named: Vec<&Path> = path.ancestors().filter(is_archive).collect();
    let archive = named.into_iter().rev().find(|path| path.is_file() || is_pattern(path))?;
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

/// The archive at `path`. What is in it is read if it is not open, or another than it was.
pub(crate) fn open(path: &Path) -> Result<Arc<Archive>> {
    opened(path, false)
}

/// The archive at `path`, each of its files looked at.
pub(crate) fn open_anew(path: &Path) -> Result<Arc<Archive>> {
    opened(path, true)
}

fn opened(path: &Path, anew: bool) -> Result<Arc<Archive>> {
    let is_many = is_pattern(path);
    let folder = if is_many { changed(path)? } else { None };
    // A panic leaves whole archives behind.
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.asked += 1;
    let asked = open.asked;
    if let Some(kept) = open.archives.get_mut(path) {
        let is_same = match is_many {
            true if kept.folder == folder && !anew && !kept.archive.is_stale() => true,
            // Another file in the folder is nobody's business.
            true => kept.archive.is_of(&shards(path)?),
            false => kept.archive.is(&std::fs::metadata(path).map_err(Error::io(path))?),
        };
        if is_same {
            (kept.asked, kept.folder) = (asked, folder);
            return Ok(kept.archive.clone());
        }
        open.archives.remove(path);
    }
    if let Some(Refused { path, offset, reason, .. }) =
        open.refused.get(path).filter(|refused| !anew && refused.folder == folder)
    {
        return Err(Error::Archive { path: path.clone(), offset: *offset, reason: reason.clone() });
    }
    let read = match is_many {
        true => shards(path).and_then(|paths| Archive::read_shards(&paths)),
        false => Archive::read(path),
    };
    if let (Err(Error::Archive { path: of, offset, reason }), true) = (&read, is_many) {
        let refused = Refused { folder, path: of.clone(), offset: *offset, reason: reason.clone() };
        open.refused.insert(path.to_owned(), refused);
    }
    let archive = Arc::new(read?);
    open.refused.remove(path);
    open.make_room(archive.len());
    open.archives.insert(path.to_owned(), Kept { archive: archive.clone(), folder, asked });
    Ok(archive)
}

impl Opened {
    /// Lets go of those that were not asked for the longest, until there is room for another one with so many members.
    fn make_room(&mut self, members: usize) {
        let count = |open: &Self| open.archives.values().map(|kept| kept.archive.len()).sum::<usize>();
        while self.archives.len() >= MOST || count(self) + members > MOST_MEMBERS {
            let oldest = self.archives.iter().min_by_key(|(_, kept)| kept.asked);
            let Some(oldest) = oldest.map(|(path, _)| path.clone()) else { return };
            self.archives.remove(&oldest);
        }
    }
}

/// When the folder of a pattern last had a file more or less.
fn changed(pattern: &Path) -> Result<Option<SystemTime>> {
    let folder = folder_of(pattern);
    let about = std::fs::metadata(folder).map_err(Error::io(folder))?;
    Ok(about.modified().ok())
}
