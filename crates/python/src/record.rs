//! What a run keeps for its page: figures, and where the few photos are that the page shows.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use icecap::advanced::data::{Part, Sample, SplitRow};
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::learn::FeatureSet;
use icecap::{Classifier, Dataset, Error, OwnedSource, SaveBackbone, Source, Trained};
use icecap_report::page::{Material, Photos, of_trained, shown};
use icecap_report::run::Run;
use icecap_report::run::labels::{Doubt, doubts};
use icecap_report::run::metrics::Metrics;
use icecap_report::run::photo_names::PhotoNames;
use icecap_report::wording::typed;
use icecap_report::{Error as ReportError, kept};

use crate::done::Done;
use crate::origin::{From, Origin};

/// What the page of a run is made of.
pub(crate) struct Record {
    map: Mutex<Map>,
    /// The command that makes the run, word by word; empty where no command can name its photos.
    words: Vec<String>,
    doubts: Option<Vec<Doubt>>,
    photos: Kept,
}

/// The run, whose photos have places on its map once a page was asked for: to find them takes longer than to train a head.
struct Map {
    run: Run,
    /// The features of the training, validation and test photos until then.
    features: Option<[FeatureSet; 3]>,
}

/// Where the photos are that the page shows.
enum Kept {
    /// In files, whose paths lead there from anywhere.
    Files(Vec<SplitRow>),
    InMemory(HashMap<PathBuf, OwnedSource>),
    Nowhere,
}

impl Record {
    /// What is to be kept of a training, which has measured `metrics`.
    ///
    /// # Errors
    /// If the run is too large to be shown.
    pub(crate) fn of(done: Done, origin: Origin<'_>, metrics: &Metrics) -> Result<Self, ReportError> {
        let trained = &done.trained;
        let names = origin.names(&trained.dataset);
        let metrics = metrics.file()?;
        let arguments = origin.arguments(&done)?.toml()?;
        let photos = kept::predictions::seen(trained, &names);
        let run = Run::of_texts(Path::new(""), &metrics, &arguments, photos)?;
        let doubts = trained.doubted.as_ref().map(|doubted| doubts(&trained.train_set, doubted, &names));
        let wanted = shown(&run, doubts.as_deref());
        let photos = Kept::of(&trained.dataset, origin, &names, &wanted);
        let Trained { train_set, val_set, test_set, .. } = done.trained;
        let features = Some([train_set.features, val_set.features, test_set.features]);
        let map = Mutex::new(Map { run, features });
        Ok(Self { map, words: origin.asked.words.clone(), doubts, photos })
    }

    /// Returns the run with the places of its photos.
    fn placed(&self) -> Result<Run, Error> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(features) = &map.features {
            let mut photos = map.run.photos.clone();
            kept::predictions::place(&mut photos, features)?;
            *map = Map { run: Run { photos, ..map.run.clone() }, features: None };
        }
        Ok(map.run.clone())
    }

    /// Writes the page to `file`, as that of a run in the folder of that.
    ///
    /// # Errors
    /// If `flow` stops it, or the file cannot be written.
    pub(crate) fn write(
        &self,
        file: &Path,
        classifier: &Classifier,
        flow: &(dyn Fn() -> ControlFlow<()> + Sync),
    ) -> Result<(), Error> {
        let folder = match file.parent() {
            Some(folder) if folder.components().next().is_some() => folder.to_owned(),
            _ => std::path::absolute(".").unwrap_or_default(),
        };
        let out = folder.to_string_lossy().into_owned();
        let mut run = Run { folder, ..self.placed()? };
        if !self.words.is_empty() {
            let words = self.words.iter().map(String::as_str).chain(["--out", &out]).map(typed);
            let command = words.collect::<Vec<_>>().join(" ");
            run.arguments.insert("command".to_owned(), command.into());
        }
        run.arguments.insert("out".to_owned(), out.into());
        let material = Material {
            doubts: self.doubts.clone(),
            model_bytes: Some(classifier.to_bytes(SaveBackbone::Embedded)?.len() as u64),
            photos: match &self.photos {
                Kept::Files(rows) => Photos::Files(rows.clone()),
                Kept::InMemory(photos) => Photos::InMemory(photos),
                Kept::Nowhere => Photos::Nowhere,
            },
        };
        let page = of_trained(&run, &material, classifier, flow)?;
        Ok(replace_file(file, |out| out.write_all(page.as_bytes()))?)
    }
}

impl Kept {
    /// Keeps of `dataset` the photos whose names are `wanted`.
    fn of(dataset: &Dataset, origin: Origin<'_>, names: &PhotoNames, wanted: &HashSet<PathBuf>) -> Self {
        let name = |part: Part, sample: &Sample| PathBuf::from(names.name(part, &sample.path));
        let is_wanted = |(part, sample): &(Part, &Sample)| wanted.contains(&name(*part, sample));
        let photos = dataset.samples().filter(is_wanted);
        match origin.photos {
            From::Listed(_) => Self::Files(photos.map(|(part, sample)| row(dataset, part, sample)).collect()),
            From::Memory => {
                let kept = |(part, sample)| (name(part, sample), owned(dataset.source(sample)));
                Self::InMemory(photos.map(kept).collect())
            }
            From::Features => Self::Nowhere,
        }
    }
}

fn row(dataset: &Dataset, part: Part, sample: &Sample) -> SplitRow {
    SplitRow { part, class: dataset.classes[sample.class].clone(), path: from_anywhere(&sample.path) }
}

fn owned(source: Source<'_>) -> OwnedSource {
    match source {
        Source::Path(path) => OwnedSource::Path(from_anywhere(path)),
        Source::Bytes(bytes) => OwnedSource::Bytes(bytes.to_vec()),
        Source::Rgb { pixels, width, height } => OwnedSource::Rgb { pixels: pixels.to_vec(), width, height },
    }
}

/// A path that leads to the same file wherever the program goes.
fn from_anywhere(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
