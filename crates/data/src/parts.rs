//! The parts of a dataset in folders: `train/`, and `val/` and `test/` beside it; or shards whose names begin so.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::archive::is_pattern;
use crate::shards::{Shards, shards_of};
use crate::walk::visible_folders;

/// The folders of the parts.
pub(crate) struct Parts {
    pub(crate) train: PathBuf,
    pub(crate) val: Option<PathBuf>,
    pub(crate) test: Option<PathBuf>,
}

/// Names under which validation parts are found in the wild.
pub(crate) const VAL_NAMES: [&str; 3] = ["val", "valid", "validation"];

/// The patterns of the shards in a folder and in its parts; none where photos lie in folders.
pub(crate) fn patterns(folder: &Path) -> Result<Vec<PathBuf>> {
    if let Some(shards) = shards_of(folder)? {
        return Ok(shards.all());
    }
    let Some(Parts { train, val, test }) = parts_of(folder)? else { return Ok(Vec::new()) };
    let parts = [Some(train), val, test].into_iter().flatten();
    Ok(parts.filter(|part| is_pattern(part)).collect())
}

/// The parts of `folder`; `None` if its folders are classes. `train` may be a class, too (of vehicles, say): it is a
/// part where it holds folders and a validation or test folder stands beside it, or nothing does.
pub(crate) fn parts_of(folder: &Path) -> Result<Option<Parts>> {
    if let Some(Shards::Parts([Some(train), val, test])) = shards_of(folder)? {
        return Ok(Some(Parts { train, val, test }));
    }
    let folders = visible_folders(folder, &mut Vec::new())?;
    let named = |names: &[&str]| {
        let is_named = |path: &Path| {
            let own = path.file_name().unwrap_or_default();
            names.iter().any(|name| own.eq_ignore_ascii_case(name))
        };
        folders.iter().find(|path| is_named(path))
    };
    let Some(train) = named(&["train"]) else { return Ok(None) };
    // A part may be a folder of shards.
    let part = |path: &PathBuf| match shards_of(path) {
        Ok(Some(Shards::One(shards))) => shards,
        _ => path.clone(),
    };
    let (val, test) = (named(&VAL_NAMES).map(part), named(&["test"]).map(part));
    let alone = folders.len() == 1 || val.is_some() || test.is_some();
    let train = part(train);
    if !alone || visible_folders(&train, &mut Vec::new())?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Parts { train, val, test }))
}
