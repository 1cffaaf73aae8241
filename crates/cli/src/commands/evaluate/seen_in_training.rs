//! Photos that a model has learned from say little about how good it is.

use std::path::Path;

use icecap::advanced::data::Sample;

use crate::run::learned::Learned;

/// Returns how many of `samples` the model has learned from, by the `split.csv` of its run. `None` if there is no such
/// file, or it names not one of them.
pub(super) fn known(model: &Path, samples: &[Sample]) -> Option<usize> {
    let learned = Learned::beside(model);
    Some(samples.iter().filter(|sample| learned.has(&sample.path)).count()).filter(|known| *known > 0)
}
