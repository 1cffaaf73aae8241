//! What all probes need: a line that an error has to be, and a place for files.

use std::fmt::Display;
use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Panics where what is told of an error is not one line for a person.
pub(crate) fn is_line(error: &dyn Display) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
}

/// A folder of this process, which the system clears away.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path()
}
