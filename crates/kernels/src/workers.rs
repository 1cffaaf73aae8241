//! The worker threads themselves: started together, and ended before whoever drops them goes on.
//!
//! Rayon tells the threads of a dropped pool to end and does not wait for it. A program that unloads the library of this crate
//! would then have threads in code that is gone, and a tool that looks for lost memory finds theirs.

use std::io;
use std::thread::JoinHandle;

/// The threads of a pool. Dropping them waits until they have ended.
pub(crate) struct Workers {
    /// `None` before there is one, and while it is dropped.
    pool: Option<rayon::ThreadPool>,
    /// The process that started the threads.
    process: u32,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// The system's reason, if it does not give them; none of them then goes on.
    pub(crate) fn start(count: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let mut workers =
            Self { pool: None, process: std::process::id(), threads: Vec::with_capacity(count) };
        let threads = &mut workers.threads;
        let builder = rayon::ThreadPoolBuilder::new().num_threads(count);
        let builder = builder.spawn_handler(|worker| -> io::Result<()> {
            let name = format!("icecap-{}", worker.index() + 1);
            threads.push(std::thread::Builder::new().name(name).spawn(|| worker.run())?);
            Ok(())
        });
        workers.pool = Some(builder.build()?);
        Ok(workers)
    }

    pub(crate) fn pool(&self) -> &rayon::ThreadPool {
        match &self.pool {
            Some(pool) => pool,
            None => unreachable!("whoever has workers has their pool"),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let (pool, threads) = (self.pool.take(), std::mem::take(&mut self.threads));
        // The threads of a process are not in its forked child, which would wait for ever; and what names them may name others
        // there, which must not be let go in their place.
        if std::process::id() != self.process {
            std::mem::forget((pool, threads));
            return;
        }
        // Work of the pool itself that drops it would wait for ever, too: the threads end when that work is done.
        let is_own = pool.as_ref().is_some_and(|pool| pool.current_thread_index().is_some());
        // This tells the threads to end.
        drop(pool);
        for thread in threads.into_iter().filter(|_| !is_own) {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use super::*;

    /// Counts when its thread ends, which takes a while.
    struct Last(Arc<AtomicUsize>);

    impl Drop for Last {
        fn drop(&mut self) {
            std::thread::sleep(Duration::from_millis(50));
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    thread_local! {
        static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    }

    #[test]
    fn threads_have_ended_when_their_pool_is_dropped() {
        for count in [1, 4] {
            let ended = Arc::new(AtomicUsize::new(0));
            let workers = Workers::start(count).unwrap();
            workers.pool().broadcast(|_| LAST.set(Some(Last(ended.clone()))));
            drop(workers);
            assert_eq!(ended.load(Ordering::SeqCst), count);
        }
    }

    #[test]
    fn work_of_a_pool_may_drop_the_pool() {
        let workers = Arc::new(Mutex::new(Some(Workers::start(3).unwrap())));
        let (done, wait) = mpsc::channel();
        let shared = workers.clone();
        workers.lock().unwrap().as_ref().unwrap().pool().spawn(move || {
            drop(shared.lock().unwrap().take());
            done.send(()).unwrap();
        });
        wait.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(workers.lock().unwrap().is_none());
    }
}
