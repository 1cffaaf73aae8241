//! A training that is stopped, and how it goes on.
//!
//! While a run is under way its folder holds `unfinished.toml`, the words that began it, and `unfinished.csv`, the part
//! of each photo. Both are there before the first photo is read and go when the run is complete, so a run that was
//! interrupted, or killed, can be taken up. What took long by then are the features, and those are in the cache. The head
//! is trained anew from its first step: that takes an instant, and every number in it follows from the seed, the photos
//! and their parts, so the model comes out with the same bits as that of a run which nothing broke.
//!
//! One that is stopped between its epochs leaves the classifier as it is by then in `model-unfinished.safetensors`.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::FromArgMatches;
use icecap::data::{Inventory, Part, Sample, read_split};
use icecap::{Backbone, Classifier, Dataset, Error, SaveBackbone};
use serde::{Deserialize, Serialize};

use super::{Options, RunFolder};
use crate::arguments::{self, Arguments};
use crate::commands::Command;
use crate::failure::{Code, Failure};
use crate::lock::lock;
use crate::note::note;
use crate::run::toml_file;
use crate::wording::{plain_path, program, typed_path};

const BEGUN: &str = "unfinished.toml";
const SPLIT: &str = "unfinished.csv";
const MODEL: &str = "model-unfinished.safetensors";
/// What nobody's words and classes come to, in bytes.
const MOST: u64 = 16 << 20;
/// What to do with marks that cannot be used.
const BEGIN_ANEW: &str = "begin anew";

/// `unfinished.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    version: String,
    /// The words behind the program's name.
    words: Vec<String>,
    /// Where they were typed.
    directory: PathBuf,
    classes: Vec<String>,
    params_sha256: String,
    isa: String,
}

/// The options of the run that `options` name to go on with, or `options` themselves.
pub(super) fn taking_up(options: Options) -> Result<Options, Failure> {
    let Some(run) = &options.resume else { return Ok(options) };
    let run = std::path::absolute(run).map_err(|error| Failure::path(run, error))?;
    let file = run.join(BEGUN);
    if !file.is_file() {
        let reason = match run.join("metrics.json").is_file() {
            true => "the run is complete; there is nothing to go on with",
            false => "no run was begun here; name the folder of one that was interrupted",
        };
        return Err(Failure::path(&run, reason));
    }
    let begun: Begun = toml_file(&file, MOST, BEGIN_ANEW)?;
    let wrong = || {
        let reason = "has no words of a training";
        Failure::new(Code::Content, format!("{}: {reason}; {BEGIN_ANEW}", file.display()))
    };
    // Relative paths among the words mean what they meant then.
    std::env::set_current_dir(&begun.directory).map_err(|error| Failure::path(&begun.directory, error))?;
    let words = std::iter::once("icecap").chain(begun.words.iter().map(String::as_str));
    let matches = arguments::command().try_get_matches_from(words).map_err(|_| wrong())?;
    match Arguments::from_arg_matches(&matches).map(|arguments| arguments.command) {
        Ok(Command::Train(taken)) if taken.resume.is_none() => {
            Ok(Options { out: Some(run), begun: Some(begun), ..*taken })
        }
        _ => Err(wrong()),
    }
}

/// The words behind the program's name that began the run: those of this process, or of the one that is gone on with.
pub(super) fn words(options: &Options) -> Vec<String> {
    match &options.begun {
        Some(begun) => begun.words.clone(),
        None => std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect(),
    }
}

impl Begun {
    /// The photos as they were when the run began, in the order of then.
    pub(super) fn dataset(&self, run: &Path, inventory: &Inventory) -> Result<Dataset, Failure> {
        if self.classes != inventory.classes {
            let message = format!(
                "{}: the classes were {} when the run began, and are {} now; begin anew",
                run.display(),
                self.classes.join(", "),
                inventory.classes.join(", ")
            );
            return Err(Failure::new(Code::Content, message));
        }
        let file = run.join(SPLIT);
        let mut dataset = Dataset::default();
        dataset.classes.clone_from(&self.classes);
        for row in read_split(&file)? {
            let class = self.classes.iter().position(|class| *class == row.class).ok_or_else(|| {
                let message =
                    format!("{}: class '{}' is none of the run's; begin anew", file.display(), row.class);
                Failure::new(Code::Content, message)
            })?;
            let part = match row.part {
                Part::Train => &mut dataset.train,
                Part::Val => &mut dataset.val,
                Part::Test => &mut dataset.test,
            };
            part.push(Sample { path: row.path, class });
        }
        Ok(dataset)
    }

    /// Says where what comes out will not have the bits that it would have had.
    fn compare(&self, backbone: &Backbone) -> Result<(), Failure> {
        if self.params_sha256 != backbone.record().params_sha256.to_string() {
            let message =
                "the run was begun on other weights; give those with --weights as it did, or begin anew";
            return Err(Failure::new(Code::Content, message));
        }
        for (what, then, now) in [
            ("version", self.version.as_str(), env!("CARGO_PKG_VERSION")),
            ("instruction set", self.isa.as_str(), backbone.isa().name()),
        ] {
            if then != now {
                note(&format!("note: begun on {what} {then}, and goes on on {now}: last digits can differ"));
            }
        }
        Ok(())
    }
}

/// The marks of a run under way. They go with it, unless they are to be kept.
pub(super) struct Unfinished {
    folder: PathBuf,
    kept: AtomicBool,
    /// Why the model of a stopped run could not be written; none in it where it was.
    model: Mutex<Option<Result<(), Error>>>,
}

impl Unfinished {
    /// Marks the run in `folder` as begun.
    pub(super) fn begin(
        folder: &RunFolder,
        options: &Options,
        dataset: &Dataset,
        backbone: &Backbone,
    ) -> Result<Self, Failure> {
        let marks =
            Self { folder: folder.path().to_owned(), kept: AtomicBool::new(false), model: Mutex::new(None) };
        if let Some(begun) = &options.begun {
            marks.keep();
            begun.compare(backbone)?;
            return Ok(marks);
        }
        let directory = std::env::current_dir().map_err(|error| Failure::path(Path::new("."), error))?;
        let begun = Begun {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            words: words(options),
            directory,
            classes: dataset.classes.clone(),
            params_sha256: backbone.record().params_sha256.to_string(),
            isa: backbone.isa().name().to_owned(),
        };
        let text = toml::to_string(&begun).map_err(|error| {
            Failure::new(Code::Content, format!("what began the run cannot be written down: {error}"))
        })?;
        // The words come last: where they are, the parts are there too.
        dataset.write_split(&folder.file(SPLIT))?;
        folder.write(BEGUN, &text)?;
        Ok(marks)
    }

    /// Leaves the marks where they are, whatever happens from now on.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Keeps the classifier of a run that is being stopped.
    pub(super) fn model(&self, classifier: &Classifier) {
        let saved = classifier.save(self.folder.join(MODEL), SaveBackbone::Embedded);
        *lock(&self.model) = Some(saved);
    }

    /// What to say of a run that was stopped.
    pub(super) fn stopped(&self) -> Failure {
        self.keep();
        match lock(&self.model).take() {
            Some(Ok(())) => note(&format!(
                "the classifier as it was after the last epoch is in {}",
                plain_path(&self.folder.join(MODEL))
            )),
            Some(Err(error)) => note(&format!("the classifier so far could not be kept: {error}")),
            None => {}
        }
        let message =
            format!("interrupted; go on with `{} train --resume {}`", program(), typed_path(&self.folder));
        Failure::new(Code::Interrupted, message)
    }

    /// The run is complete.
    pub(super) fn end(self) {
        self.kept.store(false, Ordering::Relaxed);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.kept.load(Ordering::Relaxed) {
            for name in [BEGUN, SPLIT, MODEL] {
                // One that is not there need not go.
                let _ = std::fs::remove_file(self.folder.join(name));
            }
        }
    }
}
