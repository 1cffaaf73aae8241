//! Requests that are larger than they may be, say that they are, or become so.

use std::time::Duration;

use super::exchange::{Came, Connection, refused};
use super::requests::photo;
use super::target::Target;

/// The limit of a body that the campaign sets.
pub(super) const MAX_BODY: usize = 16 << 20;

const PATIENCE: Duration = Duration::from_secs(20);

/// A body that is declared too large is refused before it is sent, whatever number declares it.
pub(super) fn declared(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let lengths = ["16777217", "10000000000", "9223372036854775807", "18446744073709551615"];
    let length = lengths[random.usize(..lengths.len())];
    let path = ["/predict", "/embed", "/v2/models/m/infer"][random.usize(..3)];
    let expects = if random.bool() { "Expect: 100-continue\r\n" } else { "" };
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{expects}\r\n");
    // A server that is full may close without a word; not again and again.
    for _ in 0..5 {
        let mut connection = Connection::to(target.address)?;
        connection.send(head.as_bytes());
        match connection.answer(PATIENCE) {
            Came::Nothing => std::thread::sleep(Duration::from_millis(300)),
            // The last of these lengths is none that every reader of numbers can hold.
            came => {
                return refused(came, &[413, 431])
                    .map(|outcome| format!("declared too large: {outcome}"))
                    .map_err(|broken| format!("a length of {length} for {path}: {broken}"));
            }
        }
    }
    Err(format!("a length of {length} for {path}: closed without a 413, five times"))
}

/// A number that is no length is no request.
pub(super) fn no_length(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let lengths = ["-1", "+5", "5 5", "0x10", "", "99999999999999999999999999", "5, 6", "1e3", "\u{665}"];
    let length = lengths[random.usize(..lengths.len())];
    let head = format!("POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\nhello");
    let mut connection = Connection::to(target.address)?;
    connection.send(head.as_bytes());
    connection.finish();
    refused(connection.answer(PATIENCE), &[400, 411, 413])
        .map(|outcome| format!("no length: {outcome}"))
        .map_err(|broken| format!("a length of {length:?}: {broken}"))
}

/// Chunks that together are more than a body may have. The server may close while they are sent.
pub(super) fn chunked(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let mut connection = Connection::to(target.address)?;
    connection.send(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let size = random.usize(1000..1 << 20);
    let chunk = [format!("{size:x}\r\n").as_bytes(), &vec![7; size], b"\r\n"].concat();
    let mut sent = 0;
    while sent <= MAX_BODY + (1 << 20) && connection.send(&chunk) {
        sent += size;
    }
    connection.send(b"0\r\n\r\n");
    refused(connection.answer(PATIENCE), &[413]).map(|outcome| format!("chunks, too many: {outcome}"))
}

/// Chunks that are none.
pub(super) fn no_chunks(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let endless = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20));
    let bodies = [
        "FFFFFFFFFFFFFFFFF\r\nx\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "zz\r\n\r\n",
        "5\nhello\n0\n\n",
        "\r\n\r\n",
        "5\r\nhel",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "7FFFFFFFFFFFFFFF\r\nx",
        endless.as_str(),
    ];
    let body = bodies[random.usize(..bodies.len())];
    let mut connection = Connection::to(target.address)?;
    connection.send(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send(body.as_bytes());
    connection.finish();
    // Line feeds alone may pass for ends of lines: then there is a body, which is no photo.
    refused(connection.answer(PATIENCE), &[400, 413, 422, 431])
        .map(|outcome| format!("no chunks: {outcome}"))
        .map_err(|broken| format!("chunks {:?}: {broken}", body.get(..20).unwrap_or(body)))
}

/// Headers that are too large together, one by one, or in number; and a line that is.
pub(super) fn headers(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let (line, headers) = match random.u8(..4) {
        0 => ("GET /models".to_owned(), format!("X-Long: {}\r\n", "a".repeat(20_000))),
        1 => ("GET /models".to_owned(), "X-A: b\r\n".repeat(5_000)),
        2 => (format!("GET /{}", "a".repeat(20_000)), String::new()),
        _ => ("GET /models".to_owned(), format!("{}: b\r\n", "N".repeat(20_000))),
    };
    let mut connection = Connection::to(target.address)?;
    connection.send(format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").as_bytes());
    refused(connection.answer(PATIENCE), &[431, 414, 400])
        .map(|outcome| format!("headers too large: {outcome}"))
}

/// A file that asks for much more than it has.
pub(super) fn bomb(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let (name, bytes) = &target.bombs[random.usize(..target.bombs.len())];
    let mut connection = Connection::to(target.address)?;
    connection.send(&photo(bytes));
    refused(connection.answer(PATIENCE), &[422, 413])
        .map(|outcome| format!("bombs: {outcome}"))
        .map_err(|broken| format!("{name}: {broken}"))
}
