//! What one call needs and the next can use again: its memory for photos and nets.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Things that calls take, work with and give back, so that what owns them can be used by any number of threads at once: a
/// [`Predictor`](crate::Predictor) for each caller, for example. There are never more than calls were made at the same time.
#[derive(Debug)]
pub struct Pool<T> {
    idle: Mutex<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }
}

impl<T> Pool<T> {
    /// Lends a thing to `work`; a new one is made by `make` if all are lent. One that `work` has failed with is kept all the same: it is
    /// memory, no state. One that it has panicked with is not.
    ///
    /// # Errors
    /// What `make` and `work` return.
    pub fn with<R, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        // Not locked while one is made.
        let idle = self.lock().pop();
        let mut own = idle.map_or_else(make, Ok)?;
        let done = work(&mut own);
        self.lock().push(own);
        done
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn as_many_are_made_as_are_lent_at_once() {
        let (pool, made) = (Pool::default(), Cell::new(0));
        let make = || -> Result<u32, ()> {
            made.set(made.get() + 1);
            Ok(made.get())
        };
        for _ in 0..3 {
            assert_eq!(pool.with(make, |own| pool.with(make, |other| Ok([*own, *other]))), Ok([1, 2]));
        }
        assert_eq!(pool.with(make, |_| Err::<(), ()>(())), Err(()));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.with(make, |_| -> Result<(), ()> { panic!("as it happens") })
        }));
        assert!(panicked.is_err() && made.get() == 2);
        assert_eq!(
            pool.with(make, |own| pool.with(make, |other| Ok(*own + *other))).map(|sum| sum > 3),
            Ok(true)
        );
        assert_eq!(made.get(), 3);
    }
}
