//! One request and its answer.
//!
//! The request runs on a thread of its own and hands on what comes; the caller's thread writes, hashes, tells, and looks
//! whether somebody asked to stop. So a stop needs no answer from the server: the connection is shut down.

use std::io::Read;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, header};

use super::event::{Event, TICK};
use super::part::{Origin, Part};
use super::retry::{Passing, Trouble};
use super::work::Work;
use crate::Error;
use crate::container::MAX_FILE;
use crate::store::check_size;

/// Bytes that are handed on at a time.
const PIECE: usize = 64 << 10;
/// Pieces that may wait to be written.
const WAITING: usize = 8;
/// The longest validator that is kept.
const MAX_VALIDATOR: usize = 1024;

/// How a transfer ended.
pub(super) enum Ended {
    /// All bytes are there.
    Whole,
    /// Something came between.
    Lost(Trouble),
    /// What is sent cannot be the file.
    Refused(Error),
}

/// A request for what is missing of a file.
pub(super) struct Transfer<'a> {
    pub(super) agent: &'a Agent,
    pub(super) work: &'a Work<'a>,
}

/// What the thread hands on.
enum Message {
    Head(Head),
    Bytes(Vec<u8>),
    End,
    Lost(Trouble),
}

/// What the head of an answer says.
struct Head {
    status: u16,
    /// Bytes of the body.
    length: Option<u64>,
    /// The range that the body holds: its first byte, and the bytes of the whole file.
    range: (Option<u64>, Option<u64>),
    validator: Option<String>,
    encoded: bool,
    wait: Option<Duration>,
}

impl Transfer<'_> {
    /// Asks for what is missing of `part` and adds what comes; counts it in `received`.
    pub(super) fn run(&self, part: &mut Part, received: &mut u64) -> Result<Ended, Error> {
        let messages = match self.start(part) {
            Ok(messages) => messages,
            Err(ended) => return Ok(ended),
        };
        let mut total = None;
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Head(head)) => match self.begin(part, &head)? {
                    Begun::Body(whole) => total = whole,
                    Begun::Ended(ended) => return Ok(ended),
                },
                Ok(Message::Bytes(bytes)) => {
                    let limit = self.work.limit();
                    if part.len() + bytes.len() as u64 > limit {
                        return Ok(Ended::Refused(self.too_large(part.len() + bytes.len() as u64)));
                    }
                    part.add(&bytes)?;
                    *received += bytes.len() as u64;
                    self.tell(part, total)?;
                }
                Ok(Message::End) => return Ok(self.end(part, total)),
                Ok(Message::Lost(mut trouble)) => {
                    if part.len() > 0 {
                        trouble.reason = format!("{} after {} bytes", trouble.reason, part.len());
                    }
                    return Ok(Ended::Lost(trouble));
                }
                Err(RecvTimeoutError::Timeout) => self.tell(part, total)?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(lost("the connection ended without an answer", Passing::Likely));
                }
            }
        }
    }

    fn tell(&self, part: &Part, total: Option<u64>) -> Result<(), Error> {
        self.work
            .tell(Event::Bytes { done: part.len(), total })
            .inspect_err(|_| self.agent.clone().shutdown())
    }

    /// Sends the request, or says why not.
    fn start(&self, part: &Part) -> Result<Receiver<Message>, Ended> {
        let mut request = self.agent.get(self.work.url);
        if part.len() > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", part.len()));
            if let Some(validator) = &part.origin().validator {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        let (sender, receiver) = sync_channel(WAITING);
        let silence = self.work.network.silence;
        let transfer = move || {
            let last = match request.call() {
                Ok(response) => hand_on(response, &sender, silence),
                Err(error) => Message::Lost(trouble(&error, silence)),
            };
            // Where nobody listens any more, somebody has stopped it.
            let _ = sender.send(last);
        };
        if std::thread::Builder::new().spawn(transfer).is_err() {
            return Err(lost("there is no room for another thread", Passing::Likely));
        }
        Ok(receiver)
    }

    /// What the head of the answer means for the part.
    fn begin(&self, part: &mut Part, head: &Head) -> Result<Begun, Error> {
        if head.encoded && matches!(head.status, 200 | 206) {
            return Ok(Begun::Ended(lost(
                "the server packs the file on its way (Content-Encoding)",
                Passing::No,
            )));
        }
        let total = match head.status {
            200 => {
                part.restart()?;
                head.length
            }
            206 if head.range.0 == Some(part.len()) => {
                head.range.1.or_else(|| head.length.map(|length| part.len() + length))
            }
            // Another range than was asked for, or one that begins behind the end: from the start, then.
            206 => {
                part.restart()?;
                return Ok(Begun::Ended(lost(
                    "the server sent another part than was asked for",
                    Passing::Likely,
                )));
            }
            416 if part.len() > 0 && head.range.1 == Some(part.len()) => {
                let wrong = self.wrong_size(part.len());
                return Ok(Begun::Ended(wrong.map_or(Ended::Whole, Ended::Refused)));
            }
            416 if part.len() > 0 => {
                part.restart()?;
                return Ok(Begun::Ended(lost(
                    "the server has fewer bytes than came earlier",
                    Passing::Likely,
                )));
            }
            status => return Ok(Begun::Ended(Ended::Lost(refused(status, head.wait)))),
        };
        if let Some(error) = total.and_then(|total| self.wrong_size(total)) {
            return Ok(Begun::Ended(Ended::Refused(error)));
        }
        let validator = head.validator.clone();
        part.come_from(Origin { validator, total })?;
        Ok(Begun::Body(total))
    }

    fn end(&self, part: &Part, total: Option<u64>) -> Ended {
        match total.or(self.work.entry.bytes) {
            Some(total) if part.len() < total => {
                lost(&format!("the server ended after {} of {total} bytes", part.len()), Passing::Likely)
            }
            Some(total) if part.len() > total => Ended::Refused(self.too_large(part.len())),
            _ if part.len() == 0 => lost("the server sent an empty file", Passing::No),
            _ => Ended::Whole,
        }
    }

    fn wrong_size(&self, total: u64) -> Option<Error> {
        if total > MAX_FILE {
            return Some(self.too_large(total));
        }
        check_size(self.work.entry, total, self.work.url).err()
    }

    fn too_large(&self, got: u64) -> Error {
        Error::Limit { path: PathBuf::from(self.work.url), what: "bytes", got, limit: self.work.limit() }
    }
}

/// How an answer begins.
enum Begun {
    /// Bytes of a body follow; the file has so many in all.
    Body(Option<u64>),
    Ended(Ended),
}

fn lost(reason: &str, passing: Passing) -> Ended {
    Ended::Lost(Trouble { reason: reason.to_owned(), passing, wait: None })
}

/// Hands on an answer; gives the last message.
fn hand_on(response: Response<ureq::Body>, sender: &SyncSender<Message>, silence: Duration) -> Message {
    let head = head(response.status().as_u16(), response.headers());
    let has_body = matches!(head.status, 200 | 206);
    if sender.send(Message::Head(head)).is_err() || !has_body {
        return Message::End;
    }
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    loop {
        let mut piece = vec![0; PIECE];
        match body.read(&mut piece) {
            Ok(0) => return Message::End,
            Ok(read) => {
                piece.truncate(read);
                if sender.send(Message::Bytes(piece)).is_err() {
                    return Message::End;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                let reason = match error.kind() {
                    std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => silent(silence),
                    _ => format!("the connection broke ({error})"),
                };
                return Message::Lost(Trouble { reason, passing: Passing::Likely, wait: None });
            }
        }
    }
}

fn head(status: u16, headers: &HeaderMap) -> Head {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse::<u64>().ok();
    // `bytes 100-199/200`, or `bytes */200` where there is no such range.
    let range = text(header::CONTENT_RANGE).and_then(|range| range.strip_prefix("bytes "));
    let (start, whole) = range.and_then(|range| range.split_once('/')).unzip();
    // A weak one says that two files are alike, not that they are the same.
    let etag = text(header::ETAG).filter(|etag| etag.starts_with('"'));
    let validator = etag.or_else(|| text(header::LAST_MODIFIED)).filter(|text| text.len() <= MAX_VALIDATOR);
    Head {
        status,
        length: text(header::CONTENT_LENGTH).and_then(number),
        range: (start.and_then(|start| number(start.split('-').next()?)), whole.and_then(number)),
        validator: validator.map(str::to_owned),
        encoded: text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity"),
        wait: text(header::RETRY_AFTER).and_then(number).map(Duration::from_secs),
    }
}

/// What a status that brings no file means.
fn refused(status: u16, wait: Option<Duration>) -> Trouble {
    let (meaning, passing) = match status {
        401 | 403 => ("the server refuses it", Passing::No),
        404 | 410 => ("the file is not there", Passing::No),
        407 => ("the proxy wants a name and a password", Passing::No),
        408 | 425 | 429 => ("the server asks to come again later", Passing::Likely),
        500.. => ("the server has a trouble of its own", Passing::Likely),
        _ => ("the server gives no file", Passing::No),
    };
    Trouble { reason: format!("{meaning} (status {status})"), passing, wait }
}

fn silent(silence: Duration) -> String {
    format!("nothing came for {} s", silence.as_secs_f64())
}

/// What went wrong before an answer came.
fn trouble(error: &ureq::Error, silence: Duration) -> Trouble {
    use std::io::ErrorKind;
    use ureq::{Error, Timeout};
    let (reason, passing) = match error {
        Error::HostNotFound => ("no such host, or no network".to_owned(), Passing::Hardly),
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            ("no connection came about".to_owned(), Passing::Hardly)
        }
        Error::Timeout(_) => (silent(silence), Passing::Likely),
        Error::ConnectionFailed => ("no connection came about".to_owned(), Passing::Hardly),
        Error::Io(io) => match io.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => (silent(silence), Passing::Likely),
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => (format!("the connection broke ({io})"), Passing::Likely),
            ErrorKind::InvalidData => (format!("no safe connection ({io})"), Passing::No),
            // Names that are not found, doors that are shut, nets that are not there.
            _ => (format!("no connection ({io})"), Passing::Hardly),
        },
        Error::ConnectProxyFailed(said) => {
            (format!("the proxy gives no way there ({said})"), Passing::Hardly)
        }
        Error::TooManyRedirects => ("redirects that do not end".to_owned(), Passing::No),
        Error::RequireHttpsOnly(to) => (format!("a redirect out of https, to {to}"), Passing::No),
        Error::Protocol(_) => (format!("the answer breaks off or is no HTTP ({error})"), Passing::Likely),
        other => (other.to_string(), Passing::No),
    };
    Trouble { reason, passing, wait: None }
}
