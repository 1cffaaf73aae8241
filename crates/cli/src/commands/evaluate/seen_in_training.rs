//! Photos that a model has learned from say little about how good it is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use icecap::advanced::data::{Part, Sample, read_split};

use crate::run::files::SPLIT;

/// Returns how many of `samples` the model has learned from, by the `split.csv` of its run. `None` if there is no such
/// file, or it names not one of them.
pub(super) fn known(model: &Path, samples: &[Sample]) -> Option<usize> {
    let split = read_split(&model.with_file_name(SPLIT)).ok()?;
    let learned = split.into_iter().filter(|row| row.part == Part::Train);
    let learned: HashSet<PathBuf> = learned.filter_map(|row| row.path.canonicalize().ok()).collect();
    let known = samples.iter().filter_map(|sample| sample.path.canonicalize().ok());
    Some(known.filter(|path| learned.contains(path)).count()).filter(|known| *known > 0)
}
