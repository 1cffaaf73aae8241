//! What one client, and all of them together, may take.

use std::time::Duration;

/// The longest head of a request, its first line and headers, in bytes.
pub(crate) const HEAD_BYTES: usize = 16 << 10;
/// How long the head of a request may take, from its first byte on.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a connection without a request is kept.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(75);
/// How long the body of a request may take.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(30);
/// How long the rest of a body is passed over after the request was refused, so that the client hears why.
pub(crate) const REST_TIME: Duration = Duration::from_secs(2);
/// The most bytes of such a rest.
pub(crate) const REST_BYTES: usize = 64 << 20;
/// How long a client may take nothing of its answer.
pub(crate) const TAKING_TIME: Duration = Duration::from_secs(30);
/// The most connections at once.
pub(crate) const CONNECTIONS: usize = 256;
/// The most photos of one request.
pub(crate) const PHOTOS: usize = 1024;
/// Bodies of the largest size that are in memory at once.
pub(crate) const BODIES: usize = 8;
/// How long requests may take to be answered after the server was told to end.
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(9);
