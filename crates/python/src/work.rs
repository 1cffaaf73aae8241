//! Work that runs without the interpreter's lock: others go on meanwhile, a signal ends it, and the interpreter does not end
//! below it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use icecap::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::failure::exception;

/// Whether the interpreter is about to end.
static CLOSING: AtomicBool = AtomicBool::new(false);
/// How many calls are at work.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// How often a caller's thread looks for a signal.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// The longest that an interpreter waits for work before it ends.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Ends all work after the photos at hand, refuses further work, and waits until there is none: a thread of Python's that comes
/// back from work when its interpreter is gone would be torn down in the middle of this library.
#[pyfunction]
pub(crate) fn close(py: Python<'_>) {
    CLOSING.store(true, Ordering::SeqCst);
    let started = Instant::now();
    while AT_WORK.load(Ordering::SeqCst) > 0 && started.elapsed() < LONGEST_WAIT {
        py.detach(|| std::thread::sleep(Duration::from_millis(1)));
    }
}

/// Says that this process was forked just now: whatever was at work is so in the other process.
#[pyfunction]
pub(crate) fn forked() {
    AT_WORK.store(0, Ordering::SeqCst);
}

/// A call at work.
struct AtWork;

impl AtWork {
    fn begin() -> PyResult<Self> {
        AT_WORK.fetch_add(1, Ordering::SeqCst);
        let own = Self;
        if CLOSING.load(Ordering::SeqCst) { Err(closing()) } else { Ok(own) }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
    }
}

fn closing() -> PyErr {
    PyRuntimeError::new_err("the interpreter is shutting down: the work was stopped")
}

/// Looks out for whatever ends a call's work early.
pub(crate) struct Watch {
    caller: ThreadId,
    /// Whether the caller is Python's main thread, the only one to which signals come.
    hears_signals: bool,
    looked: Mutex<Instant>,
    raised: Mutex<Option<PyErr>>,
}

impl Watch {
    /// Looks out for the calling thread.
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let threading = py.import("threading")?;
        let main = threading.call_method0("main_thread")?.getattr("ident")?;
        let own = threading.call_method0("get_ident")?;
        Ok(Self {
            caller: std::thread::current().id(),
            hears_signals: own.eq(main)?,
            looked: Mutex::new(Instant::now()),
            raised: Mutex::new(None),
        })
    }

    /// Says whether the work is to go on. Any thread may ask.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if CLOSING.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        if !self.hears_signals || !self.is_caller() || !self.is_due() {
            return self.so_far();
        }
        self.ask(|py| py.check_signals())
    }

    /// Returns whether this thread is the one that called.
    pub(crate) fn is_caller(&self) -> bool {
        std::thread::current().id() == self.caller
    }

    /// Asks Python something; what it raises ends the work. So does an interpreter that is gone.
    pub(crate) fn ask(&self, question: impl FnOnce(Python<'_>) -> PyResult<()>) -> ControlFlow<()> {
        match Python::try_attach(question) {
            Some(Ok(())) => self.so_far(),
            Some(Err(raised)) => {
                self.raised.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(raised);
                ControlFlow::Break(())
            }
            None => ControlFlow::Break(()),
        }
    }

    fn so_far(&self) -> ControlFlow<()> {
        match &*self.raised.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = looked.elapsed() >= BETWEEN_LOOKS;
        if is_due {
            *looked = Instant::now();
        }
        is_due
    }

    /// Runs `work` without the interpreter's lock.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let _at_work = AtWork::begin()?;
        let done = py.detach(work);
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (done, raised) {
            (_, Some(raised)) => Err(raised),
            (Err(Error::Stopped), None) if CLOSING.load(Ordering::Relaxed) => Err(closing()),
            (Err(error), None) => Err(exception(&error, None)),
            (Ok(value), None) => Ok(value),
        }
    }
}
