//! Something that one caller needs at a time, kept for the next.

use std::sync::{Mutex, PoisonError};

/// As many as there were callers at once, made as they are needed.
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }
}

impl<T> Pool<T> {
    /// Lends one to `work`; a new one is made by `make` if all are lent.
    ///
    /// # Errors
    /// What `make` and `work` return. One that a call has failed with is kept all the same: it is memory, no state.
    pub(crate) fn with<R, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        let idle = self.lock().pop();
        let mut own = match idle {
            Some(idle) => idle,
            None => make()?,
        };
        let done = work(&mut own);
        self.lock().push(own);
        done
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<T>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
