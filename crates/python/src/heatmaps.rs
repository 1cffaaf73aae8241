//! Which places of photos spoke for a class.

use icecap::advanced::graph::Tap;
use icecap::advanced::kernels::Shape;
use icecap::explain::Heatmaps;
use icecap::model::Pool;
use icecap::{Classifier, Error, Prediction, Predictor, Source};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator};

use crate::array::Array;
use crate::batch::{Batch, Outcomes, Report};
use crate::failure::exception;
use crate::photo::Photo;

/// The most pixels of the longer side of a drawn heatmap, as that of `icecap predict --heatmap`.
const LONGEST_SIDE: usize = 1024;

/// What draws heatmaps of a classifier, for each caller that it had at once.
pub(crate) struct Maps {
    classifier: Classifier,
    idle: Pool<(Predictor, Heatmaps)>,
}

impl Maps {
    pub(crate) fn new(classifier: &Classifier) -> Self {
        Self { classifier: classifier.clone(), idle: Pool::default() }
    }

    /// Returns the map of each photo, for `class` or else for the one that is predicted, and the exception of each photo that
    /// has none.
    pub(crate) fn of(
        &self,
        photos: Bound<'_, PyIterator>,
        class: Option<usize>,
        raises: bool,
    ) -> PyResult<(Array, Vec<Option<PyErr>>)> {
        let size = self.classifier.preprocessing().size();
        let plan = self.classifier.backbone().plan(size, Tap::Features, 1);
        let whole = plan.map_err(|error| exception(&error, None))?.output_shape();
        let row = Shape::of([whole.dims()[0], whole.dims()[1]]);
        let mut batch = Batch::new(photos, raises)?;
        let mut values = Vec::new();
        loop {
            let window = batch.window()?;
            if window.is_empty() {
                return Ok((Array::of_rows(values, &row), batch.into_errors()));
            }
            let outcomes = self.window(&mut batch, &window, class)?;
            for map in batch.results(&window, outcomes) {
                match map {
                    Some(map) => values.extend(map),
                    None => values.extend(std::iter::repeat_n(f32::NAN, row.elements())),
                }
            }
        }
    }

    /// Returns the bytes of a file for each photo of a window that a prediction was made of: its map for that class, drawn over it.
    pub(crate) fn drawn<'py>(
        &self,
        batch: &mut Batch<'py>,
        window: &[Photo],
        predictions: &Outcomes<Prediction>,
    ) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
        let usable = window.iter().zip(predictions).filter(|(photo, _)| photo.source().is_ok());
        let classes: Vec<Option<usize>> =
            usable.map(|(_, said)| said.as_ref().ok().map(|said| said.class)).collect();
        let make = || Ok::<_, Error>((self.classifier.predictor()?, Heatmaps::new(&self.classifier)?));
        let outcomes = batch.run(window, |sources: &[Source<'_>], _| {
            self.idle.with(make, |(_, heatmaps)| {
                let each = sources.iter().zip(classes);
                each.map(|(&photo, class)| {
                    Ok(Ok(class.map(|class| draw(heatmaps, photo, class)).transpose()?))
                })
                .collect()
            })
        })?;
        let py = batch.py();
        let bytes = |png: Vec<u8>| PyBytes::new(py, &png);
        Ok(outcomes.into_iter().map(|drawn| drawn.ok().flatten().flatten().map(bytes)).collect())
    }

    fn window(
        &self,
        batch: &mut Batch<'_>,
        window: &[Photo],
        class: Option<usize>,
    ) -> PyResult<Outcomes<Vec<f32>>> {
        let make = || Ok::<_, Error>((self.classifier.predictor()?, Heatmaps::new(&self.classifier)?));
        batch.run(window, |sources: &[Source<'_>], report: Report<'_>| {
            self.idle.with(make, |(predictor, heatmaps)| {
                let maps = heatmaps.of(sources, report)?;
                let classes: Vec<usize> = match class {
                    Some(class) => vec![class; sources.len()],
                    None => {
                        let said = predictor.predict(sources, report)?;
                        said.into_iter().map(|said| said.map_or(0, |said| said.class)).collect()
                    }
                };
                let each = maps.into_iter().zip(classes);
                Ok(each.map(|(map, class)| map.map(|map| map.of_class(class))).collect())
            })
        })
    }
}

/// Returns the bytes of a PNG file with the map of `class` over its photo; `None` if that cannot be read any more.
fn draw(heatmaps: &mut Heatmaps, photo: Source<'_>, class: usize) -> Result<Option<Vec<u8>>, Error> {
    let overlay = match heatmaps.overlay(photo, Some(class), LONGEST_SIDE) {
        Err(Error::Data(_)) => return Ok(None),
        overlay => overlay?,
    };
    let mut png = Vec::new();
    // Writing to memory does not fail.
    let written = overlay.write_png(&mut png);
    Ok(written.is_ok().then_some(png))
}
