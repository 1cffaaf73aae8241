//! A trained classifier that several threads of Python may share.

use std::path::{Path, PathBuf};

use icecap::advanced::data::{Error as DataError, ExifPolicy, Limits, Views};
use icecap::advanced::kernels::Shape;
use icecap::model::{Columns, Pool, Row};
use icecap::{Error, Prediction, Predictor, SaveBackbone, Settings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyIterator};

use crate::array::Array;
use crate::backbone::Backbone;
use crate::batch::{Batch, Failed, Outcomes};
use crate::heatmaps::Maps;
use crate::of_process::OfProcess;
use crate::photo::Photo;
use crate::row_options::RowOptions;
use crate::work::Watch;

/// A classifier with a predictor for each caller that it had at once.
struct Shared {
    classifier: icecap::Classifier,
    plain: Pool<Predictor>,
    mirrored: Pool<Predictor>,
    maps: Maps,
}

/// A trained classifier.
#[pyclass(frozen, module = "icecap._icecap")]
pub(crate) struct Classifier {
    own: OfProcess<Shared>,
}

/// What a model file is opened on.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Opening<'py> {
    backbone: Option<Bound<'py, Backbone>>,
    threads: usize,
    max_pixels: Option<u64>,
}

impl Opening<'_> {
    /// Opens a model by `open`, which gets a builder, on the backbone that is given or its own.
    fn open(
        &self,
        py: Python<'_>,
        open: impl Fn(&icecap::model::ClassifierBuilder<'_>) -> Result<icecap::Classifier, Error> + Sync,
    ) -> PyResult<Classifier> {
        let limits = self.max_pixels.map_or_else(Limits::default, Limits::of_pixels);
        let settings = Settings { threads: self.threads, limits, ..Settings::default() };
        let backbone = self.backbone.as_ref().map(|backbone| backbone.get().facade()).transpose()?;
        let builder = icecap::Classifier::builder().settings(settings);
        let opened = Watch::new(py)?.run(py, || match backbone {
            Some(backbone) => open(&builder.backbone(&backbone.clone().with_limits(limits))),
            None => open(&builder),
        });
        Ok(Classifier::of(opened?))
    }
}

impl Classifier {
    pub(crate) fn of(classifier: icecap::Classifier) -> Self {
        let (plain, mirrored) = (Pool::default(), Pool::default());
        let maps = Maps::new(&classifier);
        Self { own: OfProcess::new(Shared { classifier, plain, mirrored, maps }) }
    }

    pub(crate) fn facade(&self) -> PyResult<&icecap::Classifier> {
        Ok(&self.own.get()?.classifier)
    }
}

impl Shared {
    /// Lends a predictor to `work`.
    fn predict<T>(
        &self,
        mirrored: bool,
        work: impl FnOnce(&mut Predictor) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (pool, views) =
            if mirrored { (&self.mirrored, Views::Mirrored) } else { (&self.plain, Views::Plain) };
        pool.with(|| Ok(self.classifier.predictor()?.with_views(views)), work)
    }

    /// Predicts a batch, window by window, and hands each to `take` with what came of its photos.
    ///
    /// # Errors
    /// What [`Batch::window`], [`Batch::run`] and `take` return.
    fn over<'py>(
        &self,
        batch: &mut Batch<'py>,
        mirrored: bool,
        mut take: impl FnMut(&mut Batch<'py>, &[Photo], Outcomes<Prediction>) -> PyResult<()>,
    ) -> PyResult<()> {
        loop {
            let window = batch.window()?;
            if window.is_empty() {
                return Ok(());
            }
            let outcomes = batch.run(&window, |sources, report| {
                self.predict(mirrored, |predictor| predictor.predict(sources, report))
            })?;
            take(batch, &window, outcomes)?;
        }
    }
}

/// Returns the row of a photo.
fn row(columns: &Columns, classes: &[String], photo: &Photo, outcome: Result<Prediction, Failed>) -> Row {
    let path = photo.path().unwrap_or(Path::new(""));
    match outcome {
        Ok(prediction) => columns.row(path, classes, &Ok(prediction)),
        Err(Failed::Content(error)) => columns.row(path, classes, &Err(error)),
        Err(Failed::Python(error)) => {
            let mut row = columns.row(path, classes, &Err(DataError::Empty));
            row.error = Some(error.to_string());
            row
        }
    }
}

#[pymethods]
impl Classifier {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, opening: Opening<'_>) -> PyResult<Self> {
        opening.open(py, |builder| builder.open(&path))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: PyBackedBytes, opening: Opening<'_>) -> PyResult<Self> {
        opening.open(py, |builder| builder.bytes(&bytes, "the model's bytes"))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let classifier = self.facade()?;
        let bytes = Watch::new(py)?.run(py, || classifier.to_bytes(SaveBackbone::Embedded))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn save(&self, py: Python<'_>, path: PathBuf, head_only: bool) -> PyResult<()> {
        let classifier = self.facade()?;
        let backbone = if head_only { SaveBackbone::Pinned } else { SaveBackbone::Embedded };
        Watch::new(py)?.run(py, || classifier.save(&path, backbone))
    }

    fn classes(&self) -> PyResult<Vec<String>> {
        Ok(self.facade()?.classes().to_vec())
    }

    fn backbone(&self) -> PyResult<Backbone> {
        let classifier = self.facade()?;
        Ok(Backbone::of(classifier.backbone().clone(), classifier.preprocessing()))
    }

    fn training(&self) -> PyResult<std::collections::BTreeMap<String, String>> {
        Ok(self.facade()?.training().clone())
    }

    fn temperature(&self) -> PyResult<f32> {
        Ok(self.facade()?.temperature())
    }

    fn threshold(&self) -> PyResult<f32> {
        Ok(self.facade()?.threshold())
    }

    fn turns_upright(&self) -> PyResult<bool> {
        Ok(self.facade()?.preprocessing().exif == ExifPolicy::default())
    }

    fn limits(&self) -> PyResult<(u64, u64)> {
        let limits = self.facade()?.backbone().limits();
        Ok((limits.file_bytes, limits.pixels))
    }

    /// Returns the rows of the photos as the text of a JSON array, and the bytes of a heatmap's file for each photo that can be
    /// used, if such are wanted. `how` says whether mirror images are looked at, too, and whether heatmaps are drawn.
    fn predict<'py>(
        &self,
        photos: Bound<'py, PyIterator>,
        options: RowOptions,
        how: (bool, bool),
        raises: bool,
    ) -> PyResult<(String, Vec<Option<Bound<'py, PyBytes>>>)> {
        let ((mirrored, draws), shared) = (how, self.own.get()?);
        let (columns, classes) = (options.columns(&shared.classifier)?, shared.classifier.classes());
        let mut batch = Batch::new(photos, raises)?;
        let (mut rows, mut drawn) = (Vec::new(), Vec::new());
        shared.over(&mut batch, mirrored, |batch, window, outcomes| {
            if draws {
                drawn.extend(shared.maps.drawn(batch, window, &outcomes)?);
            }
            let each = window.iter().zip(outcomes);
            rows.extend(each.map(|(photo, outcome)| row(&columns, classes, photo, outcome)));
            Ok(())
        })?;
        let rows = serde_json::to_string(&rows).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((rows, drawn))
    }

    /// Returns the probability of each class for each photo, and the exception of each photo that has none.
    fn probabilities(
        &self,
        photos: Bound<'_, PyIterator>,
        mirrored: bool,
        raises: bool,
    ) -> PyResult<(Array, Vec<Option<PyErr>>)> {
        let shared = self.own.get()?;
        let classes = shared.classifier.classes().len();
        let mut batch = Batch::new(photos, raises)?;
        let mut values = Vec::new();
        shared.over(&mut batch, mirrored, |batch, window, outcomes| {
            for prediction in batch.results(window, outcomes) {
                match prediction {
                    Some(prediction) => values.extend_from_slice(&prediction.probabilities),
                    None => values.extend(std::iter::repeat_n(f32::NAN, classes)),
                }
            }
            Ok(())
        })?;
        Ok((Array::of_rows(values, &Shape::of([classes])), batch.into_errors()))
    }

    /// Returns which places of each photo spoke for `class`, or else for the class that is predicted.
    fn heatmaps(
        &self,
        photos: Bound<'_, PyIterator>,
        class: Option<usize>,
        raises: bool,
    ) -> PyResult<(Array, Vec<Option<PyErr>>)> {
        self.own.get()?.maps.of(photos, class, raises)
    }

    /// Returns what the head says of rows of pooled features, `len` numbers each, in native byte order: the probability of
    /// each class.
    fn of_features(&self, py: Python<'_>, rows: PyBackedBytes, len: usize) -> PyResult<Array> {
        let classifier = self.facade()?;
        if len != classifier.head().features() {
            let needed = classifier.head().features();
            let message = format!("features: {len} a row, and this classifier has a head for {needed}");
            return Err(PyValueError::new_err(message));
        }
        let classes = classifier.classes().len();
        let values = Watch::new(py)?.run(py, || {
            let mut row = vec![0.0; len];
            let mut values = Vec::with_capacity(rows.len() / 4 / len.max(1) * classes);
            for bytes in rows.chunks_exact(4 * len.max(1)) {
                for (value, bytes) in row.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_ne_bytes(*bytes);
                }
                values.extend_from_slice(&classifier.of_features(&row).probabilities);
            }
            Ok(values)
        })?;
        Ok(Array::of_rows(values, &Shape::of([classes])))
    }
}
