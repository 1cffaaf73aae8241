//! Lists that people write: read whole, up to a limit, as UTF-8.

use std::path::Path;

use crate::limits::check;
use crate::{Error, Result};

/// A line for each of a million photos with long paths.
const MAX_BYTES: u64 = 256 << 20;

/// Reads the text of a file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Limit`]; [`Error::Listing`] with the line that is no UTF-8.
pub(crate) fn read_text(file: &Path) -> Result<String> {
    let about = std::fs::metadata(file).map_err(Error::io(file))?;
    check("the list's size in bytes", about.len(), MAX_BYTES).map_err(|error| error.of(file))?;
    let bytes = std::fs::read(file).map_err(Error::io(file))?;
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        wrong(file, line, "not valid UTF-8; save the file as UTF-8")
    })
}

/// An error about a line of a list.
pub(crate) fn wrong(file: &Path, line: usize, reason: impl Into<String>) -> Error {
    Error::Listing { path: file.to_owned(), line, reason: reason.into() }
}
