//! A client of HTTP that believes nothing: an answer is whole, or it says what it is instead.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The largest answer that is read.
const LARGEST: usize = 64 << 20;

/// An answer that came whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What came of waiting for an answer.
#[derive(Debug)]
pub(super) enum Came {
    Answer(Answer),
    /// The connection was closed or reset before a byte of an answer.
    Nothing,
    /// The connection ended within an answer, or the answer is none: what is wrong.
    Broken(String),
    /// Neither an answer nor an end in time.
    Late,
}

impl Answer {
    /// A header by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the server closes the connection behind it.
    pub(super) fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Whether it is as every answer has to be: with a number of the request; an error in JSON that says something; a
    /// refusal for a while with the time to wait. A 500 is a bug.
    pub(super) fn is_proper(&self) -> Result<(), String> {
        let status = self.status;
        // What is no request of HTTP gets a status alone.
        if matches!(status, 400 | 431) && self.body.is_empty() && self.closes() {
            return Ok(());
        }
        if self.header("x-request-id").is_none_or(str::is_empty) {
            return Err(format!("status {status} without x-request-id"));
        }
        if status == 500 {
            return Err(format!("status 500: {}", String::from_utf8_lossy(&self.body)));
        }
        if status == 503 && self.header("retry-after") != Some("1") {
            return Err(format!("status 503 with Retry-After {:?}", self.header("retry-after")));
        }
        if status < 400 {
            return Ok(());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(error)) if error.get("error").is_some_and(|text| text.as_str() != Some("")) => {
                Ok(())
            }
            // Of photos none of which can be read, each has its row, in the format that was asked for.
            Ok(Value::Array(rows)) if status == 422 && rows.iter().all(|row| row["error"].is_string()) => {
                Ok(())
            }
            _ if status == 422
                && self.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")) =>
            {
                Ok(())
            }
            _ => Err(format!("status {status} without a reason: {:?}", String::from_utf8_lossy(&self.body))),
        }
    }
}

/// A connection, and what came on it behind the last answer.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects; why not, where the server does not let it.
    pub(super) fn to(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))
            .map_err(|e| format!("no connection: {e}"))?;
        Ok(Self::of(stream))
    }

    /// A connection that stands.
    pub(super) fn of(stream: TcpStream) -> Self {
        // Without these it is slower, or waits longer for a server that hangs.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(Duration::from_secs(20)));
        Self { stream, read: Vec::new() }
    }

    /// Sends bytes; whether they went. Where they did not, an answer may be there all the same.
    pub(super) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Says that nothing more will be sent.
    pub(super) fn finish(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer, waited for so long.
    pub(super) fn answer(&mut self, patience: Duration) -> Came {
        let deadline = Instant::now() + patience;
        loop {
            match parsed(&self.read) {
                Parsed::Whole(answer, end) => {
                    self.read.drain(..end);
                    // What only says to go on is no answer.
                    if answer.status >= 200 {
                        return Came::Answer(answer);
                    }
                    continue;
                }
                Parsed::Wrong(what) => return Came::Broken(what),
                Parsed::More if self.read.len() > LARGEST => {
                    return Came::Broken("an endless answer".to_owned());
                }
                Parsed::More => {}
            }
            match self.more(deadline) {
                Some(true) => {}
                None => return Came::Late,
                Some(false) if self.read.is_empty() => return Came::Nothing,
                Some(false) => {
                    let text = String::from_utf8_lossy(&self.read);
                    let start: String = text.chars().take(200).collect();
                    return Came::Broken(format!(
                        "an answer that ends after {} bytes: {start:?}",
                        self.read.len()
                    ));
                }
            }
        }
    }

    /// Reads on; whether something came, or the end did. Nothing where neither came in time.
    fn more(&mut self, deadline: Instant) -> Option<bool> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left)).ok()?;
        let mut piece = [0; 1 << 14];
        match self.stream.read(&mut piece) {
            Ok(0) => Some(false),
            Ok(read) => {
                self.read.extend_from_slice(&piece[..read]);
                Some(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(error) if error.kind() == ErrorKind::Interrupted => Some(true),
            Err(_) => Some(false),
        }
    }
}

enum Parsed {
    Whole(Answer, usize),
    More,
    Wrong(String),
}

/// The answer at the start of `bytes`, and where it ends.
fn parsed(bytes: &[u8]) -> Parsed {
    let Some(head) = find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > 1 << 16 {
            Parsed::Wrong("an endless head".to_owned())
        } else {
            Parsed::More
        };
    };
    let Ok(text) = std::str::from_utf8(&bytes[..head]) else {
        return Parsed::Wrong("a head that is no text".to_owned());
    };
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").or_else(|| first.strip_prefix("HTTP/1.0 "));
    let Some(status) = status.and_then(|rest| rest.get(..3)?.parse::<u16>().ok()) else {
        return Parsed::Wrong(format!("no status line: {first:?}"));
    };
    let mut headers = Vec::new();
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Parsed::Wrong(format!("no header: {line:?}")),
        }
    }
    let answer = |body: &[u8]| Answer { status, headers: headers.clone(), body: body.to_vec() };
    let (rest, header) = (&bytes[head + 4..], |name: &str| headers.iter().find(|(key, _)| key == name));
    if status < 200 || status == 204 || status == 304 {
        return Parsed::Whole(answer(&[]), head + 4);
    }
    if header("transfer-encoding").is_some() {
        return match chunks(rest) {
            Ok(Some((body, end))) => Parsed::Whole(answer(&body), head + 4 + end),
            Ok(None) => Parsed::More,
            Err(what) => Parsed::Wrong(what),
        };
    }
    match header("content-length").map(|(_, value)| value.parse::<usize>()) {
        Some(Ok(length)) if rest.len() >= length => Parsed::Whole(answer(&rest[..length]), head + 4 + length),
        Some(Ok(_)) => Parsed::More,
        other => Parsed::Wrong(format!("status {status} without a length: {other:?}")),
    }
}

/// A body in chunks and where it ends; nothing where more has to come.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    while let Some(line) = find(&bytes[at..], b"\r\n") {
        let digits = String::from_utf8_lossy(&bytes[at..at + line]).into_owned();
        let length =
            usize::from_str_radix(&digits, 16).map_err(|_| format!("no length of a chunk: {digits:?}"))?;
        let (from, to) = (at + line + 2, (at + line + 2).saturating_add(length));
        if bytes.len() < to.saturating_add(2) {
            return Ok(None);
        }
        body.extend_from_slice(&bytes[from..to]);
        at = to + 2;
        if length == 0 {
            return Ok(Some((body, at)));
        }
    }
    Ok(None)
}

/// Where `wanted` first stands in `bytes`.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// What became of a hostile request: how it was refused, where that is one of the `statuses`; else which promise broke. A server
/// that is full or has closed the connection without a word has refused as well.
pub(super) fn refused(came: Came, statuses: &[u16]) -> Result<String, String> {
    match came {
        Came::Answer(answer) => {
            answer.is_proper()?;
            match answer.status {
                503 => Ok("full, 503".to_owned()),
                status if statuses.contains(&status) => Ok(status.to_string()),
                status => Err(format!("status {status}: {}", shown(&answer.body))),
            }
        }
        Came::Nothing => Ok("closed".to_owned()),
        Came::Broken(what) => Err(what),
        Came::Late => Err("neither answered nor closed in time".to_owned()),
    }
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What comes of the next answers, where a server sends these bytes and closes the connection.
    fn came(sent: &'static [u8], answers: usize) -> Vec<Came> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(sent).unwrap();
        });
        let mut connection = Connection::to(address).unwrap();
        let came = (0..answers).map(|_| connection.answer(Duration::from_secs(5))).collect();
        server.join().unwrap();
        came
    }

    #[test]
    fn answers_are_told_from_their_ends_and_from_halves() {
        let two = came(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]\
              HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            3,
        );
        let [Came::Answer(one), Came::Answer(other), Came::Nothing] = &two[..] else { panic!("{two:?}") };
        assert_eq!(
            (one.status, &one.body[..], other.status, &other.body[..]),
            (200, &b"[]"[..], 404, &b"abc"[..])
        );
        for half in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]"[..],
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"hello\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        ] {
            let came = came(half, 1);
            assert!(matches!(came[..], [Came::Broken(_)]), "{came:?}");
        }
        assert!(matches!(came(b"", 1)[..], [Came::Nothing]));
    }

    #[test]
    fn an_error_has_a_number_a_reason_and_is_no_bug() {
        let of = |status: u16, headers: &[(&str, &str)], body: &str| {
            let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
            Answer { status, headers, body: body.as_bytes().to_vec() }.is_proper()
        };
        let number = ("x-request-id", "1");
        assert!(of(400, &[number], r#"{"error":"a sentence"}"#).is_ok());
        assert!(of(422, &[number], r#"[{"error":"no photo"}]"#).is_ok());
        assert!(of(503, &[number, ("retry-after", "1")], r#"{"error":"full"}"#).is_ok());
        assert!(of(200, &[number], "").is_ok() && of(200, &[], "").is_err());
        assert!(of(400, &[number], "Bad Request").is_err());
        assert!(of(400, &[number], r#"{"error":""}"#).is_err());
        assert!(of(422, &[number], r#"[{"error":null}]"#).is_err());
        assert!(of(503, &[number], r#"{"error":"full"}"#).is_err());
        assert!(of(500, &[number], r#"{"error":"a bug"}"#).is_err());
    }
}
