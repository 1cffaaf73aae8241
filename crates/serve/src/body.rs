//! The bodies of requests: read whole within a size, a time, and the memory that all of them share.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::{BODIES, BODY_TIME, CONNECTIONS, REST_BYTES, REST_TIME};
use crate::refusal::Refusal;

/// What one permit of the shared memory stands for.
const GRAIN: usize = 4096;
/// The most that is taken for a body before its bytes are there.
const FIRST: usize = 64 << 10;
/// How often memory is given back after a body was read: what was made of it may have been in use the first time.
const RESTS: u8 = 3;

/// The memory for bodies: how large one may be, and what all of them have together.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    most: usize,
    /// What is taken for a body before its bytes are there.
    first: usize,
    grains: Arc<Semaphore>,
    /// How often memory is still to be given back, since a body was read.
    rests: Arc<AtomicU8>,
}

/// A share of the memory for bodies, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    permit: OwnedSemaphorePermit,
    bytes: usize,
}

/// A body with the memory that it takes.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    pub(crate) room: Room,
}

impl Bodies {
    /// Bodies of at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        let first = FIRST.min(most.next_multiple_of(GRAIN));
        let all = (most.div_ceil(GRAIN) * BODIES).max(first / GRAIN * CONNECTIONS);
        let grains = Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS)));
        Self { most, first, grains, rests: Arc::default() }
    }

    /// Reads a body to its end. Where it is refused, what is left of it is passed over, so that the client hears why.
    ///
    /// # Errors
    /// 413 for one that is too large, 408 for one that takes too long, 415 for one that is compressed, 503 where there is no
    /// memory for it now, 400 where it breaks off.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Held, Refusal> {
        let mut body = body;
        self.rests.store(RESTS, Ordering::Relaxed);
        let read = match self.check(headers) {
            Ok(()) => timeout(BODY_TIME, self.collect(&mut body)).await.unwrap_or_else(|_| Err(slow())),
            Err(refusal) => Err(refusal),
        };
        if read.is_err() {
            pass_over(headers, body).await;
        }
        read
    }

    /// Whether memory is to be given back, since a body was read not long ago.
    pub(crate) fn has_something_to_give_back(&self) -> bool {
        let one_less = |rests: u8| rests.checked_sub(1);
        self.rests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }

    /// What can be told from the headers.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if let Some(coding) = headers.get(header::CONTENT_ENCODING)
            && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let message = "bodies are taken as they are; send it without Content-Encoding";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        match declared.and_then(|declared| declared.parse::<u64>().ok()) {
            Some(bytes) if bytes > self.most as u64 => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    async fn collect(&self, body: &mut Body) -> Result<Held, Refusal> {
        let mut room = self.room()?;
        let mut bytes = BytesMut::new();
        let mut body = pin!(body);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Refusal::bad("the body breaks off or is no valid chunked coding; send all of it")
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.most {
                return Err(self.too_large());
            }
            self.grow(&mut room, bytes.len() + data.len())?;
            bytes.extend_from_slice(&data);
        }
        Ok(Held { bytes: bytes.freeze(), room })
    }

    /// Room without any bytes yet.
    fn room(&self) -> Result<Room, Refusal> {
        let grains = self.first / GRAIN;
        let permit = self.grains.clone().try_acquire_many_owned(grains as u32).map_err(|_| full())?;
        Ok(Room { permit, bytes: self.first })
    }

    fn grow(&self, room: &mut Room, bytes: usize) -> Result<(), Refusal> {
        if bytes <= room.bytes {
            return Ok(());
        }
        // A buffer that grows is as large as twice what is in it.
        let to = (2 * bytes).min(self.most.next_multiple_of(GRAIN)).max(bytes);
        let grains = (to - room.bytes).div_ceil(GRAIN);
        let more = u32::try_from(grains)
            .ok()
            .and_then(|grains| self.grains.clone().try_acquire_many_owned(grains).ok());
        room.permit.merge(more.ok_or_else(full)?);
        room.bytes += grains * GRAIN;
        Ok(())
    }

    fn too_large(&self) -> Refusal {
        let message = format!(
            "the body is larger than {} bytes; send fewer or smaller photos in a request, or start the server with a larger \
             --max-body",
            self.most
        );
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }
}

fn slow() -> Refusal {
    let message = format!(
        "the body took longer than {} s; send fewer or smaller photos in a request",
        BODY_TIME.as_secs()
    );
    Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
}

fn full() -> Refusal {
    Refusal::busy("the memory for requests is in use; ask again")
}

/// Reads on and forgets, for a while: a connection that is closed while the client still sends takes the answer with it. A
/// client that asked whether to send hears the answer first.
pub(crate) async fn pass_over(headers: &HeaderMap, body: Body) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let rest = async {
        let (mut body, mut left) = (body, REST_BYTES);
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(len) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    let _ = timeout(REST_TIME, rest).await;
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn chunks(count: usize, len: usize) -> Body {
        let chunk = Bytes::from(vec![7; len]);
        Body::from_stream(stream::iter((0..count).map(move |_| Ok::<_, std::io::Error>(chunk.clone()))))
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_limit_and_no_further() {
        let bodies = Bodies::new(1000);
        let none = HeaderMap::new();
        for (count, len, fits) in
            [(0, 1, true), (1, 1000, true), (10, 100, true), (1, 1001, false), (11, 91, false)]
        {
            let read = bodies.read(&none, chunks(count, len)).await;
            assert_eq!(
                read.map(|held| held.bytes.len()).ok(),
                fits.then_some(count * len),
                "{count} of {len}"
            );
        }
    }

    /// Slow clients with small bodies do not keep others out.
    #[tokio::test]
    async fn as_many_bodies_begin_as_there_are_connections() {
        for most in [1000, 1 << 16, 1 << 20, 32 << 20] {
            let bodies = Bodies::new(most);
            let rooms: Vec<_> = (0..CONNECTIONS).map_while(|_| bodies.room().ok()).collect();
            assert_eq!(rooms.len(), CONNECTIONS, "{most}");
        }
    }

    /// However many are read at once, and however they end, all of the memory comes back.
    #[tokio::test]
    async fn bodies_share_memory_and_give_it_back() {
        let bodies = Bodies::new(4 << 20);
        let whole = bodies.grains.available_permits();
        let mut held = Vec::new();
        for _ in 0..3 * BODIES {
            held.push(bodies.read(&HeaderMap::new(), chunks(64, 1 << 16)).await);
        }
        let taken = held.iter().filter(|read| read.is_ok()).count();
        assert!((BODIES / 2..=BODIES).contains(&taken), "{taken}");
        drop(held);
        assert_eq!(bodies.grains.available_permits(), whole);
    }
}
