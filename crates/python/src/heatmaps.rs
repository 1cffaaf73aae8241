//! Which places of photos spoke for a class.

use icecap::advanced::graph::Tap;
use icecap::advanced::kernels::Shape;
use icecap::explain::Heatmaps;
use icecap::{Classifier, Error, Predictor, Source};
use pyo3::prelude::*;
use pyo3::types::PyIterator;

use crate::array::Array;
use crate::batch::{Batch, Outcomes, Report};
use crate::failure::exception;
use crate::photo::Photo;
use crate::pool::Pool;

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
