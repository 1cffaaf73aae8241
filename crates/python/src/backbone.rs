//! A frozen backbone that several threads of Python may share.

use std::path::PathBuf;

use icecap::advanced::data::{ExifPolicy, Limits};
use icecap::advanced::graph::{Tap, UnknownPrecision};
use icecap::advanced::weights::parse_scaling;
use icecap::model::{Extractor, Pool, Preprocessing};
use icecap::{Error, Settings};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::array::Array;
use crate::batch::Batch;
use crate::failure::exception;
use crate::of_process::OfProcess;
use crate::weights_source::{self, Taken};
use crate::work::Watch;

/// A backbone, how photos become its input, and an extractor for each caller that it had at once.
struct Shared {
    backbone: icecap::Backbone,
    preprocessing: Preprocessing,
    pooled: Pool<Extractor>,
    maps: Pool<Extractor>,
}

/// A frozen backbone: photos to features.
#[pyclass(frozen, module = "icecap._icecap")]
pub(crate) struct Backbone {
    own: OfProcess<Shared>,
}

/// What weights are opened with: what is `None` is as the weights say.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Opening {
    size: Option<[usize; 2]>,
    resize: Option<String>,
    exif: Option<String>,
    dct: Option<String>,
    scaling: Option<String>,
    pub(crate) ema: bool,
    precision: Option<String>,
    threads: usize,
    max_pixels: Option<u64>,
}

impl Opening {
    /// Returns the settings of what the backbone runs on.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let read = |text: &String| {
            let wrong =
                |error: UnknownPrecision| Error::Setting { what: "precision", reason: error.to_string() };
            text.parse().map_err(wrong)
        };
        let precision = self.precision.as_ref().map(read).transpose()?;
        let limits = self.max_pixels.map_or_else(Limits::default, Limits::of_pixels);
        Ok(Settings { threads: self.threads, limits, precision, ..Settings::default() })
    }

    /// Returns what is taken of the weights.
    pub(crate) fn taken(&self) -> Result<Taken, Error> {
        let wrong = |reason| Error::Setting { what: "scaling", reason };
        let scaling = self.scaling.as_deref().map(|text| parse_scaling(text).map_err(wrong)).transpose()?;
        Ok(Taken { scaling, ema: self.ema })
    }

    /// Returns `preprocessing` with what the options override.
    pub(crate) fn over(&self, mut preprocessing: Preprocessing) -> Result<Preprocessing, Error> {
        if let Some([height, width]) = self.size {
            (preprocessing.resize.height, preprocessing.resize.width) = (height, width);
        }
        if let Some(mode) = &self.resize {
            preprocessing.resize.mode = mode.parse()?;
        }
        if let Some(exif) = &self.exif {
            preprocessing.exif = exif.parse()?;
        }
        if let Some(dct) = &self.dct {
            preprocessing.dct = dct.parse()?;
        }
        Ok(preprocessing)
    }
}

impl Backbone {
    pub(crate) fn of(backbone: icecap::Backbone, preprocessing: Preprocessing) -> Self {
        let (pooled, maps) = (Pool::default(), Pool::default());
        Self { own: OfProcess::new(Shared { backbone, preprocessing, pooled, maps }) }
    }

    pub(crate) fn facade(&self) -> PyResult<&icecap::Backbone> {
        Ok(&self.own.get()?.backbone)
    }

    pub(crate) fn preprocessing(&self) -> PyResult<Preprocessing> {
        Ok(self.own.get()?.preprocessing)
    }
}

impl Shared {
    /// Makes an extractor of what leaves the net at `tap`.
    fn extractor(&self, tap: Tap) -> Result<Extractor, Error> {
        Extractor::new(&self.backbone, self.preprocessing, tap)
    }

    fn pool(&self, tap: Tap) -> &Pool<Extractor> {
        if tap == Tap::Features { &self.maps } else { &self.pooled }
    }

    /// Computes what leaves the net at `tap` for each photo.
    fn extract(
        &self,
        photos: Bound<'_, PyIterator>,
        tap: Tap,
        raises: bool,
    ) -> PyResult<(Array, Vec<Option<PyErr>>)> {
        let row = self.extractor(tap).map_err(|error| exception(&error, None))?.row_shape();
        let len = row.elements();
        let mut batch = Batch::new(photos, raises)?;
        let mut values: Vec<f32> = Vec::new();
        loop {
            let window = batch.window()?;
            if window.is_empty() {
                break;
            }
            let first = values.len();
            values.try_reserve(window.len() * len).map_err(|_| {
                PyMemoryError::new_err("not enough memory for the features; ask for fewer photos at once")
            })?;
            values.resize(first + window.len() * len, f32::NAN);
            let rows = &mut values[first..];
            let outcomes = batch.run(&window, |sources, report| {
                let rows = &mut rows[..sources.len() * len];
                self.pool(tap)
                    .with(|| self.extractor(tap), |extractor| extractor.extract(sources, rows, report))
            })?;
            spread(rows, len, &window.iter().map(|photo| photo.source().is_ok()).collect::<Vec<_>>());
            batch.results(&window, outcomes);
        }
        Ok((Array::of_rows(values, &row), batch.into_errors()))
    }
}

/// Moves rows, which are those of the places that are `taken`, to these places, and leaves NaN in the others.
fn spread(rows: &mut [f32], len: usize, taken: &[bool]) {
    let mut from = taken.iter().filter(|taken| **taken).count();
    for to in (0..taken.len()).rev() {
        if taken[to] {
            from -= 1;
            rows.copy_within(from * len..(from + 1) * len, to * len);
        } else {
            rows[to * len..(to + 1) * len].fill(f32::NAN);
        }
    }
}

#[pymethods]
impl Backbone {
    #[staticmethod]
    fn open(py: Python<'_>, asked: PathBuf, opening: Opening) -> PyResult<Self> {
        let (backbone, preprocessing) = Watch::new(py)?.run(py, || {
            let backbone = weights_source::open(&asked, opening.taken()?, opening.settings()?)?;
            let preprocessing = opening.over(Preprocessing::for_training(&backbone)?)?;
            // A size that the net does not have is an error now.
            backbone.plan(preprocessing.size(), Tap::Pooled, 1)?;
            Ok((backbone, preprocessing))
        })?;
        Ok(Self::of(backbone, preprocessing))
    }

    fn features(&self, photos: Bound<'_, PyIterator>, raises: bool) -> PyResult<(Array, Vec<Option<PyErr>>)> {
        self.own.get()?.extract(photos, Tap::Pooled, raises)
    }

    fn maps(&self, photos: Bound<'_, PyIterator>, raises: bool) -> PyResult<(Array, Vec<Option<PyErr>>)> {
        self.own.get()?.extract(photos, Tap::Features, raises)
    }

    fn size(&self) -> PyResult<[usize; 2]> {
        Ok(self.preprocessing()?.size())
    }

    fn width(&self) -> PyResult<usize> {
        Ok(self.facade()?.features())
    }

    fn precision(&self) -> PyResult<String> {
        Ok(self.facade()?.precision().to_string())
    }

    fn sha256(&self) -> PyResult<String> {
        Ok(self.facade()?.net_sha256().to_string())
    }

    fn preprocessing_text(&self) -> PyResult<String> {
        Ok(self.preprocessing()?.to_string())
    }

    fn turns_upright(&self) -> PyResult<bool> {
        Ok(self.preprocessing()?.exif == ExifPolicy::default())
    }

    fn limits(&self) -> PyResult<(u64, u64)> {
        let limits = self.facade()?.limits();
        Ok((limits.file_bytes, limits.pixels))
    }

    fn notes(&self) -> PyResult<Vec<String>> {
        Ok(self.facade()?.notes().to_vec())
    }

    fn threads(&self) -> PyResult<usize> {
        Ok(self.facade()?.threads().count())
    }
}
