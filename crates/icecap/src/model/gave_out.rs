//! A system that gave out while photos were read on several threads: too many files are open, a disk failed. That is no fault of
//! the photo at hand, which must not be left out for it.

use std::sync::{Mutex, PoisonError};

/// What a system said that gave out, the first time.
#[derive(Debug, Default)]
pub(crate) struct GaveOut(Mutex<Option<icecap_data::Error>>);

impl GaveOut {
    /// Takes the error of a photo if it is one of the system, and says so: no further photo should be read then.
    pub(crate) fn takes<T>(&self, read: &mut Result<T, icecap_data::Error>) -> bool {
        let Err(error) = read else { return false };
        let gave_out = error.is_of_the_system();
        if gave_out {
            let error = std::mem::replace(error, icecap_data::Error::Empty);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        gave_out
    }

    /// Returns what was heard.
    ///
    /// # Errors
    /// The first error of the system.
    pub(crate) fn finish(self) -> Result<(), icecap_data::Error> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}
