//! The text of a run's file, read with a bound on its size: nothing in a folder is trusted.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use icecap::advanced::kernels::FileBytes;
use serde::de::DeserializeOwned;

use crate::terminal::failure::{Code, Failure};

/// Reads the text of a file of at most `limit` bytes. Returns `None` if there is no such file.
pub(super) fn read(file: &Path, limit: u64) -> Result<Option<String>, Failure> {
    let about = match fs::metadata(file) {
        Ok(about) => about,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Failure::path(file, error)),
    };
    if !about.is_file() {
        return Err(Failure::path(file, "not a regular file"));
    }
    if about.len() > limit {
        let message = format!("{} bytes are above the limit of {limit}", about.len());
        return Err(Failure::new(Code::Limit, format!("{}: {message}", file.display())));
    }
    let bytes = fs::read(file).map_err(|error| Failure::path(file, error))?;
    String::from_utf8(bytes).map(Some).map_err(|_| unusable(file, "not text in UTF-8"))
}

/// Reads a TOML file of at most `most` bytes. If it cannot be used, the failure ends with `advice`: what to do then.
pub(crate) fn toml_file<T: DeserializeOwned>(file: &Path, most: u64, advice: &str) -> Result<T, Failure> {
    let bytes = FileBytes::read(file, most)?;
    let wrong = |reason: &str| Failure::new(Code::Content, format!("{}: {reason}; {advice}", file.display()));
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is no text"))?;
    toml::from_str(text).map_err(|error| wrong(error.message()))
}

/// Returns the failure of a file whose text cannot be made.
pub(super) fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Content, format!("the run's record cannot be written: {error}"))
}

/// Returns the failure of a file that cannot be used, for `reason`.
pub(super) fn unusable(file: &Path, reason: &str) -> Failure {
    Failure::new(Code::Content, format!("{}: {reason}; train again to have it written anew", file.display()))
}
