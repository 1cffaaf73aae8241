//! A training that is stopped, and how it goes on.
//!
//! While a run is under way its folder holds `unfinished.toml`, the words that began it, and `unfinished.csv`, the photos
//! that were found, in the parts that the folder had: of these that can be read the split is drawn. Both are there before the first photo is read and go when the run is complete, so a run that was
//! interrupted, or killed, can be taken up. What took long by then are the features, and those are in the cache. The head
//! is trained anew from its first step: that takes an instant, and every number in it follows from the seed, the photos
//! and their parts, so the model comes out with the same bits as that of a run which nothing broke.
//!
//! One that is stopped between its epochs leaves the classifier as it is by then in `model-unfinished.safetensors`.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use icecap::advanced::data::Inventory;
use icecap::{Backbone, Classifier, Dataset, Error, SaveBackbone};

use super::options::Options;
use super::resume::words;
use crate::run::begun::Begun;
use crate::run::files::{UNFINISHED, UNFINISHED_MODEL, UNFINISHED_SPLIT};
use crate::run::folder::RunFolder;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::last_words;
use crate::terminal::lock::lock;
use crate::terminal::stderr::note;
use crate::terminal::wording::{plain_path, program, typed_path};

/// The marks of a run under way. They go with it, unless they are to be kept.
pub(super) struct Unfinished {
    folder: PathBuf,
    kept: AtomicBool,
    complete: AtomicBool,
    /// The outcome of writing the model of a stopped run; `None` if nothing was written yet.
    model: Mutex<Option<Result<(), Error>>>,
}

impl Unfinished {
    /// Marks the run in `folder` as begun.
    pub(super) fn begin(
        folder: &RunFolder,
        options: &Options,
        inventory: &Inventory,
        backbone: &Backbone,
    ) -> Result<Self, Failure> {
        let marks = Self {
            folder: folder.path().to_owned(),
            kept: AtomicBool::new(false),
            complete: AtomicBool::new(false),
            model: Mutex::new(None),
        };
        if let Some(begun) = &options.begun {
            marks.keep();
            marks.begun();
            compare(begun, backbone)?;
            return Ok(marks);
        }
        let directory = std::env::current_dir().map_err(|error| Failure::path(Path::new("."), error))?;
        let begun = Begun {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            words: words(options),
            directory,
            classes: inventory.classes.clone(),
            params_sha256: backbone.record().params_sha256.to_string(),
            isa: backbone.isa().name_of_f32().to_owned(),
        };
        let text = toml::to_string(&begun).map_err(|error| {
            Failure::new(Code::Content, format!("what began the run cannot be written down: {error}"))
        })?;
        // The words come last: where they are, the photos are there too.
        Dataset::whole(inventory).write_split(&folder.file(UNFINISHED_SPLIT))?;
        folder.write(UNFINISHED, &text)?;
        marks.begun();
        Ok(marks)
    }

    /// Leaves the marks where they are, whatever happens from now on.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Keeps the classifier of a run that is being stopped.
    pub(super) fn model(&self, classifier: &Classifier) {
        let saved = classifier.save(self.folder.join(UNFINISHED_MODEL), SaveBackbone::Embedded);
        *lock(&self.model) = Some(saved);
    }

    /// Returns what to say of a run that was stopped.
    pub(super) fn stopped(&self) -> Failure {
        self.keep();
        match lock(&self.model).take() {
            Some(Ok(())) => note(&format!(
                "the classifier as it was after the last epoch is in {}",
                plain_path(&self.folder.join(UNFINISHED_MODEL))
            )),
            Some(Err(error)) => note(&format!("the classifier so far could not be kept: {error}")),
            None => {}
        }
        Failure::new(Code::Interrupted, last_words::get())
    }

    /// A run that is ended from now on can be gone on with.
    fn begun(&self) {
        let words =
            format!("interrupted; go on with `{} train --resume {}`", program(), typed_path(&self.folder));
        last_words::set(Some(words));
    }

    /// The run is complete.
    pub(super) fn end(self) {
        self.complete.store(true, Ordering::Relaxed);
    }
}

/// Says where what comes out will not have the bits that it would have had.
fn compare(begun: &Begun, backbone: &Backbone) -> Result<(), Failure> {
    if begun.params_sha256 != backbone.record().params_sha256.to_string() {
        let message =
            "the run was begun on other weights; give those with --weights as it did, or begin anew";
        return Err(Failure::new(Code::Content, message));
    }
    for (what, then, now) in [
        ("version", begun.version.as_str(), env!("CARGO_PKG_VERSION")),
        ("instruction set", begun.isa.as_str(), backbone.isa().name_of_f32()),
    ] {
        if then != now {
            note(&format!("note: begun on {what} {then}, and goes on on {now}: last digits can differ"));
        }
    }
    Ok(())
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // One that was interrupted can be gone on with, wherever that was heard.
        let kept = self.kept.load(Ordering::Relaxed) || interrupt::flow().is_break();
        if !kept || self.complete.load(Ordering::Relaxed) {
            last_words::set(None);
            for name in [UNFINISHED, UNFINISHED_SPLIT, UNFINISHED_MODEL] {
                // One that is not there need not go.
                let _ = std::fs::remove_file(self.folder.join(name));
            }
        }
    }
}
