//! What a request is called in the log and in its answer: what the client calls it, or else a name of ours.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName};

/// The header that has the name, in requests and answers.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that is taken from a client.
const LONGEST: usize = 128;

/// Names for requests that came without one.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// Differs between processes.
    process: u32,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        // The standard library draws the keys of a new hasher at random.
        Self { process: RandomState::new().hash_one(0) as u32, next: AtomicU64::new(1) }
    }

    /// The name of a request with these headers.
    pub(crate) fn of(&self, headers: &HeaderMap) -> String {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match given {
            Some(name) if (1..=LONGEST).contains(&name.len()) => name.to_owned(),
            _ => self.next(),
        }
    }

    /// Returns a name of ours.
    pub(crate) fn next(&self) -> String {
        format!("{:08x}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
