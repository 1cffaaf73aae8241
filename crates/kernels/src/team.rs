//! The caller and its leased worker threads, sharing out one short step after another without going to sleep between.
//!
//! 1. Workers enter once ([`Team::gather`]) and then watch one word: which step it is, how many tasks it has, which is
//!    next. A task is claimed by moving that word on, so each is claimed once, and a worker that comes late finds none.
//! 2. The caller claims tasks like everybody else: where the system has not woken the workers yet, it is not held up.
//! 3. A step is over when all its tasks are counted as done; only then may what they borrow go away.
//! 4. At the end the caller tells the workers to leave and does not wait for it: one that the system has not woken at all finds
//!    no task when it comes, and only the team itself, which it owns together with the caller.
//!
//! What it does badly: a waiting worker spins, for [`SPINS`] looks. Then it offers its processor to others, and where the
//! caller goes on alone it naps between looks. It only waits while the caller is inside one call.

use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Looks at the shared word before a waiting thread lets others have its processor: some tens of microseconds, more
/// than a step's uneven end, less than a time slice.
const SPINS: usize = 1 << 12;

/// After so many offers of its processor a waiting thread naps between looks: the others are busy for long.
const YIELDS: usize = 1 << 10;
const NAP: Duration = Duration::from_micros(50);

/// The word: the step's number above, then its tasks, then the next one to be claimed.
const TASK_BITS: u32 = 16;
const MASK: u64 = (1 << TASK_BITS) - 1;

/// What a task has thrown.
type Panic = Box<dyn std::any::Any + Send>;

type Job<'a> = dyn Fn(usize) + Sync + 'a;

/// Caller and workers during one lease.
pub(crate) struct Team {
    word: Padded<AtomicU64>,
    done: Padded<AtomicUsize>,
    over: AtomicBool,
    /// The first panic of the current step.
    panic: Mutex<Option<Panic>>,
    /// What the current step runs: valid while not all of its tasks are done.
    job: UnsafeCell<Option<*const Job<'static>>>,
}

/// A value with a cache line, and the one that is fetched with it, to itself.
#[repr(align(128))]
struct Padded<T>(T);

// SAFETY: `job` is written by the thread that made the team, when no task of the last step is left, and read by a thread
// that has claimed a task of the present one: the claim orders it behind the write, and the next write waits for the task.
unsafe impl Sync for Team {}
// SAFETY: as above; what else a team has may be dropped by any thread, and the pointer is not followed then.
unsafe impl Send for Team {}

impl Team {
    /// Runs `work` on this thread with `pool`'s threads watching for shares.
    pub(crate) fn gather<R>(pool: &rayon::ThreadPool, lease: &Lease, work: impl FnOnce(&Self) -> R) -> R {
        let team = Arc::new(Self {
            word: Padded(AtomicU64::new(0)),
            done: Padded(AtomicUsize::new(0)),
            over: AtomicBool::new(false),
            panic: Mutex::new(None),
            job: UnsafeCell::new(None),
        });
        // The workers are told to leave, whichever way `work` ends.
        struct Over<'a>(&'a Team);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.over.store(true, Ordering::Release);
            }
        }
        let watched = Arc::clone(&team);
        pool.spawn_broadcast(move |_| watched.watch());
        let _over = Over(&team);
        let _led = lease.led_by_this_thread(&team);
        work(&team)
    }

    /// Runs `work(task)` for each task, here and on the workers, and returns when all are done. For the thread that
    /// gathered the team.
    pub(crate) fn share(&self, tasks: usize, work: &Job<'_>) {
        let _busy = Busy::mark(true);
        // More tasks than the word can count go in rounds.
        let most = MASK as usize;
        for first in (0..tasks).step_by(most) {
            self.round(most.min(tasks - first), &|task| work(first + task));
        }
    }

    fn round(&self, tasks: usize, work: &Job<'_>) {
        // SAFETY: only the lifetime changes. The pointer is followed by threads that have claimed a task which is not
        // done, and this function waits for all tasks before it returns, or unwinds.
        let job = unsafe { std::mem::transmute::<&Job<'_>, &Job<'static>>(work) };
        // SAFETY: no task of the last step is left, so nobody reads it.
        unsafe { *self.job.get() = Some(std::ptr::from_ref(job)) };
        self.done.0.store(0, Ordering::Relaxed);
        let step = (self.word.0.load(Ordering::Relaxed) >> (2 * TASK_BITS)) + 1;
        self.word.0.store((step << (2 * TASK_BITS)) | ((tasks as u64) << TASK_BITS), Ordering::Release);
        while let Some(task) = self.claim() {
            self.run(task, work);
        }
        let mut wait = Wait::default();
        while self.done.0.load(Ordering::Acquire) < tasks {
            wait.a_little();
        }
        if let Some(panic) = self.panic().take() {
            resume_unwind(panic);
        }
    }

    /// Runs a claimed task and counts it as done, whatever comes of it: nothing here unwinds.
    fn run(&self, task: usize, work: &Job<'_>) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(task))) {
            let mut first = self.panic();
            match *first {
                None => *first = Some(panic),
                // Dropping what somebody else has thrown may itself panic.
                Some(_) => std::mem::forget(panic),
            }
        }
        self.done.0.fetch_add(1, Ordering::Release);
    }

    fn panic(&self) -> MutexGuard<'_, Option<Panic>> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task of the present step.
    fn claim(&self) -> Option<usize> {
        let mut word = self.word.0.load(Ordering::Acquire);
        loop {
            let (tasks, next) = ((word >> TASK_BITS) & MASK, word & MASK);
            if next >= tasks {
                return None;
            }
            match self.word.0.compare_exchange_weak(word, word + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(next as usize),
                Err(now) => word = now,
            }
        }
    }

    /// A worker's part: tasks as they come, until the caller has no more.
    fn watch(&self) {
        let mut wait = Wait::default();
        while !self.over.load(Ordering::Acquire) {
            let Some(task) = self.claim() else {
                wait.a_little();
                continue;
            };
            // SAFETY: the job was written before the word that this task was claimed from, and is valid until the task
            // is counted as done.
            let work = unsafe { (*self.job.get()).map(|job| &*job) };
            if let Some(work) = work {
                self.run(task, work);
            }
            wait = Wait::default();
        }
    }
}

/// A thread that waits for another one's store.
#[derive(Default)]
struct Wait(usize);

impl Wait {
    fn a_little(&mut self) {
        self.0 += 1;
        if self.0 < SPINS {
            std::hint::spin_loop();
        } else if self.0 < SPINS + YIELDS {
            std::thread::yield_now();
        } else {
            std::thread::sleep(NAP);
        }
    }
}

/// Who has the workers.
#[derive(Default)]
pub(crate) struct Lease(AtomicBool);

thread_local! {
    /// The lease that this thread holds, and its team.
    static LED: Cell<Option<(*const Lease, *const Team)>> = const { Cell::new(None) };
}

impl Lease {
    /// Takes the workers until the guard is dropped. `None` if somebody has them.
    pub(crate) fn take(&self) -> Option<Guard<'_>> {
        (!self.0.swap(true, Ordering::Acquire)).then(|| Guard(self))
    }

    /// What `work` makes of the team that this thread leads under this lease.
    pub(crate) fn of_this_thread<R>(&self, work: impl FnOnce(&Team) -> R) -> Option<R> {
        let (lease, team) = LED.get()?;
        // Inside its own tasks the leader leads nobody: the step's word is in use.
        // SAFETY: `gather`, below us on this thread's stack, keeps the team: `Led` takes the pointer back before it goes.
        (std::ptr::eq(lease, self) && !BUSY.get()).then(|| work(unsafe { &*team }))
    }

    fn led_by_this_thread(&self, team: &Team) -> Led {
        let before = LED.replace(Some((std::ptr::from_ref(self), std::ptr::from_ref(team))));
        Led { before, _idle: Busy::mark(false) }
    }
}

thread_local! {
    /// Whether this thread is inside a step that it shares out.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread until it is dropped.
struct Busy(bool);

impl Busy {
    fn mark(busy: bool) -> Self {
        Self(BUSY.replace(busy))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.set(self.0);
    }
}

/// Ends a thread's lead.
struct Led {
    before: Option<(*const Lease, *const Team)>,
    _idle: Busy,
}

impl Drop for Led {
    fn drop(&mut self) {
        LED.set(self.before);
    }
}

/// Gives the workers back.
pub(crate) struct Guard<'a>(&'a Lease);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}
