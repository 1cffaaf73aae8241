//! One file's way into the store: what is fetched, from where, to where, and who is told.

use std::ops::ControlFlow;
use std::path::Path;

use super::event::{Event, Tell};
use super::network::Network;
use crate::container::MAX_FILE;
use crate::{Entry, Error, Store};

/// One file's way into the store.
pub(super) struct Work<'a> {
    pub(super) store: &'a Store,
    pub(super) entry: &'a Entry,
    pub(super) network: &'a Network,
    pub(super) path: &'a Path,
    pub(super) url: &'a str,
    pub(super) tell: Tell<'a>,
}

impl Work<'_> {
    pub(super) fn tell(&self, event: Event) -> Result<(), Error> {
        match (self.tell)(event) {
            ControlFlow::Break(()) => Err(Error::Stopped),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    pub(super) fn failed(&self, reason: &str) -> Error {
        Error::Fetch { url: self.url.to_owned(), reason: reason.to_owned(), copy_to: self.path.to_owned() }
    }

    /// The largest number of bytes that the file may have.
    pub(super) fn limit(&self) -> u64 {
        self.entry.bytes.unwrap_or(MAX_FILE)
    }
}
