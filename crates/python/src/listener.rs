//! Who hears of a training's progress: a function of Python, called by the thread that trains.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use icecap::Event;
use icecap::check::Step;
use icecap::learn::Epoch;
use icecap::model::Progress;
use icecap_report::kept::metrics::history;
use pyo3::prelude::*;
use serde_json::json;

use crate::work::Watch;

/// The least time between two calls that tell how far photos are.
const BETWEEN_CALLS: Duration = Duration::from_millis(100);

/// Tells a function of Python what happens, and what it raises ends the work.
pub(crate) struct Listener {
    pub(crate) watch: Watch,
    /// Takes a JSON object as text.
    callback: Option<Py<PyAny>>,
    called: Mutex<Option<Instant>>,
}

impl Listener {
    pub(crate) fn new(py: Python<'_>, callback: Option<Py<PyAny>>) -> PyResult<Self> {
        Ok(Self { watch: Watch::new(py)?, callback, called: Mutex::new(None) })
    }

    /// Hears an event of a training.
    pub(crate) fn event(&self, event: Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Extracting(now) => self.photos("features", now),
            Event::Tuning { progress, .. } => self.photos("tuning", progress),
            Event::Epoch(of) => self.tell(|| epoch_of("epoch", of)),
            Event::TunedEpoch(of) => self.tell(|| epoch_of("tuned epoch", of)),
            _ => self.watch.flow(),
        }
    }

    /// Hears a step of a check.
    pub(crate) fn step(&self, step: Step) -> ControlFlow<()> {
        match step {
            Step::Looking(now) => self.photos("looking", now),
            Step::Comparing(now) => self.photos("comparing", now),
            Step::Confirming(now) => self.photos("confirming", now),
            _ => self.watch.flow(),
        }
    }

    /// Hears how far photos are.
    pub(crate) fn photos(&self, stage: &str, now: Progress) -> ControlFlow<()> {
        self.watch.flow()?;
        if !self.watch.is_caller() || !self.is_due(now.done == now.photos) {
            return ControlFlow::Continue(());
        }
        self.tell(|| json!({ "stage": stage, "done": now.done, "photos": now.photos }).to_string())
    }

    fn tell(&self, what: impl FnOnce() -> String) -> ControlFlow<()> {
        self.watch.flow()?;
        let Some(callback) = &self.callback else { return ControlFlow::Continue(()) };
        let text = what();
        self.watch.ask(|py| callback.call1(py, (text,)).map(|_| ()))
    }

    fn is_due(&self, at_end: bool) -> bool {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = at_end || called.is_none_or(|called| called.elapsed() >= BETWEEN_CALLS);
        if is_due {
            *called = Some(Instant::now());
        }
        is_due
    }
}

/// An epoch under the names that `metrics.json` has, with its digits, as the text of a JSON object.
fn epoch_of(stage: &str, epoch: &Epoch) -> String {
    let row = history(std::slice::from_ref(epoch)).pop();
    let row = serde_json::to_string(&row).unwrap_or_else(|error| unreachable!("numbers alone: {error}"));
    format!("{{\"stage\":\"{stage}\",\"epoch\":{row}}}")
}
