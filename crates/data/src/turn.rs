//! Large photos are decoded one at a time, so that memory does not grow with the number of threads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whose turn it is to hold a large photo. Loaders that are given clones of one `Turn` hold at most one such photo together.
#[derive(Clone, Debug, Default)]
pub struct Turn(Arc<Mutex<()>>);

impl Turn {
    /// Waits until no other loader holds a large photo.
    pub(crate) fn wait(&self) -> MutexGuard<'_, ()> {
        // A panic leaves nothing behind that a turn protects.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
