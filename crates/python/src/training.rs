//! Training, from whatever it is asked for to a run.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use icecap::advanced::data::Cache;
use icecap::advanced::kernels::{Shape, Tensor};
use icecap::learn::FeatureSet;
use icecap::model::{Precision, Preprocessing};
use icecap::{Dataset, Error, Event, Settings, Source, Trained, Trainer};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyIterator;

use crate::backbone::Backbone;
use crate::classifier::Classifier;
use crate::listener::Listener;
use crate::metrics::metrics;
use crate::of_process::OfProcess;
use crate::photo_set::{Brought, PhotoSet};
use crate::train_options::{Asked, Listed};
use crate::weights_source;

/// What a training leaves.
#[pyclass(frozen, module = "icecap._icecap")]
pub(crate) struct Run {
    classifier: OfProcess<icecap::Classifier>,
    metrics: String,
    split: Vec<(&'static str, String, String)>,
}

#[pymethods]
impl Run {
    fn classifier(&self) -> PyResult<Classifier> {
        Ok(Classifier::of(self.classifier.get()?.clone()))
    }

    /// Returns the metrics as the text of a JSON object.
    fn metrics(&self) -> &str {
        &self.metrics
    }

    /// Returns the part, the class and the path of each photo.
    fn split(&self) -> Vec<(&'static str, String, String)> {
        self.split.clone()
    }
}

impl Run {
    fn of(trained: &Trained) -> Self {
        let dataset = &trained.dataset;
        let row = |(part, sample): (icecap::advanced::data::Part, &icecap::advanced::data::Sample)| {
            let path = sample.path.to_string_lossy().into_owned();
            (part.name(), dataset.classes[sample.class].clone(), path)
        };
        Self {
            classifier: OfProcess::new(trained.classifier.clone()),
            metrics: metrics(trained).to_string(),
            split: dataset.samples().map(row).collect(),
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
        let options = asked.options()?;
        let photos = listed.dealt(&asked, options.seed)?;
        Ok(Run::of(&on_photos(&asked, photos, &listener)?))
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
        let options = asked.options()?;
        let photos = brought.dealt(&asked, options.seed)?;
        Ok(Run::of(&on_photos(&asked, photos, &listener)?))
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
        let (labels, classes) = labels;
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
        Ok(Run::of(&trainer.train_on_features(classes, &set, share, &|event| listener.event(event))?))
    })
}

/// Trains on photos: with the net that is opened, or the same in int8, quantized with photos of the training.
fn on_photos(asked: &Asked, photos: PhotoSet, listener: &Listener) -> Result<Trained, Error> {
    let PhotoSet { mut dataset, groups } = photos;
    let options = asked.options()?;
    let sought = asked.sought(&dataset.classes)?;
    let opened = open(asked)?;
    let preprocessing = asked.input.over(Preprocessing::for_training(&opened)?)?;
    let cache = asked.cache.then(weights_source::cache_folder).flatten();
    let cache = cache.map(|folder| Arc::new(Cache::new(&folder.join("features"))));
    let trained = loop {
        let backbone = quantized(asked, &opened, &dataset, preprocessing, listener)?;
        let is_calibrated = backbone.precision() != opened.precision();
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
            Learned::Done(trained) => break *trained,
            Learned::Readable(readable) => dataset = readable,
        }
    };
    compared(trained, &opened, cache.as_ref(), listener)
}

/// Opens the weights in f32, unless their file is a model in int8, which then is trained on as it is.
fn open(asked: &Asked) -> Result<icecap::Backbone, Error> {
    let settings = asked.input.settings()?;
    let path = asked.weights.as_deref().unwrap_or(Path::new(weights_source::STARTER));
    let backbone = weights_source::open(path, Settings { precision: None, ..settings })?;
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
