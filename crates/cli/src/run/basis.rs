//! What `train --since` takes over of an earlier run's `args.toml`.

use std::path::Path;

use serde::Deserialize;

use super::arguments::MOST_BYTES;
use super::files::ARGUMENTS;
use super::text_file::toml_file;
use crate::terminal::did_you_mean;
use crate::terminal::failure::Failure;

/// The keys that `train --since` takes over from an earlier run.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Basis {
    pub(crate) weights: String,
    /// Missing in runs of builds that took no averaged weights.
    #[serde(default)]
    pub(crate) ema: bool,
    pub(crate) size: [usize; 2],
    pub(crate) resize: String,
    /// Missing in runs of builds that knew the accurate transform alone.
    pub(crate) dct: Option<String>,
    /// Units of the head's hidden layer; missing where there is none.
    pub(crate) hidden: Option<u32>,
    /// What of the net learned, too; missing where nothing did.
    pub(crate) unfreeze: Option<String>,
    /// Missing in runs of builds that knew f32 alone.
    pub(crate) precision: Option<String>,
    /// What kept photos together; missing where nothing did.
    pub(crate) group: Option<String>,
    /// The list of photos that were left out; missing where none were.
    pub(crate) exclude: Option<String>,
    /// What the threshold of two classes was to do; missing where none was sought.
    pub(crate) threshold: Option<String>,
    pub(crate) seed: u64,
    pub(crate) val_split: f64,
}

impl Basis {
    /// Reads the `args.toml` in the folder `run`.
    pub(crate) fn read(run: &Path) -> Result<Self, Failure> {
        let file = run.join(ARGUMENTS);
        if !file.is_file() {
            let reason = "no run here, args.toml is missing; name a folder that `icecap train` has left";
            return Err(Failure::path(run, format!("{reason}{}", did_you_mean::hint_of(run))));
        }
        toml_file(&file, MOST_BYTES, "name the folder of a run")
    }
}
