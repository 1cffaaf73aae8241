//! Lines about many single things, the first of them word for word: a folder of a million broken files must not bury the
//! result.

use crate::terminal::stderr::note;

/// Lines that are written out; the others are counted.
const LINES: usize = 20;

/// Lines on standard error, the first of them in full.
#[derive(Default)]
pub(crate) struct Lines {
    told: usize,
    more: usize,
}

impl Lines {
    /// Tells a line, or counts it if there were many.
    pub(crate) fn tell(&mut self, line: impl FnOnce() -> String) {
        if self.told < LINES {
            self.told += 1;
            note(&line());
        } else {
            self.more += 1;
        }
    }

    /// Tells how many lines were only counted; `what` is what they are about.
    pub(crate) fn end(self, what: &str) {
        if self.more > 0 {
            note(&format!("… and {} more {what}", self.more));
        }
    }
}
