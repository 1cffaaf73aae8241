//! The folder that a training has left, read again: what `report` and `compare` work on.
//!
//! `metrics.json` has to be there; everything else may be missing, or lack what later versions write, and is then not
//! shown. Nothing in the folder is trusted: sizes are bounded, and what cannot be read is told with its line.

use std::path::{Path, PathBuf};

use icecap::advanced::data::Part;
use icecap::judge::Reliability;

use super::arguments;
use super::confusion::Confusion;
use super::files::{ARGUMENTS, METRICS, PREDICTIONS, UNFINISHED};
use super::metrics::Metrics;
use super::predictions::{self, Seen};
use super::text_file::{read, unusable};
use crate::terminal::did_you_mean;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::wording::typed_path;

/// The most bytes of the files of a run.
const METRICS_BYTES: u64 = 256 << 20;
const PREDICTIONS_BYTES: u64 = 1 << 30;
/// The most classes: their confusion matrix has the square of this.
const MAX_CLASSES: usize = 4096;

/// A finished run: everything in its folder that people look at.
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    pub(crate) metrics: Metrics,
    /// What `args.toml` says; empty if there is no such file.
    pub(crate) arguments: toml::Table,
    pub(crate) classes: Vec<String>,
    /// The photos that were read, with what the model says of them; empty if there is no `predictions.csv`.
    pub(crate) photos: Vec<Seen>,
}

impl Run {
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join(METRICS);
        let text = read(&file, METRICS_BYTES)?.ok_or_else(|| no_run(folder))?;
        let metrics: Metrics =
            serde_json::from_str(&text).map_err(|error| unusable(&file, &error.to_string()))?;
        let file = folder.join(ARGUMENTS);
        let arguments = match read(&file, arguments::MOST_BYTES)? {
            Some(text) => text
                .parse::<toml::Table>()
                .map_err(|error| unusable(&file, error.to_string().lines().next().unwrap_or("no TOML")))?,
            None => toml::Table::new(),
        };
        let mut classes: Vec<String> = metrics.classes.iter().map(|class| class.name.clone()).collect();
        let file = folder.join(PREDICTIONS);
        let photos = match read(&file, PREDICTIONS_BYTES)? {
            Some(text) => predictions::parse(&text, &mut classes)
                .map_err(|(line, reason)| unusable(&file, &format!("line {line}: {reason}")))?,
            None => Vec::new(),
        };
        if classes.len() > MAX_CLASSES {
            let message = format!("{} classes are above the limit of {MAX_CLASSES}", classes.len());
            return Err(Failure::new(Code::Limit, format!("{}: {message}", folder.display())));
        }
        Ok(Self { folder: folder.to_owned(), metrics, arguments, classes, photos })
    }

    /// Returns the photos of a part.
    pub(crate) fn part(&self, part: Part) -> impl Iterator<Item = &Seen> {
        self.photos.iter().filter(move |seen| seen.part == part)
    }

    /// Returns which photos of a part were taken for what; `None` if no photo of it is known.
    pub(crate) fn confusion(&self, part: Part) -> Option<Confusion> {
        self.part(part).next()?;
        let mut confusion = Confusion::new(self.classes.len());
        self.part(part).for_each(|seen| confusion.add(seen.class, seen.predicted));
        Some(confusion)
    }

    /// Returns how confidence and accuracy go together on the photos of a part; `None` if no photo of it is known.
    pub(crate) fn reliability(&self, part: Part) -> Option<Reliability> {
        self.part(part).next()?;
        Some(Reliability::of_confidences(self.part(part).map(|seen| (seen.probability, seen.is_right()))))
    }

    /// Returns an argument as text, without the quotes of TOML; `None` if the run has no such argument.
    pub(crate) fn argument(&self, key: &str) -> Option<String> {
        self.arguments.get(key).map(plain_value)
    }
}

/// Returns a value of TOML as a person writes it.
pub(crate) fn plain_value(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) if *number != 0.0 && number.abs() < 1e-3 => format!("{number:e}"),
        other => other.to_string(),
    }
}

fn no_run(folder: &Path) -> Failure {
    if folder.join(UNFINISHED).is_file() {
        let message = format!(
            "the run is not finished; go on with it first: `icecap train --resume {}`",
            typed_path(folder)
        );
        Failure::new(Code::Content, format!("{}: {message}", folder.display()))
    } else if folder.is_dir() {
        let message =
            "not the folder of a run, it has no metrics.json; `icecap train PHOTOS --out RUN` makes one";
        Failure::new(Code::Content, format!("{}: {message}", folder.display()))
    } else if folder.exists() {
        Failure::path(folder, "not a folder; name the folder of a run, as `icecap train` leaves it")
    } else {
        let meant = did_you_mean::hint_of(folder);
        let message = format!("no such folder; name the folder of a run, as `icecap train` leaves it{meant}");
        Failure::path(folder, message)
    }
}
