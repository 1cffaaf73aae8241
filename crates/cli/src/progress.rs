//! Progress on standard error: a bar with rate and time left on a terminal, a plain line now and then elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::note::note;

/// Time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The progress of one step over photos. Finished when it is dropped.
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// A step called `what` over `total` photos.
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) = ProgressStyle::with_template(
                "{msg:10} {wide_bar:.cyan} {pos}/{len} photos  {rate}  {eta} left",
            ) {
                let rate = |state: &ProgressState, out: &mut dyn Write| {
                    // A line that cannot be drawn is no reason to stop.
                    let _ = write!(out, "{:.0} a second", state.per_sec());
                };
                bar.set_style(style.with_key("rate", rate).progress_chars("━╸ "));
            }
            bar.set_message(what);
            bar
        });
        Self { what, total, bar, started: now, last_line: Mutex::new(now) }
    }

    /// Time since its start.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// `done` photos are done. Called by several threads.
    pub(crate) fn set(&self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            return;
        }
        let Ok(mut last) = self.last_line.try_lock() else { return };
        if last.elapsed() >= PLAIN_EVERY && done < self.total {
            *last = Instant::now();
            let rate = done as f64 / self.started.elapsed().as_secs_f64();
            let left = (self.total - done) as f64 / rate.max(1e-9);
            note(&format!(
                "{}: {done} of {} photos, {rate:.0} a second, {left:.0} s left",
                self.what, self.total
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
