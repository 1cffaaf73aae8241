//! Training, from whatever it is asked for to a run.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use icecap::advanced::data::{Cache, Inventory};
use icecap::advanced::kernels::{Shape, Tensor};
use icecap::check::Checker;
use icecap::learn::FeatureSet;
use icecap::model::{Precision, Preprocessing};
use icecap::{Dataset, Error, Event, Settings, Source, Trained, Trainer};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyIterator;

use crate::backbone::Backbone;
use crate::classifier::Classifier;
use crate::done::{Done, Times};
use crate::failure::unshown;
use crate::listener::Listener;
use crate::of_process::OfProcess;
use crate::origin::{From, Origin};
use crate::photo_set::{Brought, PhotoSet};
use crate::record::Record;
use crate::train_options::{Asked, Listed};
use crate::weights_source;
use crate::work::Watch;

/// What a training leaves.
#[pyclass(frozen, module = "icecap._icecap")]
pub(crate) struct Run {
    classifier: OfProcess<icecap::Classifier>,
    /// What `metrics.json` says, on one line.
    metrics: Result<String, icecap_report::Error>,
    split: Vec<(&'static str, String, String)>,
    /// What the page is made of, or why there is none.
    record: Result<Record, icecap_report::Error>,
}

#[pymethods]
impl Run {
    fn classifier(&self) -> PyResult<Classifier> {
        Ok(Classifier::of(self.classifier.get()?.clone()))
    }

    /// Returns the metrics as the text of a JSON object.
    fn metrics(&self) -> PyResult<&str> {
        self.metrics.as_deref().map_err(unshown)
    }

    /// Returns the part, the class and the path of each photo.
    fn split(&self) -> Vec<(&'static str, String, String)> {
        self.split.clone()
    }

    /// Writes the page.
    fn report(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let classifier = self.classifier.get()?;
        let watch = Watch::new(py)?;
        let record = self.record.as_ref().map_err(unshown)?;
        watch.run(py, || record.write(&path, classifier, &|| watch.flow()))
    }
}

impl Run {
    /// What a training leaves that was asked for as `origin` says.
    fn of(mut done: Done, origin: Origin<'_>) -> Self {
        done.times.end();
        let trained = &done.trained;
        let metrics = done.metrics(&origin.names(&trained.dataset));
        let dataset = &trained.dataset;
        let row = |(part, sample): (icecap::advanced::data::Part, &icecap::advanced::data::Sample)| {
            let path = sample.path.to_string_lossy().into_owned();
            (part.name(), dataset.classes[sample.class].clone(), path)
        };
        Self {
            metrics: metrics.line(),
            split: dataset.samples().map(row).collect(),
            classifier: OfProcess::new(trained.classifier.clone()),
            record: Record::of(done, origin, &metrics),
        }
    }
}

/// Trains on the photos of a folder, an archive or a list.
#[pyfunction]
pub(crate) fn train_folder(
    py: Python<'_>,
    listed: Listed,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Run> {
    let listener = Listener::new(py, progress)?;
    listener.watch.run(py, || {
        let (options, mut times) = (asked.options()?, Times::begin());
        let began = Instant::now();
        // Copies are found by the net, which is then opened already.
        let mut opened = None;
        let photos = listed.dealt(&asked, options.seed, &mut |inventory| {
            copies(&asked, inventory, opened.insert(open(&asked)?), &listener)
        })?;
        times.scan = Some(began.elapsed());
        let origin = Origin { asked: &asked, photos: From::Listed(&listed) };
        Ok(Run::of(on_photos(&asked, photos, opened, times, &listener)?, origin))
    })
}

/// Trains on photos that a caller brings.
#[pyfunction]
pub(crate) fn train_photos(
    photos: Bound<'_, PyIterator>,
    labels: Vec<usize>,
    classes: Vec<String>,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Run> {
    let py = photos.py();
    let listener = Listener::new(py, progress)?;
    let brought = Brought::new(classes, &photos, &labels)?;
    listener.watch.run(py, || {
        let (options, times) = (asked.options()?, Times::begin());
        let photos = brought.dealt(&asked, options.seed)?;
        let origin = Origin { asked: &asked, photos: From::Memory };
        Ok(Run::of(on_photos(&asked, photos, None, times, &listener)?, origin))
    })
}

/// The number of the class of each row, and the names of the classes.
type Labels = (Vec<u32>, Vec<String>);

/// Trains on rows of features, float32 in native byte order, of the backbone that has made them.
#[pyfunction]
pub(crate) fn train_features(
    backbone: &Bound<'_, Backbone>,
    rows: PyBackedBytes,
    labels: Labels,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Run> {
    let py = backbone.py();
    let listener = Listener::new(py, progress)?;
    let (facade, preprocessing) = (backbone.get().facade()?, backbone.get().preprocessing()?);
    listener.watch.run(py, || {
        let ((labels, classes), times) = (labels, Times::begin());
        let values: Vec<f32> =
            rows.as_chunks().0.iter().map(|bytes: &[u8; 4]| f32::from_ne_bytes(*bytes)).collect();
        let shape = Shape::new(&[labels.len(), values.len() / labels.len().max(1)])?;
        let set = FeatureSet::new(Tensor::from_slice(shape, &values)?, labels)?;
        let sought = asked.sought(&classes)?;
        let trainer = Trainer::new(facade)?
            .options(asked.options()?)
            .preprocessing(preprocessing)
            .folds(asked.folds)
            .sought(sought);
        let share = if asked.folds.is_some() { 0.0 } else { asked.share };
        let trained = trainer.train_on_features(classes, &set, share, &|event| listener.event(event))?;
        let done = Done { trained, backbone: facade.clone(), preprocessing, net_of: None, times };
        Ok(Run::of(done, Origin { asked: &asked, photos: From::Features }))
    })
}

/// Trains on photos: with the net that is `opened` or asked for, or the same in int8, quantized with photos of the training.
fn on_photos(
    asked: &Asked,
    photos: PhotoSet,
    opened: Option<icecap::Backbone>,
    mut times: Times,
    listener: &Listener,
) -> Result<Done, Error> {
    let PhotoSet { mut dataset, groups } = photos;
    let options = asked.options()?;
    let sought = asked.sought(&dataset.classes)?;
    let began = Instant::now();
    let opened = opened.map_or_else(|| open(asked), Ok)?;
    times.weights = Some(began.elapsed());
    let preprocessing = asked.input.over(Preprocessing::for_training(&opened)?)?;
    let cache = cache(asked);
    let (backbone, trained) = loop {
        let began = Instant::now();
        let backbone = quantized(asked, &opened, &dataset, preprocessing, listener)?;
        let is_calibrated = backbone.precision() != opened.precision();
        times.quantize = is_calibrated.then(|| began.elapsed());
        let trainer = Trainer::new(&backbone)?
            .options(options.clone())
            .preprocessing(preprocessing)
            .cache(cache.clone())
            .groups(groups.clone())
            .folds(asked.folds)
            .views(asked.seen(options.seed)?)
            .sought(sought)
            .strict(asked.strict);
        match unbroken(&trainer, &dataset, is_calibrated, listener)? {
            Learned::Done(trained) => break (backbone, *trained),
            Learned::Readable(readable) => dataset = readable,
        }
    };
    let trained = compared(trained, &opened, cache.as_ref(), listener)?;
    let net_of = (opened.precision() == Precision::Int8).then(|| asked.weights.clone().unwrap_or_default());
    Ok(Done { trained, backbone, preprocessing, net_of, times })
}

/// Returns the cache of features, unless none is to be used, or this user has no cache folder.
fn cache(asked: &Asked) -> Option<Arc<Cache>> {
    let folder = asked.cache.then(weights_source::cache_folder).flatten()?;
    Some(Arc::new(Cache::new(&folder.join("features"))))
}

/// Returns the groups of copies among all photos of `inventory`, as `icecap train --group duplicates` finds them: at the size of
/// the weights, whatever the size of the training.
fn copies(
    asked: &Asked,
    inventory: &Inventory,
    opened: &icecap::Backbone,
    listener: &Listener,
) -> Result<HashMap<PathBuf, String>, Error> {
    let mut preprocessing = Preprocessing::for_training(opened)?;
    let resize = preprocessing.resize;
    preprocessing = Preprocessing { resize, ..asked.input.over(preprocessing)? };
    let checker = Checker::new(opened)?.preprocessing(preprocessing).cache(cache(asked));
    Ok(checker.copy_groups(inventory, &|step| listener.step(step))?.named)
}

/// Opens the weights in f32, unless their file is a model in int8, which then is trained on as it is.
fn open(asked: &Asked) -> Result<icecap::Backbone, Error> {
    let settings = asked.input.settings()?;
    let path = asked.weights.as_deref().unwrap_or(Path::new(weights_source::STARTER));
    let as_stated = Settings { precision: None, ..settings };
    let backbone = weights_source::open(path, asked.input.taken()?, as_stated)?;
    match settings.precision {
        Some(asked @ Precision::F32) if backbone.precision() != asked => {
            let record = Box::new(backbone.record().clone());
            Err(Error::IntegersAlone { path: path.to_owned(), asked, record })
        }
        _ => Ok(backbone),
    }
}

/// Returns the backbone that features are made with.
fn quantized(
    asked: &Asked,
    opened: &icecap::Backbone,
    dataset: &Dataset,
    preprocessing: Preprocessing,
    listener: &Listener,
) -> Result<icecap::Backbone, Error> {
    if opened.precision() == Precision::Int8 || asked.input.settings()?.precision != Some(Precision::Int8) {
        return Ok(opened.clone());
    }
    opened.calibrated(&dataset.calibration(), preprocessing, &|now| listener.photos("quantizing", now))
}

/// What came of a training.
enum Learned {
    Done(Box<Trained>),
    /// Photos cannot be read, among those by which the net may have been calibrated; these are the others.
    Readable(Dataset),
}

fn unbroken(
    trainer: &Trainer,
    dataset: &Dataset,
    is_calibrated: bool,
    listener: &Listener,
) -> Result<Learned, Error> {
    let others = Mutex::new(None);
    let trained = trainer.train(dataset, &|event| {
        if let (Event::Readable(dataset), true) = (event, is_calibrated) {
            *others.lock().unwrap_or_else(PoisonError::into_inner) = Some(dataset.clone());
            return ControlFlow::Break(());
        }
        listener.event(event)
    });
    match (others.into_inner().unwrap_or_else(PoisonError::into_inner), trained) {
        (Some(readable), Err(Error::Stopped)) => Ok(Learned::Readable(readable)),
        (_, trained) => Ok(Learned::Done(Box::new(trained?))),
    }
}

/// Returns `trained` with the share of training photos on which it agrees with itself in f32, if that is not its precision.
fn compared(
    trained: Trained,
    opened: &icecap::Backbone,
    cache: Option<&Arc<Cache>>,
    listener: &Listener,
) -> Result<Trained, Error> {
    if opened.precision() == trained.classifier.precision() {
        return Ok(trained);
    }
    let picked = trained.dataset.calibration();
    let photos: Vec<Source<'_>> = picked.seen.into_iter().chain(picked.judged).collect();
    let classifier =
        trained.classifier.compared(opened, &photos, cache, &|now| listener.photos("comparing", now))?;
    Ok(Trained { classifier, ..trained })
}
