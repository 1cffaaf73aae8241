//! The folder that a training has left, read again: what `report` and `compare` work on.
//!
//! `metrics.json` has to be there; everything else may be missing, or lack what later versions write, and is then not
//! shown. Nothing in the folder is trusted: sizes are bounded, and what cannot be read is told with its line.

use std::path::{Path, PathBuf};

use icecap::advanced::data::Part;
use icecap::judge::Reliability;

use super::arguments;
use super::confusion::Confusion;
use super::files::{ARGUMENTS, METRICS, PREDICTIONS};
use super::metrics::Metrics;
use super::predictions::{self, Seen};
use super::text_file::{read, unusable};
use crate::error::Error;

/// The most bytes of the files of a run.
const METRICS_BYTES: u64 = 256 << 20;
const PREDICTIONS_BYTES: u64 = 1 << 30;
/// The most classes: their confusion matrix has the square of this.
const MAX_CLASSES: usize = 4096;

/// A finished run: everything in its folder that people look at.
#[derive(Clone)]
pub struct Run {
    /// The folder of the run, whose name is the page's title.
    pub folder: PathBuf,
    /// What the run has measured.
    pub metrics: Metrics,
    /// What `args.toml` says; empty if there is no such file.
    pub arguments: toml::Table,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The photos that were read, with what the model says of them; empty if there is no `predictions.csv`.
    pub photos: Vec<Seen>,
}

impl Run {
    /// Reads the run in a folder.
    ///
    /// # Errors
    /// If there is no `metrics.json`, or one of the files cannot be read or used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let metrics = read(&folder.join(METRICS), METRICS_BYTES)?;
        let metrics = metrics.ok_or_else(|| Error::NoRun { folder: folder.to_owned() })?;
        let arguments = read(&folder.join(ARGUMENTS), arguments::MOST_BYTES)?;
        let mut run = Self::of(folder, &metrics, arguments.as_deref())?;
        let file = folder.join(PREDICTIONS);
        if let Some(text) = read(&file, PREDICTIONS_BYTES)? {
            run.photos = predictions::parse(&text, &mut run.classes)
                .map_err(|(line, reason)| unusable(&file, &format!("line {line}: {reason}")))?;
        }
        run.bounded()
    }

    /// The run whose `metrics.json` and `args.toml` have these texts, and whose model says this of its `photos`. The files need
    /// not exist; `folder` is where they would be.
    ///
    /// # Errors
    /// If a text cannot be used, or there are too many classes.
    pub fn of_texts(folder: &Path, metrics: &str, arguments: &str, photos: Vec<Seen>) -> Result<Self, Error> {
        Self { photos, ..Self::of(folder, metrics, Some(arguments))? }.bounded()
    }

    /// The run without its photos.
    fn of(folder: &Path, metrics: &str, arguments: Option<&str>) -> Result<Self, Error> {
        let file = folder.join(METRICS);
        let metrics: Metrics =
            serde_json::from_str(metrics).map_err(|error| unusable(&file, &error.to_string()))?;
        let file = folder.join(ARGUMENTS);
        let arguments = match arguments {
            Some(text) => text
                .parse::<toml::Table>()
                .map_err(|error| unusable(&file, error.to_string().lines().next().unwrap_or("no TOML")))?,
            None => toml::Table::new(),
        };
        let classes = metrics.classes.iter().map(|class| class.name.clone()).collect();
        Ok(Self { folder: folder.to_owned(), metrics, arguments, classes, photos: Vec::new() })
    }

    fn bounded(self) -> Result<Self, Error> {
        if self.classes.len() > MAX_CLASSES {
            let classes = self.classes.len();
            return Err(Error::TooManyClasses { folder: self.folder, classes, limit: MAX_CLASSES });
        }
        Ok(self)
    }

    /// Returns the photos of a part.
    pub fn part(&self, part: Part) -> impl Iterator<Item = &Seen> {
        self.photos.iter().filter(move |seen| seen.part == part)
    }

    /// Returns which photos of a part were taken for what; `None` if no photo of it is known.
    pub fn confusion(&self, part: Part) -> Option<Confusion> {
        self.part(part).next()?;
        let mut confusion = Confusion::new(self.classes.len());
        self.part(part).for_each(|seen| confusion.add(seen.class, seen.predicted));
        Some(confusion)
    }

    /// Returns how confidence and accuracy go together on the photos of a part; `None` if no photo of it is known.
    pub fn reliability(&self, part: Part) -> Option<Reliability> {
        self.part(part).next()?;
        Some(Reliability::of_confidences(self.part(part).map(|seen| (seen.probability, seen.is_right()))))
    }

    /// Returns an argument as text, without the quotes of TOML; `None` if the run has no such argument.
    pub fn argument(&self, key: &str) -> Option<String> {
        self.arguments.get(key).map(plain_value)
    }
}

/// Returns a value of TOML as a person writes it.
pub fn plain_value(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) if *number != 0.0 && number.abs() < 1e-3 => format!("{number:e}"),
        other => other.to_string(),
    }
}
