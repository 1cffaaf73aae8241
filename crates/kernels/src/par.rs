//! Worker threads: one pool per owner, sized by its user, never a global one.
//!
//! Work is split over outputs, never over a sum, so a result has the same bits for any number of threads.
//!
//! The pool's threads belong to one caller at a time. Whoever finds them taken, be it another session of the same
//! backbone or a task of the very work that took them, computes on its own thread: nothing waits for a turn, so nothing
//! can wait for ever, and no processor gets two threads' work.

use std::ops::{ControlFlow, Range};
#[cfg(feature = "rayon")]
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
#[cfg(feature = "rayon")]
use crate::{
    pieces::Pieces,
    team::{Lease, Team},
    workers::Workers,
};

/// The most threads of one pool. Above it somebody mistyped: the largest servers have fewer processors.
pub const MAX_THREADS: usize = 1024;

/// Worker threads that are leased to one caller at a time. One thread means the caller's own: none is started. Those that were
/// started have ended when this is dropped, unless one of them drops it.
pub struct Threads {
    count: usize,
    /// One thread fewer than `count`: the caller is the first.
    #[cfg(feature = "rayon")]
    pool: Option<(Workers, Lease)>,
}

impl Threads {
    /// The caller's thread alone: nothing is started, and work is done in its order.
    #[must_use]
    pub fn serial() -> Self {
        Self {
            count: 1,
            #[cfg(feature = "rayon")]
            pool: None,
        }
    }

    /// Starts `count` threads, the caller's own counted, at least one. Built without the feature `rayon` there is only the
    /// caller's.
    ///
    /// # Errors
    /// [`Error::Threads`] above [`MAX_THREADS`], or if the system gives none.
    pub fn new(count: usize) -> Result<Self, Error> {
        if count <= 1 {
            return Ok(Self::serial());
        }
        if count > MAX_THREADS {
            return Err(Error::Threads { count, reason: format!("at most {MAX_THREADS} are supported") });
        }
        #[cfg(feature = "rayon")]
        {
            let workers = Workers::start(count - 1)
                .map_err(|error| Error::Threads { count, reason: error.to_string() })?;
            Ok(Self { count, pool: Some((workers, Lease::default())) })
        }
        #[cfg(not(feature = "rayon"))]
        Ok(Self::serial())
    }

    /// The number of threads that work at once.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Runs `work` on the caller's thread and keeps the others awake meanwhile, so that what `work` shares out with
    /// [`Threads::for_each`] starts at once. For a series of many short steps, such as an inference. When `work` ends, the
    /// other threads go back to sleep.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "rayon")]
        if let Some((workers, lease)) = &self.pool {
            return match lease.take() {
                Some(_guard) => Team::gather(workers.pool(), lease, |_| work()),
                None => work(),
            };
        }
        work()
    }

    /// Does what [`Threads::enter`] does and tells `work` which threads it has: these, or the caller's alone where somebody
    /// else has them. For work that is done another way by one thread.
    pub fn lead<R>(&self, work: impl FnOnce(&Self) -> R) -> R {
        #[cfg(feature = "rayon")]
        if let Some((workers, lease)) = &self.pool {
            if lease.of_this_thread(|_| ()).is_some() {
                return work(self);
            }
            return match lease.take() {
                Some(_guard) => Team::gather(workers.pool(), lease, |_| work(self)),
                None => work(&Self::serial()),
            };
        }
        work(self)
    }

    /// Calls `work(task)` for every `task` below `tasks`, each once, in any order, and returns when all are done.
    ///
    /// # Panics
    /// If a task panics: the panic goes on in the caller when the other tasks are done.
    pub fn for_each(&self, tasks: usize, work: impl Fn(usize) + Sync) {
        #[cfg(feature = "rayon")]
        if let Some((workers, lease)) = self.pool.as_ref().filter(|_| tasks > 1) {
            if let Some(shared) = lease.of_this_thread(|team| team.share(tasks, &work)) {
                return shared;
            }
            if let Some(_guard) = lease.take() {
                return Team::gather(workers.pool(), lease, |team| team.share(tasks, &work));
            }
        }
        (0..tasks).for_each(work);
    }

    /// Calls `work(item)` for each item, on all threads, and returns the results in the order of the items, whatever
    /// the number of threads. An item goes to one thread; items are begun in their order.
    ///
    /// # Panics
    /// If a call panics: the panic goes on in the caller when the other calls are done.
    pub fn map<T: Send, R: Send>(
        &self,
        items: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> R + Sync,
    ) -> Vec<R> {
        let go_on = || ControlFlow::Continue(());
        match self.map_until(&go_on, items, work) {
            Some(results) => results,
            None => unreachable!("nothing stops it"),
        }
    }

    /// Does what [`Threads::map`] does, unless `pulse` breaks: it is asked before each item, and once it has broken no
    /// further item is begun. Returns `None` if an item was left out.
    ///
    /// # Panics
    /// If a call panics: the panic goes on in the caller when the other calls are done.
    pub fn map_until<T: Send, R: Send>(
        &self,
        pulse: &(dyn Fn() -> ControlFlow<()> + Sync),
        items: impl IntoIterator<Item = T>,
        work: impl Fn(T) -> R + Sync,
    ) -> Option<Vec<R>> {
        self.map_until_with(pulse, &mut vec![(); self.count], items, |(), item| work(item))
    }

    /// Does what [`Threads::map_until`] does with `work(state, item)`: as many calls run at once as there are states and
    /// threads, and a state (a decoder, a buffer) is used by one call at a time. Which state an item meets depends on
    /// chance, so a result must not depend on it.
    ///
    /// # Panics
    /// If `states` is empty, and if a call panics, when the other calls are done.
    pub fn map_until_with<S: Send, T: Send, R: Send>(
        &self,
        pulse: &(dyn Fn() -> ControlFlow<()> + Sync),
        states: &mut [S],
        items: impl IntoIterator<Item = T>,
        work: impl Fn(&mut S, T) -> R + Sync,
    ) -> Option<Vec<R>> {
        struct Place<T, R> {
            item: Option<T>,
            result: Option<R>,
        }
        let mut places: Vec<Place<T, R>> =
            items.into_iter().map(|item| Place { item: Some(item), result: None }).collect();
        let stopped = AtomicBool::new(false);
        self.for_each_chunk(states, &mut places, 1, |state, _, places| {
            for place in places {
                if stopped.load(Ordering::Relaxed) || pulse().is_break() {
                    stopped.store(true, Ordering::Relaxed);
                    return;
                }
                place.result = place.item.take().map(|item| work(state, item));
            }
        });
        places.into_iter().map(|place| place.result).collect()
    }

    /// Splits `data` into chunks of `chunk` values (the last may be shorter) and calls
    /// `work(state, index, chunk)` for each, with as many at once as there are states and threads.
    /// A state is used by one call at a time.
    ///
    /// # Panics
    /// If `states` is empty or `chunk` is 0.
    pub fn for_each_chunk<S: Send, T: Send>(
        &self,
        states: &mut [S],
        data: &mut [T],
        chunk: usize,
        work: impl Fn(&mut S, usize, &mut [T]) + Sync,
    ) {
        self.for_each_chunk_with(states, 1, data, chunk, |state, index, part| {
            work(&mut state[0], index, part)
        });
    }

    /// Does what [`Threads::for_each_chunk`] does; a state is a run of `per` values of `scratch`.
    ///
    /// # Panics
    /// If `scratch` holds no whole state or `chunk` is 0.
    pub fn for_each_chunk_with<S: Send, T: Send>(
        &self,
        scratch: &mut [S],
        per: usize,
        data: &mut [T],
        chunk: usize,
        work: impl Fn(&mut [S], usize, &mut [T]) + Sync,
    ) {
        let states = scratch.len().checked_div(per).unwrap_or(0);
        assert!(states > 0, "no state to work with");
        let chunks = data.len().div_ceil(chunk);
        #[cfg(feature = "rayon")]
        if self.pool.is_some() && states.min(chunks) > 1 {
            let (len, next) = (data.len(), AtomicUsize::new(0));
            let (scratch, data) = (Pieces::new(scratch), Pieces::new(data));
            self.for_each(states.min(chunks), |state| {
                // SAFETY: each task has a state of its own.
                let own = unsafe { scratch.piece(state * per..(state + 1) * per) };
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let first = index.saturating_mul(chunk);
                    if first >= len {
                        break;
                    }
                    // SAFETY: an index is drawn once, and chunks are disjoint.
                    work(own, index, unsafe { data.piece(first..len.min(first + chunk)) });
                }
            });
            return;
        }
        let _ = chunks;
        for (index, part) in data.chunks_mut(chunk).enumerate() {
            work(&mut scratch[..per], index, part);
        }
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Threads({})", self.count)
    }
}

/// The part of `0..whole` that is the `part`-th of `parts`, as even as they come.
pub(crate) fn share(whole: usize, parts: usize, part: usize) -> Range<usize> {
    whole * part / parts..whole * (part + 1) / parts
}

#[cfg(test)]
mod tests {
    #[cfg(not(feature = "rayon"))]
    use std::sync::atomic::AtomicUsize;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mistyped_number_of_threads_is_an_error() {
        assert!(matches!(Threads::new(100_000_000), Err(Error::Threads { count: 100_000_000, .. })));
    }

    #[test]
    fn whoever_leads_has_the_threads_and_others_have_their_own() {
        let threads = Threads::new(3).unwrap();
        let count = |threads: &Threads| threads.count();
        let counts = threads.lead(|led| {
            every_task_runs_once(led);
            let others = std::thread::scope(|scope| scope.spawn(|| threads.lead(count)).join().unwrap());
            (led.count(), threads.lead(count), others)
        });
        assert_eq!(counts, if cfg!(feature = "rayon") { (3, 3, 1) } else { (1, 1, 1) });
        assert_eq!(threads.lead(count), threads.count());
    }

    /// A worker that is held up, as by a system with other work, holds up nobody.
    #[cfg(feature = "rayon")]
    #[test]
    fn work_ends_without_workers_that_do_not_come() {
        let threads = Threads::new(2).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (workers, _) = threads.pool.as_ref().unwrap();
        workers.pool().spawn(move || held.recv().unwrap());
        for _ in 0..10 {
            every_task_runs_once(&threads);
            threads.enter(|| every_task_runs_once(&threads));
        }
        release.send(()).unwrap();
        threads.enter(|| every_task_runs_once(&threads));
    }

    fn every_task_runs_once(threads: &Threads) {
        let calls: Vec<AtomicUsize> = (0..17).map(|_| AtomicUsize::new(0)).collect();
        threads.for_each(17, |task| {
            calls[task].fetch_add(1, Ordering::Relaxed);
        });
        assert!(calls.iter().all(|c| c.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn every_task_runs_once_and_every_chunk_is_seen_with_its_index() {
        for count in [1, 2, 3] {
            let threads = Threads::new(count).unwrap();
            every_task_runs_once(&threads);
            threads.enter(|| (0..100).for_each(|_| every_task_runs_once(&threads)));

            let mut data = vec![0usize; 10];
            let mut states = vec![0usize; 2 * count];
            threads.for_each_chunk_with(&mut states, 2, &mut data, 3, |calls, index, part| {
                calls[0] += 1;
                calls[1] += part.len();
                part.fill(index + 1);
            });
            assert_eq!(data, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]);
            assert_eq!(states.iter().step_by(2).sum::<usize>(), 4);
            assert_eq!(states.iter().skip(1).step_by(2).sum::<usize>(), 10);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Results keep the order of their items, for items that are owned, borrowed, or borrowed for writing.
        #[test]
        fn a_map_has_the_results_in_order_for_any_number_of_threads(count in 1usize..5, len in 0usize..60) {
            let threads = Threads::new(count).unwrap();
            let expected: Vec<String> = (0..len).map(|item| item.to_string()).collect();
            prop_assert_eq!(&threads.map(0..len, |item| item.to_string()), &expected);
            prop_assert_eq!(&threads.map(&expected, |item| item.clone()), &expected);
            let mut written = vec![0; len];
            threads.map(written.iter_mut().enumerate(), |(index, to)| *to = index + 1);
            prop_assert_eq!(written, (1..=len).collect::<Vec<_>>());
        }

        /// What runs at the break is finished; nothing is begun after it, and the states have seen all of it.
        #[test]
        fn a_map_that_is_stopped_begins_no_further_item(count in 1usize..5, len in 0usize..60, after in 0usize..60) {
            let threads = Threads::new(count).unwrap();
            let asked = AtomicUsize::new(0);
            let pulse = || match asked.fetch_add(1, Ordering::Relaxed) < after {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            };
            let mut calls = vec![0; count];
            let results = threads.map_until_with(&pulse, &mut calls, 0..len, |calls, item| {
                *calls += 1;
                item
            });
            prop_assert_eq!(calls.iter().sum::<usize>(), len.min(after));
            prop_assert_eq!(results, (len <= after).then(|| (0..len).collect::<Vec<_>>()));
        }
    }

    #[test]
    fn work_inside_work_and_callers_side_by_side_all_end() {
        let threads = Threads::new(3).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        threads.for_each(3, |_| every_task_runs_once(&threads));
                        threads.enter(|| every_task_runs_once(&threads));
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        let threads = Threads::new(3).unwrap();
        for bad in 0..6 {
            let done = AtomicUsize::new(0);
            let call = std::panic::AssertUnwindSafe(|| {
                threads.enter(|| {
                    threads.for_each(6, |task| {
                        assert!(task != bad, "task {task} fails");
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                });
            });
            assert!(std::panic::catch_unwind(call).is_err());
            assert_eq!(done.load(Ordering::Relaxed), 5);
            every_task_runs_once(&threads);
        }
    }
}
