//! Folders of tar archives, or of tables of photos, that are a dataset together: its shards.
//!
//! ```text
//! shards/000.tar 001.tar …                        →  shards/*.tar
//! shards/train-000.tar … shards/val-000.tar …     →  shards/train*.tar and shards/val*.tar, parts
//! ```

use std::path::{Path, PathBuf};

use crate::archive::{inside, is_shard, is_shard_of};
use crate::tree::entries;
use crate::{Error, Result};

/// Names of parts as shards begin with them; the longest that one begins with counts.
const PARTS: [(usize, &str); 7] =
    [(0, "training"), (0, "train"), (1, "validation"), (1, "valid"), (1, "val"), (2, "testing"), (2, "test")];

/// The patterns that name a folder's shards.
pub(crate) enum Shards {
    /// All of them are one.
    One(PathBuf),
    /// Training, validation and test.
    Parts([Option<PathBuf>; 3]),
}

/// The shards of a folder on the disk; `None` if it has none, or folders beside them, which then are its classes.
///
/// # Errors
/// [`Error::MixedShards`] where some are called as parts are, and others otherwise, or in several ways: they would be left out or
/// learned from.
pub(crate) fn shards_of(folder: &Path) -> Result<Option<Shards>> {
    if inside(folder).is_some() {
        return Ok(None);
    }
    // A folder that cannot be listed is told of by whoever lists it.
    let Ok(entries) = entries(folder) else { return Ok(None) };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match entry.is_folder {
            _ if name.starts_with('.') => {}
            Ok(true) => return Ok(None),
            Ok(false) if is_shard(&entry.path) => names.push(name),
            _ => {}
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    names.sort_unstable();
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let (first, last) = (ending(&names[0]), names.iter().map(|name| ending(name)));
    if last.into_iter().any(|other| other != first) {
        let reason =
            "has shards of two kinds, .tar and .parquet; name those that are meant, as in 'FOLDER/*.parquet'";
        return Err(Error::Archive { path: folder.to_owned(), offset: None, reason: reason.to_owned() });
    }
    let ending = first.unwrap_or_default();
    let of: Vec<Option<(usize, &str)>> = names.iter().map(|name| part_of(name)).collect();
    let has = |part: usize| of.iter().flatten().any(|(own, _)| *own == part);
    if !has(0) || !(has(1) || has(2)) {
        return Ok(Some(Shards::One(folder.join(format!("*.{ending}")))));
    }
    let mut parts = [None, None, None];
    for (part, begin) in of.iter().flatten() {
        parts[*part].get_or_insert_with(|| folder.join(format!("{begin}*.{ending}")));
    }
    // Each shard is one of its own part's pattern, and of no other's.
    let fits = |name: &String, own: &Option<(usize, &str)>| {
        let file = folder.join(name);
        let is_in = |part: usize| parts[part].as_ref().is_some_and(|pattern| is_shard_of(&file, pattern));
        own.is_some_and(|(own, _)| (0..3).all(|part| is_in(part) == (part == own)))
    };
    match names.iter().zip(&of).find(|(name, own)| !fits(name, own)) {
        Some((name, _)) => Err(Error::MixedShards { path: folder.to_owned(), shard: name.clone() }),
        None => Ok(Some(Shards::Parts(parts))),
    }
}

/// The part that a shard's name begins with, and that beginning as it is written; behind it comes no letter.
fn part_of(name: &str) -> Option<(usize, &str)> {
    PARTS.into_iter().find_map(|(part, known)| {
        let (begin, rest) = name.split_at_checked(known.len())?;
        let is_one =
            begin.eq_ignore_ascii_case(known) && !rest.starts_with(|letter: char| letter.is_alphabetic());
        is_one.then_some((part, begin))
    })
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
