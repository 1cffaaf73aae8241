//! What one caller needs to predict many photos with the same memory.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use icecap_data::{Cache, Views};
use icecap_graph::Tap;

use crate::error::Error;
use crate::model::classifier::Classifier;
use crate::model::extraction::Extracted;
use crate::model::extractor::Extractor;
use crate::model::prediction::Prediction;
use crate::model::progress::Progress;
use crate::model::source::Source;

impl Classifier {
    /// Predicts the class of the photo in a file. A [`Predictor`] is the way for many photos.
    ///
    /// # Errors
    /// [`Error::Data`] with the path and the reason if it cannot be read.
    pub fn predict_file(&self, path: impl AsRef<Path>) -> Result<Prediction, Error> {
        self.predict(Source::Path(path.as_ref()))
    }

    /// Predicts the class of a photo from the bytes of its file.
    ///
    /// # Errors
    /// [`Error::Data`] with the reason if they cannot be read.
    pub fn predict_bytes(&self, bytes: &[u8]) -> Result<Prediction, Error> {
        self.predict(Source::Bytes(bytes))
    }

    /// Predicts the class of one photo, wherever it comes from. A [`Predictor`] is the way for many photos: it keeps its
    /// memory from one to the next and goes over them on all threads.
    ///
    /// # Errors
    /// [`Error::Data`] with the reason if the photo cannot be read.
    pub fn predict(&self, photo: Source<'_>) -> Result<Prediction, Error> {
        let mut all = self.predictor()?.predict(&[photo], &|_| ControlFlow::Continue(()))?;
        match all.pop() {
            Some(prediction) => Ok(prediction?),
            None => Err(Error::Stopped),
        }
    }

    /// Returns a predictor: what one caller needs to predict many photos with the same memory.
    ///
    /// # Errors
    /// [`Error::Graph`] if the model's size does not fit its net.
    pub fn predictor(&self) -> Result<Predictor, Error> {
        let extractor = Extractor::new(self.backbone(), self.preprocessing(), Tap::Pooled)?;
        Ok(Predictor { classifier: self.clone(), extractor, rows: Vec::new() })
    }
}

/// Predicts photos in batches, on all threads of the classifier's backbone, with memory that is kept from one batch to the
/// next. It owns its classifier, so it can go to another thread.
pub struct Predictor {
    classifier: Classifier,
    extractor: Extractor,
    rows: Vec<f32>,
}

impl Predictor {
    /// Makes the predictor take features from `cache` and keep there those that it computes.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<Cache>>) -> Self {
        self.extractor = self.extractor.with_cache(cache);
        self
    }

    /// Makes the predictor look at each photo in several ways and take the mean of the logits (test-time augmentation).
    #[must_use]
    pub fn with_views(mut self, views: Views) -> Self {
        self.extractor = self.extractor.with_views(views);
        self
    }

    /// Predicts the class of each photo, or says why it cannot be read. Of several photos each goes to one thread; one alone is
    /// shared by the threads. `progress` is called by the threads after each photo and can stop the work.
    ///
    /// # Errors
    /// [`Error::Stopped`] if `progress` breaks.
    pub fn predict(
        &mut self,
        photos: &[Source<'_>],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Prediction, icecap_data::Error>>, Error> {
        self.of_features(photos.len(), |extractor, rows| extractor.extract(photos, rows, progress))
    }

    /// Does what [`Predictor::predict`] does, on the caller's thread alone: for a server that has a thread for each photo. The
    /// bits are the same.
    ///
    /// # Errors
    /// What [`Predictor::predict`] returns.
    pub fn predict_on_caller(
        &mut self,
        photos: &[Source<'_>],
        progress: &(dyn Fn(Progress) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<Result<Prediction, icecap_data::Error>>, Error> {
        self.of_features(photos.len(), |extractor, rows| extractor.extract_on_caller(photos, rows, progress))
    }

    /// The predictions of so many photos whose features `extract` writes into the rows that it is given.
    fn of_features(
        &mut self,
        photos: usize,
        extract: impl FnOnce(&mut Extractor, &mut [f32]) -> Result<Outcomes, Error>,
    ) -> Result<Vec<Result<Prediction, icecap_data::Error>>, Error> {
        let len = self.extractor.row_len();
        let photo_len = len * self.extractor.views();
        self.rows.resize(photos * photo_len, 0.0);
        let outcomes = extract(&mut self.extractor, &mut self.rows)?;
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

/// What is known of photos whose features were made.
type Outcomes = Vec<Result<Extracted, icecap_data::Error>>;
