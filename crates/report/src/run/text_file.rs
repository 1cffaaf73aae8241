//! The text of a run's file, read with a bound on its size: nothing in a folder is trusted.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;

/// Reads the text of a file of at most `limit` bytes. Returns `None` if there is no such file.
pub(super) fn read(file: &Path, limit: u64) -> Result<Option<String>, Error> {
    let unreadable = |source| Error::Read { path: file.to_owned(), source };
    let about = match fs::metadata(file) {
        Ok(about) => about,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    if !about.is_file() {
        return Err(Error::NotRegular { path: file.to_owned() });
    }
    if about.len() > limit {
        return Err(Error::TooLarge { path: file.to_owned(), bytes: about.len(), limit });
    }
    let bytes = fs::read(file).map_err(unreadable)?;
    String::from_utf8(bytes).map(Some).map_err(|_| unusable(file, "not text in UTF-8"))
}

/// Returns the error of a file whose text cannot be made.
pub(super) fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::Unwritable { reason: error.to_string() }
}

/// Returns the error of a file that cannot be used, for `reason`.
pub(super) fn unusable(file: &Path, reason: &str) -> Error {
    Error::Unusable { path: file.to_owned(), reason: reason.to_owned() }
}
