//! `args.toml`: everything that a run depends on. A training writes all of it. A later run reads the keys of [`Basis`]; what
//! people look at shows every key, also those of other builds, and reads the file as a table.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::ARGUMENTS;
use super::text_file::{toml_file, unwritable};
use crate::terminal::did_you_mean;
use crate::terminal::failure::Failure;

/// The longest file that is read, in bytes: nobody's arguments come to that.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// Everything that a run depends on, key by key in the order of the file.
#[derive(Serialize)]
pub(crate) struct Arguments {
    pub(crate) version: &'static str,
    pub(crate) command: String,
    pub(crate) folder: String,
    pub(crate) val: Option<String>,
    pub(crate) exclude: Option<String>,
    pub(crate) class_order: Option<String>,
    pub(crate) weights: String,
    pub(crate) params_sha256: String,
    pub(crate) scaling: String,
    pub(crate) size: [usize; 2],
    pub(crate) resize: String,
    pub(crate) exif: String,
    /// The values that were used, if the command left them open.
    pub(crate) epochs: u32,
    pub(crate) lr: f64,
    pub(crate) l2: f64,
    pub(crate) batch: u32,
    pub(crate) dropout: f64,
    pub(crate) optimizer: String,
    pub(crate) schedule: String,
    pub(crate) warmup: u32,
    pub(crate) label_smoothing: f64,
    pub(crate) class_weight: String,
    pub(crate) early_stop: Option<u32>,
    pub(crate) seed: u64,
    pub(crate) val_split: f64,
    pub(crate) folds: Option<u32>,
    pub(crate) group: Option<String>,
    pub(crate) augment: Option<String>,
    pub(crate) views: u32,
    pub(crate) threads: usize,
    pub(crate) isa: &'static str,
    pub(crate) out: String,
    pub(crate) strict: bool,
    pub(crate) cache: bool,
    pub(crate) head_only: bool,
}

/// The keys that `train --since` takes over from an earlier run.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Basis {
    pub(crate) weights: String,
    pub(crate) size: [usize; 2],
    pub(crate) resize: String,
    pub(crate) seed: u64,
    pub(crate) val_split: f64,
}

impl Arguments {
    /// Returns the text of the file.
    pub(crate) fn toml(&self) -> Result<String, Failure> {
        toml::to_string(self).map_err(unwritable)
    }
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
