//! Lines about requests and models, on standard error: JSON for programs, or text for people.
//!
//! A thread of its own writes them. If whoever reads them is slow, lines are left out and counted: no request waits for a log.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::SystemTime;

use icecap::advanced::foundation::date::moment_of;
use icecap::advanced::foundation::shown::{plain, shown};
use serde_json::{Value, json};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object.
    Json,
    /// None for requests; what befalls the server as a whole is told as text.
    Quiet,
}

/// Lines that wait for the thread that writes them.
const WAITING: usize = 4096;

/// Where lines go.
#[derive(Debug)]
pub(crate) struct Log {
    format: LogFormat,
    lines: SyncSender<String>,
    left_out: AtomicU64,
}

/// A request that was answered, or whose client left.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) photos: usize,
    pub(crate) seconds: f64,
    pub(crate) queued: f64,
    pub(crate) worked: f64,
    /// Why it was refused.
    pub(crate) reason: Option<&'a str>,
}

impl Log {
    /// Starts the thread that writes. What is returned beside the log hears when the last line was written, after the log
    /// was dropped.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(format: LogFormat) -> std::io::Result<(Self, Receiver<()>)> {
        let ((lines, read), (tell, ended)) = (sync_channel(WAITING), sync_channel(1));
        let work = move || {
            write(&read);
            // Nobody may wait for it any more.
            let _ = tell.send(());
        };
        std::thread::Builder::new().name("log".into()).spawn(work)?;
        Ok((Self { format, lines, left_out: AtomicU64::new(0) }, ended))
    }

    /// Tells of a request.
    pub(crate) fn request(&self, entry: &Entry<'_>) {
        let line = match self.format {
            LogFormat::Quiet => return,
            LogFormat::Json => json!({
                "time": now(), "event": "request", "id": entry.id, "method": entry.method, "path": shown(entry.path),
                "status": entry.status, "photos": entry.photos, "seconds": entry.seconds, "queued": entry.queued,
                "worked": entry.worked, "reason": entry.reason,
            })
            .to_string(),
            LogFormat::Text => {
                let photos = match entry.photos {
                    0 => String::new(),
                    1 => ", 1 photo".to_owned(),
                    photos => format!(", {photos} photos"),
                };
                let reason = entry.reason.map_or(String::new(), |reason| format!(": {reason}"));
                format!(
                    "{} {} {} {}{photos}, {:.1} ms [{}]{reason}",
                    now(),
                    entry.method,
                    shown(entry.path),
                    entry.status,
                    1000.0 * entry.seconds,
                    entry.id
                )
            }
        };
        self.send(line);
    }

    /// Tells what befell the server as a whole.
    pub(crate) fn event(&self, event: &str, message: &str) {
        self.send(match self.format {
            LogFormat::Json => {
                let line: Value = json!({ "time": now(), "event": event, "message": message });
                line.to_string()
            }
            _ => format!("{} {message}", now()),
        });
    }

    fn send(&self, line: String) {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let told = format!("{} {left_out} lines were left out: nobody reads them fast enough", now());
            if self.lines.try_send(told).is_err() {
                self.left_out.fetch_add(left_out, Ordering::Relaxed);
            }
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn now() -> String {
    moment_of(SystemTime::now()).unwrap_or_default()
}

fn write(lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        // What a terminal would obey may stand in a path. If nobody listens the line is lost.
        let _ = writeln!(std::io::stderr(), "{}", plain(&line));
    }
}
