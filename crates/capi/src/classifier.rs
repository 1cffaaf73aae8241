//! A classifier as a caller holds it: opened from a file or from memory, asked what is on photos.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;

use icecap::advanced::data::Limits;
use icecap::model::Pool;
use icecap::{Classifier as Model, Predictor};

use crate::batch::{Batch, Outcome, Placed, Running, Watch, Work, sources};
use crate::boundary::{array, free, path, places, read, string};
use crate::error::Error;
use crate::handle::{Content, Handle, held};
use crate::options::Options;
use crate::outcome::make;
use crate::photo::{Photo, Readable};
use crate::prediction::Prediction;
use crate::status::{Failure, Status};

/// A trained classifier. Belongs to the caller, who frees it.
#[derive(Debug)]
pub struct Classifier(Handle<Opened>);

/// What is kept of an open model.
pub(crate) struct Opened {
    model: Model,
    classes: Vec<CString>,
    predictors: Pool<Predictor>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.model.fmt(f)
    }
}

impl Content for Opened {
    const NAME: &'static str = "classifier";
    const MAGIC: u32 = 0x1ce0_c1a5;
}

impl Classifier {
    fn of(model: Model) -> Result<Self, Failure> {
        // A name may hold any character in a model, and no zero byte in C.
        let name = |name: &String| {
            let reason = || format!("the name of class {name:?} has a zero byte, as no string in C can");
            CString::new(name.as_str()).map_err(|_| Failure::new(Status::BadInput, reason()))
        };
        let classes = model.classes().iter().map(name).collect::<Result<_, _>>()?;
        Ok(Self(Handle::new(Opened { model, classes, predictors: Pool::default() })))
    }
}

impl Opened {
    fn predict(&self, photos: &[Placed<'_>], watch: &Watch<'_>) -> Result<Vec<Answer>, Failure> {
        let new = || Ok::<_, Failure>(self.model.predictor()?);
        let all = self.predictors.with(new, |predictor| Ok(predictor.predict(&sources(photos), watch)?))?;
        let answers = all.into_iter().zip(photos);
        Ok(answers.map(|(said, photo)| Prediction::of(&self.model, &photo.photo, said)).collect())
    }

    fn limits(&self) -> Limits {
        *self.model.backbone().limits()
    }
}

/// What is said of one photo, or why nothing is.
type Answer = Result<Prediction, Failure>;

/// A batch of photos to predict.
struct Predicting<'a> {
    opened: &'a Opened,
    predictions: &'a mut [MaybeUninit<Option<Box<Prediction>>>],
}

impl Work for Predicting<'_> {
    fn limits(&self) -> Limits {
        self.opened.limits()
    }

    fn window(&mut self, photos: &[Placed<'_>], watch: &Watch<'_>) -> Result<Vec<Outcome>, Failure> {
        let answers = self.opened.predict(photos, watch)?.into_iter().zip(photos);
        let put = |(answer, photo): (Answer, &Placed<'_>)| {
            self.predictions[photo.place].write(Some(Box::new(answer?)));
            Ok(())
        };
        Ok(answers.map(put).collect())
    }
}

fn opened(classifier: Option<&Classifier>) -> Result<&Opened, Failure> {
    held(classifier.map(|classifier| &classifier.0))
}

/// Opens the model file at `file`, one with its backbone inside, as a training leaves it, and puts the classifier at
/// `classifier`, NULL on failure. `options` may be NULL, and so may `error`, where nobody wants to know.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn icecap_classifier_open(
    file: *const c_char,
    options: Option<&Options>,
    classifier: Option<&mut MaybeUninit<Option<Box<Classifier>>>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Status {
    make(classifier, error, || {
        // SAFETY: the caller's promise.
        let file = unsafe { string(file) };
        let file = file.ok_or_else(|| Failure::usage("the path of the model is NULL; name a file"))?;
        // SAFETY: the caller's promise.
        let settings = unsafe { Options::read_for_model(options) }?;
        Classifier::of(Model::builder().settings(settings).open(path(file)?)?)
    })
}

/// Opens a model file whose content is the `size` bytes at `data`, which are not needed afterwards, as `icecap_classifier_open`
/// does.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn icecap_classifier_from_bytes(
    data: *const u8,
    size: usize,
    options: Option<&Options>,
    classifier: Option<&mut MaybeUninit<Option<Box<Classifier>>>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Status {
    make(classifier, error, || {
        // SAFETY: the caller's promise.
        let bytes = unsafe { array(data, size, "data") }?;
        // SAFETY: the caller's promise.
        let settings = unsafe { Options::read_for_model(options) }?;
        Classifier::of(Model::builder().settings(settings).bytes(bytes, "the model in memory")?)
    })
}

/// Returns how many classes there are; 0 for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_classifier_classes(classifier: Option<&Classifier>) -> usize {
    read(0, || Ok(opened(classifier)?.classes.len()))
}

/// Returns the name of a class, counted from 0, UTF-8, which lives as long as the classifier; NULL if there is no such class, and
/// for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_classifier_class(classifier: Option<&Classifier>, index: usize) -> *const c_char {
    read(std::ptr::null(), || {
        Ok(opened(classifier)?.classes.get(index).map_or(std::ptr::null(), |name| name.as_ptr()))
    })
}

/// Returns how many features of a photo the classifier's head looks at; 0 for NULL.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_classifier_features(classifier: Option<&Classifier>) -> usize {
    read(0, || Ok(opened(classifier)?.model.backbone().features()))
}

/// Says what is on a photo and puts that at `prediction`, NULL on failure. `error` may be NULL.
///
/// Threads: any. The work is done by the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn icecap_predict(
    classifier: Option<&Classifier>,
    photo: Photo,
    prediction: Option<&mut MaybeUninit<Option<Box<Prediction>>>>,
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
) -> Status {
    make(prediction, error, || {
        let opened = opened(classifier)?;
        // SAFETY: the caller's promise.
        let photo = unsafe { Readable::of(&photo, &opened.limits()) }?;
        let photos = [Placed { place: 0, photo }];
        let mut answers = opened.predict(&photos, &|_| ControlFlow::Continue(()))?;
        answers.pop().unwrap_or_else(|| Err(icecap::Error::Stopped.into()))
    })
}

/// Says what is on each photo of a batch, on all threads of the classifier. `predictions` and `errors` have room for as many
/// pointers as there are photos, and for each photo exactly one of the two is set, the other NULL: a photo that cannot be read
/// has its error and takes nothing from the others. `errors` may be NULL as a whole. Returns the status of the first photo
/// without a prediction.
///
/// If the work stops, or cannot begin, every photo without a prediction has the error that says why.
///
/// Threads: any; of two calls at once one may work on its calling thread alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn icecap_predict_batch(
    classifier: Option<&Classifier>,
    batch: Option<&Batch>,
    predictions: *mut MaybeUninit<Option<Box<Prediction>>>,
    errors: *mut MaybeUninit<Option<Box<Error>>>,
) -> Status {
    // SAFETY: the caller's promise.
    let running = match unsafe { Running::of(batch, errors) } {
        Ok(running) => running,
        Err(failure) => return failure.status,
    };
    // SAFETY: the caller's promise.
    let predictions = unsafe { places(predictions, running.count(), "predictions") };
    let work = predictions.and_then(|predictions| {
        for place in &mut *predictions {
            place.write(None);
        }
        Ok(Predicting { opened: opened(classifier)?, predictions })
    });
    running.run(work)
}

/// Frees a classifier. NULL is allowed. Predictions that it made stay.
///
/// Threads: any, while no other call uses the classifier.
#[unsafe(no_mangle)]
pub extern "C" fn icecap_classifier_free(classifier: Option<Box<Classifier>>) {
    free(classifier, |classifier| classifier.0.end());
}
