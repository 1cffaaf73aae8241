//! `args.toml`: everything that a run depends on. A training writes all of it. A later run reads the keys of [`Basis`]; what
//! people look at shows every key, also those of other builds, and reads the file as a table.

use std::path::Path;

use icecap::learn::Value;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::files::ARGUMENTS;
use super::text_file::{toml_file, unwritable};
use crate::terminal::did_you_mean;
use crate::terminal::failure::Failure;

/// The longest file that is read, in bytes: nobody's arguments come to that.
pub(crate) const MOST_BYTES: u64 = 1 << 20;

/// Everything that a run depends on, as three parts of one table.
pub(crate) struct Arguments {
    pub(crate) photos: PhotoArguments,
    /// The library's list of its options, by the names that they have on the command line.
    pub(crate) training: Vec<(&'static str, Value)>,
    /// The numbers among them as they were typed, which may be with more digits than are used.
    pub(crate) typed: Vec<(&'static str, f64)>,
    pub(crate) run: RunArguments,
}

/// The photos and what they become, key by key in the order of the file.
#[derive(Serialize)]
pub(crate) struct PhotoArguments {
    pub(crate) version: &'static str,
    pub(crate) command: String,
    /// Missing where features were trained on, whose files stand in its place.
    pub(crate) folder: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) features: Vec<String>,
    pub(crate) val: Option<String>,
    /// How the paths in a .csv file are read.
    pub(crate) root: Option<String>,
    pub(crate) extension: Option<String>,
    /// The earlier run whose split was gone on with.
    pub(crate) since: Option<String>,
    pub(crate) exclude: Option<String>,
    pub(crate) class_order: Option<String>,
    pub(crate) weights: String,
    /// Whether the averaged ones among them were taken.
    pub(crate) ema: bool,
    pub(crate) params_sha256: String,
    pub(crate) scaling: String,
    pub(crate) size: [usize; 2],
    pub(crate) resize: String,
    pub(crate) exif: String,
    pub(crate) dct: String,
    pub(crate) max_pixels: u64,
}

/// How the photos are dealt out, and what the run does beside its training, key by key in the order of the file.
#[derive(Serialize)]
pub(crate) struct RunArguments {
    pub(crate) val_split: f64,
    pub(crate) folds: Option<u32>,
    pub(crate) group: Option<String>,
    pub(crate) augment: Option<String>,
    pub(crate) views: u32,
    /// What the threshold of two classes is to do, and for which of them.
    pub(crate) threshold: Option<String>,
    pub(crate) positive: Option<String>,
    pub(crate) threads: usize,
    pub(crate) isa: &'static str,
    pub(crate) precision: &'static str,
    pub(crate) out: String,
    pub(crate) strict: bool,
    pub(crate) cache: bool,
    pub(crate) head_only: bool,
}

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

impl Arguments {
    /// Returns the text of the file.
    pub(crate) fn toml(&self) -> Result<String, Failure> {
        let typed = |key: &str| self.typed.iter().find(|(typed, _)| *typed == key).map(|(_, number)| *number);
        let line = |(key, value): &(&str, Value)| match value {
            Value::Off => String::new(),
            Value::Number(number) => {
                let number = typed(key).unwrap_or_else(|| Figure::from(*number).into());
                format!("{key} = {}\n", toml::Value::Float(number))
            }
            Value::Text(text) => format!("{key} = {}\n", toml::Value::String(text.clone())),
            other => format!("{key} = {other}\n"),
        };
        let training: String = self.training.iter().map(line).collect();
        let part = |part: Result<String, toml::ser::Error>| part.map_err(unwritable);
        Ok(part(toml::to_string(&self.photos))? + &training + &part(toml::to_string(&self.run))?)
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
