//! Limits that are set before memory is taken for what a file states.

use std::path::Path;

use crate::Error;

/// The size of the longest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 30;
/// The most tensors that a file may hold.
pub const MAX_TENSORS: u64 = 4096;
/// The length of the longest tensor name, in bytes.
pub const MAX_NAME: u64 = 256;
/// The longest description of a Keras model that is looked into, in bytes: several times what Keras writes. What it is
/// parsed into can take a hundred times as many.
pub(crate) const MAX_MODEL_CONFIG: u64 = 1 << 20;

/// Refuses what is above a limit.
pub(crate) fn limit(path: &Path, what: &'static str, got: u64, limit: u64) -> Result<(), Error> {
    if got > limit {
        return Err(Error::Limit { path: path.into(), what, got, limit });
    }
    Ok(())
}

/// What is wrong with a tensor's name, where anything is.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() as u64 > MAX_NAME || name.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {MAX_NAME} bytes without control characters"));
    }
    Ok(())
}
