//! Folds of the training photos by which one number is chosen: how many there can be, and how many are enough.

use crate::error::Error;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;

/// Up to `most` folds, or as many as leave each class `each` photos in every fold; `None` if that is less than two.
/// Views of a photo are one.
pub(crate) fn usable_folds(
    set: &FeatureSet,
    classes: usize,
    most: usize,
    each: usize,
    seed: u64,
) -> Option<(usize, Vec<usize>)> {
    let least = set.photos(classes).into_iter().filter(|&count| count > 0).min()?;
    // Groups can make fewer than the photos would.
    (2..=most.min(least / each)).rev().find_map(|k| Some((k, set.folds(k, seed).ok()?)))
}

/// Photos that are enough to choose one number by.
const ENOUGH: usize = 2000;

/// How many of `k` folds of so many photos are to be judged to choose one number by them: as many as hold [`ENOUGH`]
/// of them.
pub(crate) fn enough(photos: usize, k: usize) -> usize {
    ENOUGH.div_ceil((photos / k).max(1)).min(k)
}

/// Does each task on a thread; the results in the order of the tasks. Once the pulse breaks, none is begun any more: what
/// a task does before it first asks would add up over many.
pub(crate) fn each<R: Send>(
    compute: Compute<'_>,
    tasks: usize,
    work: impl Fn(usize) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let done = compute.threads.map_until(compute.pulse, 0..tasks, work);
    done.ok_or(Error::Stopped)?.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use icecap_kernels::{Isa, Threads};

    use super::*;

    #[test]
    fn many_photos_need_not_all_be_judged() {
        assert_eq!([10, 245, 2500, 5000, 20_000].map(|photos| enough(photos, 5)), [5, 5, 4, 2, 1]);
    }

    #[test]
    fn nothing_is_begun_after_a_stop() {
        let begun = AtomicUsize::new(0);
        let pulse = || match begun.load(Ordering::Relaxed) {
            3 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let work = |_| Ok(begun.fetch_add(1, Ordering::Relaxed));
        let compute = Compute { threads: &Threads::serial(), isa: Isa::best(), pulse: &pulse };
        assert!(matches!(each(compute, 100, work), Err(Error::Stopped)));
        assert_eq!(begun.into_inner(), 3);
    }
}
