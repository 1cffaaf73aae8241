//! Folders of tar archives that are a dataset together: its shards.
//!
//! ```text
//! shards/000.tar 001.tar …                        →  shards/*.tar
//! shards/train-000.tar … shards/val-000.tar …     →  shards/train*.tar and shards/val*.tar, parts
//! ```

use std::path::{Path, PathBuf};

use crate::archive::{inside, is_shard};
use crate::tree::entries;

/// Names of parts as shards begin with them; the first of each that one has counts.
const PARTS: [&[&str]; 3] = [&["train"], &["validation", "valid", "val"], &["test"]];

/// The patterns that name a folder's shards.
pub(crate) enum Shards {
    /// All of them are one.
    One(PathBuf),
    /// Training, validation and test.
    Parts([Option<PathBuf>; 3]),
}

/// The shards of a folder on the disk; `None` if it has none, or folders beside them, which then are its classes.
pub(crate) fn shards_of(folder: &Path) -> Option<Shards> {
    if inside(folder).is_some() {
        return None;
    }
    let mut names = Vec::new();
    for entry in entries(folder).ok()? {
        let name = entry.path.file_name()?.to_string_lossy().into_owned();
        match entry.is_folder {
            _ if name.starts_with('.') => {}
            Ok(true) => return None,
            Ok(false) if is_shard(&entry.path) => names.push(name),
            _ => {}
        }
    }
    if names.is_empty() {
        return None;
    }
    let begun = |part: &&str| names.iter().any(|name| begins(name, part));
    let parts = PARTS.map(|part| part.iter().find(|part| begun(part)).copied());
    if parts[0].is_some() && (parts[1].is_some() || parts[2].is_some()) {
        return Some(Shards::Parts(parts.map(|part| Some(folder.join(format!("{}*.tar", part?))))));
    }
    Some(Shards::One(folder.join("*.tar")))
}

/// Whether a shard's name begins with that of a part, and goes on with no letter.
fn begins(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_alphabetic()))
}

impl Shards {
    /// All patterns.
    pub(crate) fn all(self) -> Vec<PathBuf> {
        match self {
            Self::One(pattern) => vec![pattern],
            Self::Parts(parts) => parts.into_iter().flatten().collect(),
        }
    }
}
