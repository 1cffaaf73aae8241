//! What is told while a file is fetched, and to whom.

use std::ops::ControlFlow;
use std::time::Duration;

/// Time between two looks at whether somebody asked to stop.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// What happens while a file is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another process is at it; this one waits.
    Waiting,
    /// The file in the store is not what it should be, for this reason, and is fetched anew.
    Replacing(String),
    /// The server is asked for the file; this many bytes of it are there from earlier.
    Asking {
        /// The address.
        url: String,
        /// Bytes that are there.
        have: u64,
    },
    /// Bytes that are there by now, and in all where that is known. Told often, also when nothing has come.
    Bytes {
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: Option<u64>,
    },
    /// It failed for this reason and is tried again after a while.
    Again {
        /// Why.
        reason: String,
        /// The while.
        after: Duration,
    },
}

/// Who is told, and can stop it.
pub type Tell<'a> = &'a dyn Fn(Event) -> ControlFlow<()>;
