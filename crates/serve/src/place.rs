//! The places for connections: how many there are, what each is about, and which one has to leave.
//!
//! A connection waits for a request, sends the head of one, has one answered, or takes the answer. One that takes too long for a
//! head, waits too long for a request, or takes nothing of its answer for long, leaves. Where all places are taken, the one that has waited longest makes room for the next: whoever
//! holds connections open without asking anything keeps nobody out.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::limits::{CONNECTIONS, HEAD_TIME, IDLE_TIME, TAKING_TIME};

/// A connection that waits less than this does not make room for others: it may just be between two requests.
const BETWEEN: Duration = Duration::from_millis(250);

/// What a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Waits for a request.
    Idle,
    /// Sends the head of a request.
    Head,
    /// Has a request answered.
    Busy,
    /// Takes the answer.
    Taking,
}

/// A connection's place.
#[derive(Debug)]
pub(crate) struct Place {
    /// What it is about, and since when.
    state: Mutex<(About, Instant)>,
    leave: Notify,
}

/// All places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    places: HashMap<u64, Arc<Place>>,
    next: u64,
}

/// A place while its connection is open.
#[derive(Debug)]
pub(crate) struct Seat {
    places: Arc<Places>,
    number: u64,
    pub(crate) place: Arc<Place>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.taken().places.remove(&self.number);
    }
}

impl Places {
    /// Returns a place; `None` where all are taken and none of them can be made free.
    pub(crate) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let mut taken = self.taken();
        if taken.places.len() >= CONNECTIONS {
            let waiting = taken.places.iter().filter_map(|(number, place)| Some((*number, place.waits()?)));
            let (number, _) = waiting.filter(|(_, time)| *time >= BETWEEN).max_by_key(|(_, time)| *time)?;
            // It is free for the next from now on; its connection ends as soon as its task runs.
            if let Some(place) = taken.places.remove(&number) {
                place.leave.notify_one();
            }
        }
        // A connection that was just accepted owes the head of a request.
        let state = Mutex::new((About::Head, Instant::now()));
        let place = Arc::new(Place { state, leave: Notify::new() });
        let number = taken.next;
        taken.next += 1;
        taken.places.insert(number, place.clone());
        Some(Seat { places: self.clone(), number, place })
    }

    /// Has every connection leave that takes too long.
    pub(crate) fn sweep(&self) {
        for place in self.taken().places.values() {
            let (about, since) = *place.state();
            let is_over = match about {
                About::Idle => since.elapsed() > IDLE_TIME,
                About::Head => since.elapsed() > HEAD_TIME,
                About::Taking => since.elapsed() > TAKING_TIME,
                About::Busy => false,
            };
            if is_over {
                place.leave.notify_one();
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the connection has to leave.
    pub(crate) async fn left(&self) {
        self.leave.notified().await;
    }

    /// How long the connection has asked nothing; `None` while it has a request answered, or takes the answer.
    fn waits(&self) -> Option<Duration> {
        let (about, since) = *self.state();
        matches!(about, About::Idle | About::Head).then(|| since.elapsed())
    }

    /// A part of an answer went out.
    fn took(&self) {
        let mut state = self.state();
        if state.0 == About::Taking {
            state.1 = Instant::now();
        }
    }

    /// All that there was to go out has gone.
    fn has_taken(&self) {
        let mut state = self.state();
        if state.0 == About::Taking {
            *state = (About::Idle, Instant::now());
        }
    }

    /// Bytes came.
    fn heard(&self) {
        let mut state = self.state();
        if state.0 == About::Idle {
            *state = (About::Head, Instant::now());
        }
    }

    /// Notes that a request is being answered, until what this returns is dropped.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        *self.state() = (About::Busy, Instant::now());
        Busy(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, (About, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.state() = (About::Taking, Instant::now());
    }
}

/// A connection's bytes, whose coming its place notes.
#[derive(Debug)]
pub(crate) struct Heard {
    stream: TcpStream,
    place: Arc<Place>,
}

impl Heard {
    pub(crate) fn new(stream: TcpStream, place: Arc<Place>) -> Self {
        Self { stream, place }
    }
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, to);
        if to.filled().len() > before {
            self.place.heard();
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.place.took();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        if written.is_ready() {
            self.place.took();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever writes to this flushes it when there is nothing left to write.
        self.place.has_taken();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(place: &Place, time: Duration) {
        place.state().1 -= time;
    }

    #[test]
    fn the_one_that_waited_longest_makes_room_and_a_busy_one_never() {
        let places = Arc::new(Places::default());
        let mut seats: Vec<Seat> = (0..CONNECTIONS).map(|_| places.sit().unwrap()).collect();
        assert!(places.sit().is_none());
        back(&seats[7].place, 4 * BETWEEN);
        back(&seats[9].place, 2 * BETWEEN);
        let busy = seats[7].place.busy();
        back(&seats[7].place, 9 * BETWEEN);
        seats.push(places.sit().unwrap());
        assert!(!places.taken().places.contains_key(&9));
        assert!(places.sit().is_none());
        drop(busy);
        back(&seats[7].place, BETWEEN);
        assert!(places.sit().is_none());
        seats[7].place.has_taken();
        back(&seats[7].place, BETWEEN);
        assert!(places.sit().is_some());
        drop(seats);
        assert!(places.taken().places.is_empty());
    }

    #[tokio::test]
    async fn heads_and_waits_that_take_too_long_leave() {
        let places = Arc::new(Places::default());
        let leaves = async |seat: &Seat| {
            places.sweep();
            tokio::time::timeout(Duration::from_millis(1), seat.place.left()).await.is_ok()
        };
        let seat = places.sit().unwrap();
        assert!(!leaves(&seat).await);
        back(&seat.place, HEAD_TIME);
        assert!(leaves(&seat).await);
        let busy = seat.place.busy();
        back(&seat.place, 2 * IDLE_TIME);
        assert!(!leaves(&seat).await);
        drop(busy);
        back(&seat.place, 2 * TAKING_TIME);
        seat.place.took();
        assert!(!leaves(&seat).await);
        back(&seat.place, TAKING_TIME);
        assert!(leaves(&seat).await);
        seat.place.has_taken();
        back(&seat.place, HEAD_TIME);
        assert!(!leaves(&seat).await);
        seat.place.heard();
        back(&seat.place, HEAD_TIME);
        assert!(leaves(&seat).await);
    }
}
