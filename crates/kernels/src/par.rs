//! Worker threads: one pool per owner, sized by its user, never a global one.
//!
//! Work is split over outputs, never over a sum, so a result has the same bits for any number of threads.

use crate::Error;

/// The most threads of one pool. Above it somebody mistyped: the largest servers have fewer processors.
pub const MAX_THREADS: usize = 1024;

/// A lease on worker threads. One thread means the caller's own: none is started.
pub struct Threads {
    count: usize,
    #[cfg(feature = "rayon")]
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    /// The caller's thread alone.
    #[must_use]
    pub fn serial() -> Self {
        Self {
            count: 1,
            #[cfg(feature = "rayon")]
            pool: None,
        }
    }

    /// `count` threads, at least one. Built without the feature `rayon` there is only the caller's.
    ///
    /// # Errors
    /// [`Error::Threads`] above [`MAX_THREADS`], or where the system gives none.
    pub fn new(count: usize) -> Result<Self, Error> {
        if count <= 1 {
            return Ok(Self::serial());
        }
        if count > MAX_THREADS {
            return Err(Error::Threads { count, reason: format!("at most {MAX_THREADS} are supported") });
        }
        #[cfg(feature = "rayon")]
        {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(count)
                .thread_name(|index| format!("icecap-{index}"))
                .build()
                .map_err(|error| Error::Threads { count, reason: error.to_string() })?;
            Ok(Self { count, pool: Some(pool) })
        }
        #[cfg(not(feature = "rayon"))]
        Ok(Self::serial())
    }

    /// How many threads work at once.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Runs `work` on one of the threads. What it shares out then starts there: going in once costs less than going in
    /// for each of many small steps.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        #[cfg(feature = "rayon")]
        if let Some(pool) = &self.pool {
            return pool.install(work);
        }
        work()
    }

    /// Calls `work(task)` for every `task` below `tasks`, each once, in any order, and returns when all are done.
    pub fn for_each(&self, tasks: usize, work: impl Fn(usize) + Sync) {
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.as_ref().filter(|_| tasks > 1) {
            use rayon::prelude::*;
            pool.install(|| (0..tasks).into_par_iter().with_max_len(1).for_each(&work));
            return;
        }
        (0..tasks).for_each(work);
    }

    /// Splits `data` into chunks of `chunk` values (the last may be shorter) and calls
    /// `work(state, index, chunk)` for each, with as many at once as there are states and threads.
    /// A state is used by one call at a time.
    ///
    /// # Panics
    /// Where `states` is empty or `chunk` is 0.
    pub fn for_each_chunk<S: Send, T: Send>(
        &self,
        states: &mut [S],
        data: &mut [T],
        chunk: usize,
        work: impl Fn(&mut S, usize, &mut [T]) + Sync,
    ) {
        assert!(!states.is_empty(), "no state to work with");
        #[cfg(feature = "rayon")]
        if let Some(pool) = self.pool.as_ref().filter(|_| states.len() > 1 && data.len() > chunk) {
            let queue = std::sync::Mutex::new(data.chunks_mut(chunk).enumerate());
            let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            pool.scope(|scope| {
                for state in states {
                    let (next, work) = (&next, &work);
                    scope.spawn(move |_| {
                        while let Some((index, part)) = next() {
                            work(state, index, part);
                        }
                    });
                }
            });
            return;
        }
        let state = &mut states[0];
        for (index, part) in data.chunks_mut(chunk).enumerate() {
            work(state, index, part);
        }
    }
}

impl std::fmt::Debug for Threads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Threads({})", self.count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_mistyped_number_of_threads_is_an_error() {
        assert!(matches!(Threads::new(100_000_000), Err(Error::Threads { count: 100_000_000, .. })));
    }

    #[test]
    fn every_task_runs_once_and_every_chunk_is_seen_with_its_index() {
        for count in [1, 2, 3] {
            let threads = Threads::new(count).unwrap();
            let calls: Vec<AtomicUsize> = (0..17).map(|_| AtomicUsize::new(0)).collect();
            threads.for_each(17, |task| {
                calls[task].fetch_add(1, Ordering::Relaxed);
            });
            assert!(calls.iter().all(|c| c.load(Ordering::Relaxed) == 1));

            let mut data = vec![0usize; 10];
            let mut states = vec![0usize; count];
            threads.for_each_chunk(&mut states, &mut data, 3, |calls, index, part| {
                *calls += 1;
                part.fill(index + 1);
            });
            assert_eq!(data, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]);
            assert_eq!(states.iter().sum::<usize>(), 4);
        }
    }
}
