//! What one caller needs to predict many photos with the same memory.

use std::ops::ControlFlow;
use std::sync::Arc;

use icecap_data::{Cache, Views};

use crate::{Classifier, Error, Extracted, Extractor, Prediction, Progress, Source};

/// Predicts photos in batches, on all threads of the classifier's backbone.
pub struct Predictor<'a> {
    classifier: &'a Classifier,
    extractor: Extractor,
    rows: Vec<f32>,
}

impl<'a> Predictor<'a> {
    pub(crate) fn new(classifier: &'a Classifier, extractor: Extractor) -> Self {
        Self { classifier, extractor, rows: Vec::new() }
    }

    /// Keeps features in `cache` and takes them from there.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.extractor = self.extractor.with_cache(cache);
        self
    }

    /// Looks at each photo in several ways, and takes the mean of what the head says (test-time augmentation).
    #[must_use]
    pub fn with_views(mut self, views: Views) -> Self {
        self.extractor = self.extractor.with_views(views);
        self
    }

    /// The class of each photo, or why it cannot be read. `progress` is called by the threads after each photo and can
    /// stop the work.
    ///
    /// # Errors
    /// [`Error::Stopped`] where `progress` breaks.
    pub fn predict(
        &mut self,
        photos: &[Source<'_>],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Prediction, icecap_data::Error>>, Error> {
        let len = self.extractor.row_len();
        let photo_len = len * self.extractor.views();
        self.rows.resize(photos.len() * photo_len, 0.0);
        let outcomes = self.extractor.extract(photos, &mut self.rows, progress)?;
        let rows = self.rows.chunks_exact(photo_len);
        let predict = |photo: Extracted, rows| Prediction {
            warnings: photo.warnings,
            ..self.classifier.of_views(rows, len)
        };
        Ok(outcomes
            .into_iter()
            .zip(rows)
            .map(|(photo, rows)| photo.map(|photo| predict(photo, rows)))
            .collect())
    }
}
