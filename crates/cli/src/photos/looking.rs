//! Progress of a look at a dataset: reading its photos, comparing them with each other, comparing the pixels of a few.

use std::sync::{Mutex, PoisonError};

use icecap::check::Step;

use crate::terminal::progress::Progress;

/// A bar for each step that has a measure, one after the other.
pub(crate) struct Bars(Mutex<Option<Bar>>);

struct Bar {
    name: &'static str,
    progress: Progress,
}

impl Bars {
    pub(crate) fn new(photos: usize) -> Self {
        Self(Mutex::new(Some(Bar { name: LOOKING, progress: Progress::new(LOOKING, photos) })))
    }

    pub(crate) fn tell(&self, step: Step) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, now) = match step {
            Step::Looking(now) => (LOOKING, now),
            Step::Comparing(now) => ("comparing", now),
            Step::Confirming(now) => ("comparing pixels", now),
            // The last bar leaves its line.
            _ => {
                *bar = None;
                return;
            }
        };
        if bar.as_ref().is_none_or(|bar| bar.name != name) {
            // The bar before has to leave its line first.
            *bar = None;
            *bar = Some(Bar { name, progress: Progress::new(name, now.photos) });
        }
        if let Some(bar) = &*bar {
            bar.progress.set(now.done);
        }
    }
}

const LOOKING: &str = "looking";
