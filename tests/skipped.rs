//! How a test says that it did nothing, and why.

use std::io::Write;

/// Says in a line, past the capture of the test harness, why a test is skipped: one that did nothing must not look like one that
/// passed.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
