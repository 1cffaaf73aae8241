//! Lists that people write: read whole, up to a limit, as UTF-8.

use std::path::Path;

use crate::tree::read_up_to;
use crate::{Error, Result};

/// A line for each of a million photos with long paths.
const MAX_BYTES: u64 = 256 << 20;

/// Reads the text of a file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Limit`]; [`Error::Listing`] with the line that is no UTF-8.
pub(crate) fn read_text(file: &Path) -> Result<String> {
    read_text_up_to(file, MAX_BYTES)
}

/// Reads a text file of at most `most` bytes.
fn read_text_up_to(file: &Path, most: u64) -> Result<String> {
    let mut bytes = read_up_to(file, most, "the list's size in bytes")?;
    // Spreadsheets and some editors begin a text with a byte order mark.
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_the_limit_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list");
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read_text_up_to(&file, 5).unwrap(), "12345");
        assert!(read_text_up_to(&file, 4).unwrap_err().to_string().contains("the list's size"));
        #[cfg(target_os = "linux")]
        assert!(read_text_up_to(Path::new("/dev/zero"), 1 << 12).is_err());
    }
}
