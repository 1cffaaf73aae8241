//! Clients that leave in the middle, and clients that come all at once.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::exchange::{Came, Connection, refused};
use super::requests::{get, photo};
use super::target::Target;

/// The most connections that a flood has open at once.
const FLOOD: u64 = 500;

/// Sends a part of a request, or all of it, and is gone. Where something was sent to it that it has not read, the system resets the
/// connection.
pub(super) fn gone(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let photo = photo(&target.photos[random.usize(..target.photos.len())].bytes);
    let mut connection = Connection::to(target.address)?;
    let how = match random.u8(..4) {
        0 => {
            connection.send(&photo[..random.usize(..40)]);
            "within the headers"
        }
        1 => {
            connection.send(&photo[..random.usize(80..photo.len())]);
            "within the body"
        }
        2 => {
            connection.send(&photo);
            "before the answer"
        }
        _ => {
            // An answer arrives that nobody reads: with the next request half-sent the connection is reset.
            connection.send(&[get("/models"), photo[..random.usize(80..photo.len())].to_vec()].concat());
            std::thread::sleep(Duration::from_millis(random.u64(..30)));
            "with a reset"
        }
    };
    drop(connection);
    Ok(format!("gone: {how}"))
}

/// Many requests in one piece: each is answered, in order, or the connection is closed between two answers.
pub(super) fn pipelined(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let count = random.usize(2..60);
    let mut connection = Connection::to(target.address)?;
    connection.send(&get("/v2/models/m").repeat(count));
    for at in 0..count {
        match connection.answer(Duration::from_secs(20)) {
            Came::Answer(answer) if answer.status == 200 => {}
            Came::Nothing if at > 0 => return Ok("pipelined: closed between two".to_owned()),
            came => return refused(came, &[]).map(|outcome| format!("pipelined: {outcome}")),
        }
    }
    Ok("pipelined: all answered".to_owned())
}

/// Opens as many connections as it can at once, half of them with the start of a request, and holds them for a moment.
pub(super) fn flood(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().map_err(|e| e.to_string())?;
    let left = target.flood.load(Ordering::Relaxed);
    let count = random.u64(100..=FLOOD).min(left);
    // Nobody else takes from it meanwhile.
    target.flood.store(left - count, Ordering::Relaxed);
    if count == 0 {
        return Ok("flood: all of its connections were opened".to_owned());
    }
    let mut open: Vec<Connection> = Vec::new();
    for number in 0..count {
        let Ok(stream) = TcpStream::connect_timeout(&target.address, Duration::from_secs(10)) else {
            // The system's own queue is full, which is as good.
            break;
        };
        let mut connection = Connection::of(stream);
        if number % 2 == 0 {
            connection.send(b"GET /models HT");
        }
        open.push(connection);
    }
    std::thread::sleep(Duration::from_millis(random.u64(50..500)));
    // Those that were not let in know by now, and have a word of it or none.
    let (mut held, mut away) = (0, 0);
    for connection in &mut open {
        match connection.answer(Duration::from_millis(1)) {
            Came::Late => held += 1,
            came => {
                refused(came, &[400, 408]).map_err(|broken| format!("a flood of {count}: {broken}"))?;
                away += 1;
            }
        }
    }
    if held > 260 {
        return Err(format!("a flood of {count}: {held} connections are open, {away} were turned away"));
    }
    Ok(format!("flood: {}", if away > 0 { "the last were turned away" } else { "all were let in" }))
}
