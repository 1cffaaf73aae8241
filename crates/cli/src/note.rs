//! Lines on standard error: what a person should know and a program need not.

use std::io::Write;

/// Writes one line to standard error, whatever a file name in it holds. Where nobody listens any more it is lost.
pub(crate) fn note(text: &str) {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(std::io::stderr(), "{line}");
}
