//! What one call needs and the next can use again: its memory for photos and nets.

use std::sync::{Mutex, PoisonError};

use crate::status::Failure;

/// Things that calls take, work with and give back, so that a handle can be used by any number of threads at once. There are
/// never more than calls were made at the same time. A call that panics does not give its own back.
#[derive(Debug)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Works with a thing of the pool, or with a new one.
    ///
    /// # Errors
    /// What `new` and `work` return.
    pub(crate) fn with<R>(
        &self,
        new: impl FnOnce() -> Result<T, Failure>,
        work: impl FnOnce(&mut T) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let idle = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut taken = taken.map_or_else(new, Ok)?;
        let worked = work(&mut taken);
        idle().push(taken);
        worked
    }
}
