//! The parts of a dataset in folders: `train/`, and `val/` and `test/` beside it.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::walk::visible_folders;

/// The folders of the parts.
pub(crate) struct Parts {
    pub(crate) train: PathBuf,
    pub(crate) val: Option<PathBuf>,
    pub(crate) test: Option<PathBuf>,
}

/// Names under which validation parts are found in the wild.
pub(crate) const VAL_NAMES: [&str; 3] = ["val", "valid", "validation"];

/// The parts of `folder`; `None` if its folders are classes. `train` may be a class, too (of vehicles, say): it is a
/// part where it holds folders and a validation or test folder stands beside it, or nothing does.
pub(crate) fn parts_of(folder: &Path) -> Result<Option<Parts>> {
    let folders = visible_folders(folder, &mut Vec::new())?;
    let named = |names: &[&str]| {
        let is_named = |path: &Path| {
            let own = path.file_name().unwrap_or_default();
            names.iter().any(|name| own.eq_ignore_ascii_case(name))
        };
        folders.iter().find(|path| is_named(path))
    };
    let Some(train) = named(&["train"]) else { return Ok(None) };
    let (val, test) = (named(&VAL_NAMES).cloned(), named(&["test"]).cloned());
    let alone = folders.len() == 1 || val.is_some() || test.is_some();
    if !alone || visible_folders(train, &mut Vec::new())?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Parts { train: train.clone(), val, test }))
}
