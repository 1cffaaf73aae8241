//! The reader of tables panics on some damaged files. Such a panic is an error about the file.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::Result;

use crate::Error;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether this thread is inside the reader of tables, so that a panic now is an error about a file. For a panic hook,
/// which should say nothing then.
#[must_use]
pub fn is_reading() -> bool {
    READING.get()
}

/// Does what `read` does, which calls the reader of tables; a panic in it is an error.
///
/// # Errors
/// Those of `read`, and [`Error::Content`] for a panic.
pub fn contained<T>(read: impl FnOnce() -> Result<T>) -> std::result::Result<T, Error> {
    let before = READING.replace(true);
    // What was half read is given up with the file.
    let result = catch_unwind(AssertUnwindSafe(read));
    READING.set(before);
    let result = result.map_err(|_| Error::content("is damaged: lengths in it contradict each other"))?;
    result.map_err(Error::from)
}
