//! Requests that are none, or not quite.

use std::time::Duration;

use super::exchange::{Came, Connection, refused};
use super::requests::{form, get, photo, photo_tensor, post};
use super::target::Target;

const PATIENCE: Duration = Duration::from_secs(20);

/// Mutants that one case sends, each on a connection of its own.
const MUTANTS: usize = 20;

/// What does harm where it stands in a wrong place.
const TOKENS: [&[u8]; 16] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b":",
    b" ",
    b"%00",
    b"\xFF\xFE",
    b"\r\n\r\n",
    b"99999999999999999999",
    b"-1",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"HTTP/1.1",
    b"\x1B[2J",
    b"\"",
];

/// Good requests, of which a few bytes are changed: each is answered or its connection closed, and none is a bug.
pub(super) fn mutants(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let small = &target.photos[random.usize(..2)];
    for _ in 0..MUTANTS {
        let good = match random.u8(..6) {
            0 => get("/models"),
            1 => photo(&small.bytes),
            2 => form(&[(&small.name, &small.bytes), ("b.bmp", &small.bytes)]),
            3 => photo_tensor(&small.bytes),
            4 => {
                post("/predict?model=m&top=2&all=true&reject_below=0.5", "Accept: text/csv\r\n", &small.bytes)
            }
            _ => get("/v2/models/m/versions/1/ready"),
        };
        let bad = mutant(good, random);
        let mut connection = Connection::to(target.address)?;
        connection.send(&bad);
        connection.finish();
        sound(&mut connection).map_err(|broken| {
            let text = String::from_utf8_lossy(&bad);
            let start: String = text.chars().take(200).collect();
            format!("a mutant: {broken}: {start:?}")
        })?;
    }
    Ok(format!("mutants, {MUTANTS} each"))
}

/// Answers, if any, until the connection ends: each is as an answer has to be.
fn sound(connection: &mut Connection) -> Result<(), String> {
    for _ in 0..100 {
        match connection.answer(PATIENCE) {
            Came::Answer(answer) => answer.is_proper()?,
            Came::Nothing => return Ok(()),
            Came::Broken(what) => return Err(what),
            Came::Late => return Err("neither answered nor closed in time".to_owned()),
        }
    }
    Err("a hundred answers".to_owned())
}

fn mutant(mut bytes: Vec<u8>, random: &mut fastrand::Rng) -> Vec<u8> {
    // Most of it happens where the words are.
    let words = bytes.len().min(300);
    for _ in 0..=random.usize(..4) {
        if bytes.is_empty() {
            return bytes;
        }
        let end = if random.u8(..4) == 0 { bytes.len() } else { words.min(bytes.len()) };
        let at = random.usize(..end);
        let to = bytes.len().min(at + random.usize(1..40));
        match random.u8(..7) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => drop(bytes.drain(at..to)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let token = TOKENS[random.usize(..TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
        }
    }
    bytes
}

/// Requests that two readers would understand differently: they are refused.
pub(super) fn ambiguous(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    const CASES: [&str; 8] = [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Content-Length : 5\r\n\r\nhello",
        "X-Folded: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
        " Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    let case = CASES[random.usize(..CASES.len())];
    let mut connection = Connection::to(target.address)?;
    connection.send(format!("POST /predict HTTP/1.1\r\nHost: localhost\r\n{case}").as_bytes());
    connection.finish();
    // What is understood all the same is no photo. A second answer would be to what was smuggled in.
    let outcome = refused(connection.answer(PATIENCE), &[400, 411, 415, 422, 501])
        .map_err(|broken| format!("ambiguous {case:?}: {broken}"))?;
    match connection.answer(PATIENCE) {
        Came::Nothing => Ok(format!("ambiguous: {outcome}")),
        came => Err(format!("ambiguous {case:?}: {outcome}, and behind it {came:?}")),
    }
}

/// What is asked for is not there, or makes no sense.
pub(super) fn questions(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    const CASES: [&str; 18] = [
        "POST /predict?top=-1",
        "POST /predict?top=99999999999999999999",
        "POST /predict?top=0",
        "POST /predict?reject_below=NaN",
        "POST /predict?reject_below=2",
        "POST /predict?reject_novel=-inf",
        "POST /predict?model=../../../../etc/passwd",
        "POST /predict?model=%00",
        "POST /predict?model=%zz",
        "POST /predict?all=perhaps",
        "POST /predict?heatmap=true&class=nobody",
        "POST /predict?nonsense=1",
        "GET /../../etc/passwd",
        "GET /%2e%2e/%2e%2e/etc/passwd",
        "DELETE /predict",
        "GET /predict",
        "POST /v2/models/other/infer",
        "BREW /coffee",
    ];
    let case = CASES[random.usize(..CASES.len())];
    let body = &target.photos[0].bytes;
    let head = format!("{case} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut connection = Connection::to(target.address)?;
    connection.send(&[head.as_bytes(), body].concat());
    refused(connection.answer(PATIENCE), &[400, 404, 405, 422, 501])
        .map(|outcome| format!("questions: {outcome}"))
        .map_err(|broken| format!("{case}: {broken}"))
}

/// Forms that are none, or have more than a form has.
pub(super) fn forms(target: &Target<'_>, random: &mut fastrand::Rng) -> Result<String, String> {
    let part = "--b\r\nContent-Disposition: form-data; name=\"p\"; filename=\"p\"\r\n\r\nx\r\n";
    let (kind, body) = match random.u8(..8) {
        0 => ("multipart/form-data", format!("{part}--b--\r\n")),
        1 => ("multipart/form-data; boundary=", format!("{part}--b--\r\n")),
        2 => ("multipart/form-data; boundary=b", "no part at all".to_owned()),
        3 => ("multipart/form-data; boundary=b", part.to_owned()),
        4 => ("multipart/form-data; boundary=b", format!("{}--b--\r\n", part.repeat(20_000))),
        5 => (
            "multipart/form-data; boundary=b",
            format!("--b\r\nX: {}\r\n\r\nx\r\n--b--\r\n", "y".repeat(1 << 20)),
        ),
        6 => ("multipart/form-data; boundary=b", "--b--\r\n".to_owned()),
        _ => ("multipart/mixed; boundary=b", format!("--b\r\nContent-Length: -1\r\n\r\n{part}--b--\r\n")),
    };
    let mut connection = Connection::to(target.address)?;
    connection.send(&post("/predict", &format!("Content-Type: {kind}\r\n"), body.as_bytes()));
    refused(connection.answer(PATIENCE), &[400, 413, 415, 422, 431])
        .map(|outcome| format!("forms: {outcome}"))
        .map_err(|broken| format!("{kind:?}, {} bytes: {broken}", body.len()))
}
