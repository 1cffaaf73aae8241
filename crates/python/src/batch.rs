//! A call's photos, window by window, with an error in the place of each that cannot be used.

use std::ops::ControlFlow;

use icecap::advanced::data::Error as DataError;
use icecap::model::Progress;
use icecap::{Error, Source};
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::failure::{exception, in_place};
use crate::photo::{Photo, window};
use crate::work::Watch;

/// Why a photo has no result.
pub(crate) enum Failed {
    /// The library cannot read it.
    Content(DataError),
    /// Python had none to give.
    Python(PyErr),
}

impl Failed {
    /// Returns the exception. A photo that the library refuses and that has no path is told by its place.
    fn exception(self, py: Python<'_>, place: usize, photo: &Photo) -> PyErr {
        match self {
            Self::Content(error) => exception(&error.into(), photo.path().is_none().then_some(place)),
            Self::Python(error) => in_place(py, &error, place),
        }
    }
}

/// What work hears after each photo and can stop by.
pub(crate) type Report<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);
/// What came of the photos of a window.
pub(crate) type Outcomes<T> = Vec<Result<T, Failed>>;

/// The photos of one call.
pub(crate) struct Batch<'py> {
    photos: Bound<'py, PyIterator>,
    /// Whether the first photo that cannot be used is an error of the call.
    raises: bool,
    watch: Watch,
    /// Photos of the windows that have been.
    before: usize,
    /// The exception of each photo so far, `None` for those that have a result.
    errors: Vec<Option<PyErr>>,
}

impl<'py> Batch<'py> {
    /// Makes a batch of whatever the iterator yields.
    pub(crate) fn new(photos: Bound<'py, PyIterator>, raises: bool) -> PyResult<Self> {
        let watch = Watch::new(photos.py())?;
        Ok(Self { photos, raises, watch, before: 0, errors: Vec::new() })
    }

    /// Returns the interpreter that the photos come from.
    pub(crate) fn py(&self) -> Python<'py> {
        self.photos.py()
    }

    /// Takes the next photos; there are none at the end.
    pub(crate) fn window(&mut self) -> PyResult<Vec<Photo>> {
        window(&mut self.photos)
    }

    /// Carries the photos of a window through `work`, which gets those that there are.
    ///
    /// # Errors
    /// The exception of the first photo that has no result, if that is to end the call, and whatever ends the work.
    pub(crate) fn run<T: Send>(
        &mut self,
        window: &[Photo],
        work: impl FnOnce(&[Source<'_>], Report<'_>) -> Result<Vec<Result<T, DataError>>, Error> + Send,
    ) -> PyResult<Outcomes<T>> {
        let py = self.photos.py();
        let sources: Vec<Source<'_>> = window.iter().filter_map(|photo| photo.source().ok()).collect();
        let watch = &self.watch;
        let came = watch.run(py, || work(&sources, &|_| watch.flow()))?;
        let mut came = came.into_iter();
        let mut outcomes = Vec::with_capacity(window.len());
        for (index, photo) in window.iter().enumerate() {
            let outcome = match photo.source() {
                Ok(_) => match came.next() {
                    Some(outcome) => outcome.map_err(Failed::Content),
                    None => return Err(exception(&Error::Stopped, None)),
                },
                Err(error) => Err(Failed::Python(error.clone_ref(py))),
            };
            if self.raises
                && let Err(failed) = outcome
            {
                return Err(failed.exception(py, self.before + index, photo));
            }
            outcomes.push(outcome);
        }
        self.before += window.len();
        Ok(outcomes)
    }

    /// Keeps the exceptions of a window's photos, and returns their results.
    pub(crate) fn results<T>(&mut self, window: &[Photo], outcomes: Outcomes<T>) -> Vec<Option<T>> {
        let (py, first) = (self.photos.py(), self.errors.len());
        let each = window.iter().zip(outcomes).enumerate();
        each.map(|(index, (photo, outcome))| {
            let (result, error) = match outcome {
                Ok(result) => (Some(result), None),
                Err(failed) => (None, Some(failed.exception(py, first + index, photo))),
            };
            self.errors.push(error);
            result
        })
        .collect()
    }

    /// Returns the exceptions of the photos whose results were asked for, `None` for a photo that has one.
    pub(crate) fn into_errors(self) -> Vec<Option<PyErr>> {
        self.errors
    }
}
