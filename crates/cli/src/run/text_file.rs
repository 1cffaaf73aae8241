//! TOML files that a run is begun or gone on with by.

use std::path::Path;

use icecap::advanced::kernels::FileBytes;
use serde::de::DeserializeOwned;

use crate::terminal::failure::{Code, Failure};

/// Reads a TOML file of at most `most` bytes. If it cannot be used, the failure ends with `advice`: what to do then.
pub(crate) fn toml_file<T: DeserializeOwned>(file: &Path, most: u64, advice: &str) -> Result<T, Failure> {
    let bytes = FileBytes::read(file, most)?;
    let wrong = |reason: &str| Failure::new(Code::Content, format!("{}: {reason}; {advice}", file.display()));
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("is no text"))?;
    toml::from_str(text).map_err(|error| wrong(error.message()))
}
