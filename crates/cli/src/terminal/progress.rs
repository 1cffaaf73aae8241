//! Progress on standard error: a bar with rate and time left on a terminal, a plain line now and then elsewhere, and for
//! programs, where `--progress-json` asks for it, an object a line:
//!
//! ```text
//! {"step":"features","done":120,"of":398,"seconds":1.31,"seconds_left":3.03}
//! {"note":"warning: cat/7.jpg: a GIF of several frames, the first is taken"}
//! {"step":"epoch","done":3,"of":38,"seconds":1.9,"seconds_left":22.4,"phase":"head","running_loss":0.6466,…}
//! ```

use std::cell::Cell;
use std::fmt::Write;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use serde::Serialize;

use crate::terminal::stderr::{failure, is_progress_json, is_quiet, note};
use crate::terminal::wording::megabytes;

/// Time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Time after which a step shows that it goes on.
const BUSY_AFTER: Duration = Duration::from_secs(1);
/// Time between two lines for a program.
const JSON_EVERY: Duration = Duration::from_secs(1);

/// Returns whether somebody looks at a bar.
fn is_shown() -> bool {
    !is_quiet() && !is_progress_json() && std::io::stderr().is_terminal()
}

/// Clears the line that a bar may stand on.
pub(crate) fn clear() {
    if is_shown() {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"\r\x1b[2K");
    }
}

/// A line for a program.
#[derive(Serialize)]
struct Line<'a, M> {
    step: &'a str,
    done: u64,
    /// How much there is in all, if that is known.
    of: Option<u64>,
    seconds: f64,
    /// The seconds that the rest will take, if that can be told.
    seconds_left: Option<f64>,
    #[serde(flatten)]
    measured: &'a M,
}

/// A step of which nothing is measured.
#[derive(Serialize)]
struct Nothing {}

/// Tells a program, if one listens, how far a step is that began at `started`.
pub(crate) fn tell_program(step: &str, done: u64, of: Option<u64>, started: Instant) {
    tell_program_measured(Step { step, done, of, started }, &Nothing {});
}

/// How far a step is.
pub(crate) struct Step<'a> {
    pub(crate) step: &'a str,
    pub(crate) done: u64,
    pub(crate) of: Option<u64>,
    pub(crate) started: Instant,
}

/// Tells a program, if one listens, how far a step is, and what was measured by then.
pub(crate) fn tell_program_measured(step: Step<'_>, measured: &impl Serialize) {
    if !is_progress_json() {
        return;
    }
    let Step { step, done, of, started } = step;
    let seconds = started.elapsed().as_secs_f64();
    let left = of.filter(|_| done > 0).map(|of| seconds / done as f64 * of.saturating_sub(done) as f64);
    let line = Line { step, done, of, seconds, seconds_left: left, measured };
    if let Ok(text) = serde_json::to_string(&line) {
        failure(&text);
    }
}

/// How fast it goes, and how long the rest will take; nothing before the first is done.
fn pace(done: u64, all: Option<u64>, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if done == 0 || seconds <= 0.0 {
        return String::new();
    }
    let rate = done as f64 / seconds;
    let left = all.unwrap_or(done).saturating_sub(done) as f64 / rate;
    let left = match left.round() as u64 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    };
    format!("  {rate:.0} a second  {left} left")
}

/// The progress of one step over photos. Finished when it is dropped.
pub(crate) struct Progress {
    what: &'static str,
    /// What is counted.
    unit: &'static str,
    total: usize,
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Mutex<Instant>,
    done: AtomicUsize,
}

impl Progress {
    /// A step called `what` over `total` photos.
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        Self::over(what, total, "photos")
    }

    /// A step called `what` over `total` of what `unit` names.
    pub(crate) fn over(what: &'static str, total: usize, unit: &'static str) -> Self {
        let now = Instant::now();
        let bar = is_shown().then(|| {
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) = ProgressStyle::with_template(&format!(
                "{{msg:10}} {{wide_bar:.cyan}} {{pos}}/{{len}} {unit}{{pace}}"
            )) {
                let pace = |state: &ProgressState, out: &mut dyn Write| {
                    // A line that cannot be drawn is no reason to stop.
                    let _ = out.write_str(&pace(state.pos(), state.len(), state.elapsed()));
                };
                bar.set_style(style.with_key("pace", pace).progress_chars("━╸ "));
            }
            bar.set_message(what);
            bar
        });
        Self { what, unit, total, bar, started: now, last_line: Mutex::new(now), done: AtomicUsize::new(0) }
    }

    /// The same step, which began at `started` and has come to `done` by now: so what lay in between counts in the time that
    /// the rest will take.
    pub(crate) fn going_on(mut self, started: Instant, done: usize) -> Self {
        self.bar = self.bar.take().map(|bar| bar.with_elapsed(started.elapsed()).with_position(done as u64));
        self.started = started;
        self.done = AtomicUsize::new(done);
        self
    }

    /// Time since its start.
    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Does something that writes to the terminal, with the bar out of its way.
    pub(crate) fn paused<R>(&self, work: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// `done` photos are done. Called by several threads.
    pub(crate) fn set(&self, done: usize) {
        // A thread that was overtaken tells of less than is done by now.
        if self.done.fetch_max(done, Ordering::Relaxed) > done {
            return;
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            return;
        }
        let Ok(mut last) = self.last_line.try_lock() else { return };
        if is_progress_json() {
            if last.elapsed() >= JSON_EVERY && done < self.total {
                *last = Instant::now();
                tell_program(self.what, done as u64, Some(self.total as u64), self.started);
            }
            return;
        }
        if last.elapsed() >= PLAIN_EVERY && done < self.total {
            *last = Instant::now();
            let rate = done as f64 / self.started.elapsed().as_secs_f64();
            let left = (self.total - done) as f64 / rate.max(1e-9);
            note(&format!(
                "{}: {done} of {} {}, {rate:.0} a second, {left:.0} s left",
                self.what, self.total, self.unit
            ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let done = *self.done.get_mut() as u64;
        tell_program(self.what, done, Some(self.total as u64), self.started);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A step of which only the time is known, shown once it has taken a while. Finished when it is dropped.
pub(crate) struct Busy {
    what: &'static str,
    started: Instant,
    shown: Mutex<(Option<ProgressBar>, Instant)>,
}

impl Busy {
    /// A step called `what`.
    pub(crate) fn new(what: &'static str) -> Self {
        let now = Instant::now();
        Self { what, started: now, shown: Mutex::new((None, now)) }
    }

    /// Shows that the step goes on. Cheap enough to be called often, and by several threads.
    pub(crate) fn tick(&self) {
        let Ok(mut shown) = self.shown.try_lock() else { return };
        let (bar, last) = &mut *shown;
        if is_shown() {
            if bar.is_none() && self.started.elapsed() >= BUSY_AFTER {
                let spinner = ProgressBar::new_spinner().with_elapsed(self.started.elapsed());
                if let Ok(style) = ProgressStyle::with_template("{msg} {spinner:.cyan} {elapsed} so far") {
                    spinner.set_style(style);
                }
                spinner.set_message(self.what);
                *bar = Some(spinner);
            }
            bar.iter().for_each(ProgressBar::tick);
            return;
        }
        let every = if is_progress_json() { JSON_EVERY } else { PLAIN_EVERY };
        if last.elapsed() >= every {
            *last = Instant::now();
            tell_program(self.what, 0, None, self.started);
            if !is_progress_json() {
                note(&format!("{}: {:.0} s so far", self.what, self.started.elapsed().as_secs_f64()));
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Ok((Some(bar), _)) = self.shown.get_mut() {
            bar.finish_and_clear();
        }
    }
}

/// The progress of a file that is fetched. Finished when it is dropped.
pub(crate) struct ByteProgress {
    what: String,
    bar: Option<ProgressBar>,
    /// When it last began, and with how many bytes.
    begun: Cell<(Instant, u64)>,
    last_line: Cell<Instant>,
}

impl ByteProgress {
    /// Begins the progress of the file called `what`.
    pub(crate) fn new(what: &str) -> Self {
        let bar = is_shown().then(|| {
            let bar = ProgressBar::no_length().with_message(what.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{msg}  {decimal_bytes}  {decimal_bytes_per_sec}")
            {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        Self { what: what.to_owned(), bar, begun: Cell::new((now, 0)), last_line: Cell::new(now) }
    }

    /// Begins the transfer, perhaps once more, with `have` bytes from earlier, which do not count for the rate.
    pub(crate) fn begin(&self, have: u64) {
        self.begun.set((Instant::now(), have));
        if let Some(bar) = &self.bar {
            bar.set_position(have);
            bar.reset_eta();
        }
    }

    /// `done` bytes are there, of `total` if that is known.
    pub(crate) fn set(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total.filter(|_| bar.length() != total) {
                bar.set_length(total);
                if let Ok(style) = ProgressStyle::with_template(
                    "{msg}  {wide_bar:.cyan} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left",
                ) {
                    bar.set_style(style.progress_chars("━╸ "));
                }
            }
            bar.set_position(done);
            return;
        }
        if is_progress_json() {
            if self.last_line.get().elapsed() >= JSON_EVERY || total == Some(done) {
                self.last_line.set(Instant::now());
                tell_program(&self.what, done, total, self.begun.get().0);
            }
            return;
        }
        if self.last_line.get().elapsed() >= PLAIN_EVERY && total.is_none_or(|total| done < total) {
            self.last_line.set(Instant::now());
            let (begun, had) = self.begun.get();
            let rate = done.saturating_sub(had) as f64 / begun.elapsed().as_secs_f64().max(1e-9);
            let of = total.map_or(String::new(), |total| format!(" of {}", megabytes(total)));
            let left = total.filter(|_| rate > 0.0).map(|total| (total - done) as f64 / rate);
            let left = left.map_or(String::new(), |left| format!(", {left:.0} s left"));
            note(&format!("{}: {}{of}, {:.2} MB a second{left}", self.what, megabytes(done), rate / 1e6));
        }
    }

    /// A line above the bar.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }
}

impl Drop for ByteProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_told_once_something_is_done() {
        let of = |done, seconds| pace(done, Some(1000), Duration::from_secs(seconds));
        assert_eq!(of(0, 3), "");
        assert_eq!(of(500, 5), "  100 a second  5 s left");
        assert_eq!(of(100, 10), "  10 a second  1 min 30 s left");
        assert_eq!(of(1, 10), "  0 a second  2 h 46 min left");
    }
}
