//! Clients that send so slowly that a server which waits for them waits for ever.

use std::time::{Duration, Instant};

use super::exchange::{Came, Connection, refused};
use super::target::Target;

/// How many connections one of them holds.
const TOGETHER: usize = 12;

/// What a slow client never comes to the end of.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// Sends nothing at all.
    Silent,
    /// Sends its headers a byte at a time.
    Headers,
    /// Sends its body a byte at a time.
    Body,
    /// Sends a body in chunks, one of a byte at a time.
    Chunks,
}

impl Slow {
    fn drawn(random: &mut fastrand::Rng) -> Self {
        [Self::Silent, Self::Headers, Self::Body, Self::Chunks][random.usize(..4)]
    }

    fn start(self) -> &'static [u8] {
        match self {
            Self::Silent => b"",
            Self::Headers => b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
            Self::Body => b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
            Self::Chunks => {
                b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            }
        }
    }

    fn piece(self) -> &'static [u8] {
        match self {
            Self::Silent => b"",
            Self::Headers | Self::Body => b"x",
            Self::Chunks => b"1\r\nx\r\n",
        }
    }

    /// When the server has to have had enough, with room for a machine that is busy: 5 s for headers, 30 s for a body.
    fn patience(self) -> Duration {
        Duration::from_secs(if matches!(self, Self::Silent | Self::Headers) { 12 } else { 40 })
    }
}

/// Holds connections open, each a little further at a time, until the server ends them.
pub(super) fn attack(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let slow = Slow::drawn(random);
    let mut open = Vec::new();
    for _ in 0..TOGETHER {
        let mut connection = Connection::to(target.address)?;
        connection.send(slow.start());
        open.push(connection);
    }
    let (started, mut outcomes) = (Instant::now(), Vec::new());
    while !open.is_empty() {
        if Instant::now() > target.until {
            return Ok(format!("slow, {slow:?}: held to the end of the campaign"));
        }
        if started.elapsed() > slow.patience() {
            return Err(format!("slow, {slow:?}: open after {} s", slow.patience().as_secs()));
        }
        let mut still = Vec::new();
        for mut connection in open {
            match connection.answer(Duration::from_millis(20)) {
                Came::Late => {
                    connection.send(slow.piece());
                    still.push(connection);
                }
                came => outcomes.push(refused(came, &[408, 400])?),
            }
        }
        open = still;
    }
    // The most telling of them: an answer before a silent end.
    let best = outcomes.iter().min().map_or("nothing", String::as_str);
    Ok(format!("slow, {slow:?}: {best}"))
}
