//! What belongs to the process that made it: threads do not follow into a forked one.

use pyo3::PyResult;
use pyo3::exceptions::PyRuntimeError;

/// A value that only the process that made it can use. A process that was forked from it has a copy of the memory and none of
/// the threads: whatever waits for these would wait for ever.
pub(crate) struct OfProcess<T> {
    process: u32,
    /// `None` while it is dropped.
    value: Option<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: std::process::id(), value: Some(value) }
    }

    /// Returns the value.
    ///
    /// # Errors
    /// `RuntimeError` in a forked process.
    pub(crate) fn get(&self) -> PyResult<&T> {
        match &self.value {
            Some(value) if self.process == std::process::id() => Ok(value),
            _ => Err(PyRuntimeError::new_err(
                "opened before this process was forked, and its threads stayed behind; open it anew in this process, or use \
                 multiprocessing.set_start_method('spawn')",
            )),
        }
    }
}

/// A forked process leaves its copy as it is: to end threads that are not there could wait for ever.
impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}
