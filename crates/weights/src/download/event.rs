//! What is told while a file is fetched, and to whom.

use std::ops::ControlFlow;
use std::time::Duration;

/// Time between two looks at whether somebody asked to stop.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// A step in the fetching of a file, for the caller to show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another process fetches into the same folder; this one waits for it.
    Waiting,
    /// The file in the store is not what it should be, for the reason given, and is fetched anew.
    Replacing(String),
    /// The server is asked for the file.
    Asking {
        /// The address that is asked.
        url: String,
        /// Bytes of the file that are there.
        have: u64,
    },
    /// The state of the transfer; told often, also when nothing has come.
    Bytes {
        /// Bytes of the file that are there.
        done: u64,
        /// Bytes of the whole file; `None` if the server does not say.
        total: Option<u64>,
    },
    /// A try failed, and the next one follows.
    Again {
        /// Why it failed.
        reason: String,
        /// How long is waited before the next try.
        after: Duration,
    },
}

/// The callback that is told each [`Event`]; it stops the fetch by breaking.
pub type Tell<'a> = &'a dyn Fn(Event) -> ControlFlow<()>;
