//! What a classifier says of a photo, as a caller holds it.

use std::ffi::{CString, c_char};

use icecap::advanced::foundation::shown::plain;
use icecap::model::Columns;
use icecap::{Classifier, advanced::data};

use crate::boundary::{free, read};
use crate::handle::{Content, Handle, held};
use crate::photo::Readable;
use crate::status::Failure;

/// What a classifier says of one photo. Belongs to the caller, who frees it; it needs its classifier no longer.
#[derive(Debug)]
pub struct Prediction(Handle<Said>);

/// What was said.
#[derive(Debug)]
pub(crate) struct Said {
    class: usize,
    label: CString,
    probabilities: Vec<f32>,
    json: CString,
}

impl Content for Said {
    const NAME: &'static str = "prediction";
    const MAGIC: u32 = 0x1ce0_5a1d;
}

impl Prediction {
    /// Takes what a classifier said of a photo.
    pub(crate) fn of(
        classifier: &Classifier,
        photo: &Readable<'_>,
        said: Result<icecap::Prediction, data::Error>,
    ) -> Result<Self, Failure> {
        let row = Columns::of(classifier).row(photo.path(), classifier.classes(), &said);
        let said = said?;
        // JSON spells zero bytes out, and of names a classifier that was opened has none with such.
        let json = serde_json::to_string(&row).map_err(|error| Failure::bug(&error))?;
        let json = CString::new(plain(&json).into_owned()).map_err(|error| Failure::bug(&error))?;
        let label = CString::new(said.label).map_err(|error| Failure::bug(&error))?;
        let (class, probabilities) = (said.class, said.probabilities);
        Ok(Self(Handle::new(Said { class, label, probabilities, json })))
    }
}

fn said(prediction: Option<&Prediction>) -> Result<&Said, Failure> {
    held(prediction.map(|prediction| &prediction.0))
}

/// Returns the index of the predicted class, of `icecap_classifier_class`; SIZE_MAX for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_prediction_class(prediction: Option<&Prediction>) -> usize {
    read(usize::MAX, || Ok(said(prediction)?.class))
}

/// Returns the name of the predicted class, UTF-8, which lives as long as the prediction; NULL for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_prediction_label(prediction: Option<&Prediction>) -> *const c_char {
    read(std::ptr::null(), || Ok(said(prediction)?.label.as_ptr()))
}

/// Returns the probability of the predicted class, from 0 to 1; NaN for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_prediction_probability(prediction: Option<&Prediction>) -> f32 {
    read(f32::NAN, || {
        let said = said(prediction)?;
        Ok(said.probabilities.get(said.class).copied().unwrap_or(f32::NAN))
    })
}

/// Returns the probability of every class, as many as `icecap_classifier_classes` says and in that order. They live as long as
/// the prediction. Returns NULL for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_prediction_probabilities(prediction: Option<&Prediction>) -> *const f32 {
    read(std::ptr::null(), || Ok(said(prediction)?.probabilities.as_ptr()))
}

/// Returns the prediction as a JSON object on one line, the one that `icecap predict --json` prints of the photo, with the
/// path `-` for a photo in memory. It lives as long as the prediction. Returns NULL for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_prediction_json(prediction: Option<&Prediction>) -> *const c_char {
    read(std::ptr::null(), || Ok(said(prediction)?.json.as_ptr()))
}

/// Frees a prediction. NULL is allowed.
///
/// Threads: any, while no other call uses the prediction.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_prediction_free(prediction: Option<Box<Prediction>>) {
    free(prediction, |prediction| prediction.0.end());
}
