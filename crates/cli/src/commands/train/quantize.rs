//! `train --precision int8`: the backbone is quantized with photos of the training, and told from the one in f32.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use icecap::advanced::data::Cache;
use icecap::model::{self, CalibrationPhotos, Precision, Preprocessing, Quantization};
use icecap::{Backbone, Dataset, Error, Source, Trained};

use super::options::Options;
use super::unfinished::Unfinished;
use crate::run::metrics::Int8;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::progress::Progress;
use crate::terminal::quantized;
use crate::terminal::stderr::note;
use crate::terminal::table::narrate;
use crate::terminal::wording::plain_path;

/// Opens the backbone, in f32 unless its file is a model in int8, which then is trained on as it is.
pub(super) fn open(options: &Options) -> Result<Backbone, Failure> {
    let asked = options.backbone.runner.precision;
    if asked == Some(Precision::Int8) && options.head_only {
        let message = "--head-only: a net in int8 is quantized with the photos of its training, so the model file needs \
                       it; leave --head-only out, or train with --precision f32";
        return Err(Failure::new(Code::Arguments, message));
    }
    let backbone =
        options.backbone.open_in(None, options.input.overridden())?.with_limits(options.input.limits());
    match asked {
        Some(asked @ Precision::F32) if backbone.precision() != asked => {
            let path = options.backbone.file().unwrap_or_default();
            Err(Error::IntegersAlone { path, asked, record: Box::new(backbone.record().clone()) }.into())
        }
        _ => Ok(backbone),
    }
}

/// Returns the backbone that features are made with: `opened`, or where int8 is asked for, the same quantized with photos
/// of the training.
pub(super) fn quantized(
    options: &Options,
    opened: &Backbone,
    dataset: &Dataset,
    preprocessing: Preprocessing,
    unfinished: &Unfinished,
) -> Result<Backbone, Failure> {
    if opened.precision() == Precision::Int8 || options.backbone.runner.precision != Some(Precision::Int8) {
        return Ok(opened.clone());
    }
    let photos = dataset.calibration();
    let bar = Progress::new("quantizing", photos.seen.len() + photos.judged.len());
    let progress = |now: model::Progress| {
        bar.set(now.done);
        interrupt::flow()
    };
    let backbone = opened.calibrated(&photos, preprocessing, &progress);
    drop(bar);
    let backbone = going_on(backbone, unfinished)?;
    if let Some(Quantization { error: Some(error), .. }) = backbone.quantization()
        && error > Int8::LARGE_ERROR
    {
        note(&format!(
            "warning: features in int8 are {error:.3} off those in f32, relative to their size, more than {}: the \
             classifier will be worse for it; compare it with one that is trained with --precision f32",
            Int8::LARGE_ERROR
        ));
    }
    Ok(backbone)
}

/// Returns `trained` with the share of training photos on which its classifier agrees with itself on features of `opened`,
/// if that is in f32 and the classifier is not.
pub(super) fn compared(
    trained: Trained,
    opened: &Backbone,
    cache: Option<&Arc<Cache>>,
    unfinished: &Unfinished,
) -> Result<Trained, Failure> {
    if opened.precision() == trained.classifier.precision() {
        return Ok(trained);
    }
    let CalibrationPhotos { seen, judged } = trained.dataset.calibration();
    let photos: Vec<Source<'_>> = seen.into_iter().chain(judged).collect();
    let compared = trained.classifier.compared(opened, &photos, cache, &|_| interrupt::flow());
    let classifier = going_on(compared, unfinished)?;
    Ok(Trained { classifier, ..trained })
}

/// A run that is stopped here can be gone on with, as one that is stopped while it trains.
fn going_on<T>(result: Result<T, Error>, unfinished: &Unfinished) -> Result<T, Failure> {
    result.map_err(|error| match error {
        Error::Stopped => unfinished.stopped(),
        error => error.into(),
    })
}

/// Returns the model whose net in int8 is trained on as it is; `None` if the net was quantized for this training.
pub(super) fn inherited(options: &Options, opened: &Backbone) -> Option<PathBuf> {
    (opened.precision() == Precision::Int8).then(|| options.backbone.file().unwrap_or_default())
}

/// Tells how the backbone of `trained` was quantized, by the training of the model `inherited` if its net was taken, unless
/// only JSON is wanted; nothing in f32.
pub(super) fn tell(options: &Options, inherited: Option<&Path>, trained: &Trained) -> Result<(), Failure> {
    let Some(quantization) = trained.classifier.quantization().filter(|_| !options.json) else {
        return Ok(());
    };
    let told = quantized::text(&quantization);
    let told = match inherited {
        Some(model) => format!(
            "the net of {} as it is: not quantized again, nor measured, with the photos here; of its own training: {told}",
            plain_path(model)
        ),
        None => told,
    };
    narrate(&format!("int8        {told}\n"))
}
