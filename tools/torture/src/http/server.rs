//! `icecap serve` as a process of its own, and what the system says of it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::product::{Product, raw};

/// How long it may take until it listens.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end once it is asked to.
pub(super) const END: Duration = Duration::from_secs(10);

/// A server that runs, and is killed where it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    log: PathBuf,
    pub(super) address: SocketAddr,
}

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Resident memory, in KiB.
    pub(super) memory: u64,
    pub(super) descriptors: u64,
}

impl Server {
    /// Starts a server of `model`, called `m`, on a port that the system gives. Its log goes into `log`.
    pub(super) fn start(
        product: &Product,
        model: &str,
        options: &[&str],
        log: &Path,
    ) -> Result<Self, String> {
        let model = format!("m={model}");
        let mut command = product.command(&["serve", &model, "--listen", "127.0.0.1:0"]);
        let out = File::create(log).map_err(|e| format!("{}: {e}", log.display()))?;
        command.args(options).stdout(Stdio::null()).stderr(out);
        let child = command.spawn().map_err(|e| format!("{}: {e}", product.binary().display()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, log: log.to_owned(), address };
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(address) = server.said_address() {
                server.address = address;
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("serve ends with {status}: {}", said.trim_end()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("serve does not say where it listens".to_owned())
    }

    fn said_address(&self) -> Option<SocketAddr> {
        let text = std::fs::read_to_string(&self.log).ok()?;
        let (_, rest) = text.split_once("listening on http://")?;
        // A line that is only half there has half a port.
        rest.split_once('\n')?.0.trim().parse().ok()
    }

    /// What it holds now; nothing where the system does not tell.
    pub(super) fn held(&self) -> Option<Held> {
        let place = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = std::fs::read_to_string(place.join("status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        let memory = line.split_whitespace().nth(1)?.parse().ok()?;
        let descriptors = std::fs::read_dir(place.join("fd")).ok()?.count() as u64;
        Some(Held { memory, descriptors })
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) -> Result<(), String> {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("kill: {status}")),
            Err(error) => Err(format!("kill: {error}")),
        }
    }

    /// Waits for an end that was asked for: how long it took from now, or why it was no clean one.
    pub(super) fn ended(&mut self) -> Result<Duration, String> {
        let started = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.code() == Some(0) => return Ok(started.elapsed()),
                Ok(Some(status)) => return Err(format!("it ends with {status} when asked to end")),
                Ok(None) if started.elapsed() > END => {
                    return Err(format!("it runs on {} s after it was asked to end", END.as_secs()));
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(2)),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Looks through its log: a panic in it, or a line that a terminal would obey, is a broken promise. Gives its lines.
    pub(super) fn log_is_clean(&self) -> Result<u64, String> {
        let file = File::open(&self.log).map_err(|e| format!("{}: {e}", self.log.display()))?;
        let mut lines = 0;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|e| e.to_string())?;
            let Ok(text) = std::str::from_utf8(&line) else {
                return Err(format!(
                    "its log has a line that is no text: {:?}",
                    String::from_utf8_lossy(&line)
                ));
            };
            if text.contains("panicked") {
                return Err(format!("its log says: {text}"));
            }
            if let Some(line) = raw(text) {
                return Err(format!("its log has a line that a terminal obeys: {line:?}"));
            }
            lines += 1;
        }
        Ok(lines)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended these do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
