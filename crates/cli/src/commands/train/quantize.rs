//! `train --precision int8`: the backbone is quantized with photos of the training, and told from the one in f32.

use std::sync::{Arc, Mutex};

use icecap::advanced::data::Cache;
use icecap::model::{CalibrationPhotos, Precision, Preprocessing, Quantization};
use icecap::{Backbone, Dataset, Error, Source, Trained};

use super::options::Options;
use crate::run::metrics::Int8;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::lock::lock;
use crate::terminal::progress::Busy;
use crate::terminal::stderr::note;
use crate::terminal::table::print;
use crate::terminal::wording::counted;

/// Opens the backbone, in f32 unless its file is a model in int8, which then is trained on as it is.
pub(super) fn open(options: &Options) -> Result<Backbone, Failure> {
    let asked = options.backbone.runner.precision;
    if asked == Some(Precision::Int8) && options.head_only {
        let message = "--head-only: a net in int8 is quantized with the photos of its training, so the model file needs \
                       it; leave --head-only out, or train with --precision f32";
        return Err(Failure::new(Code::Arguments, message));
    }
    let backbone = options.backbone.open_in(None)?;
    match asked {
        Some(asked @ Precision::F32) if backbone.precision() != asked => {
            let path = options.backbone.file().unwrap_or_default();
            Err(Error::OtherPrecision { path, model: backbone.precision(), asked }.into())
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
) -> Result<Backbone, Failure> {
    if opened.precision() == Precision::Int8 || options.backbone.runner.precision != Some(Precision::Int8) {
        return Ok(opened.clone());
    }
    let busy = Mutex::new(Busy::new("quantizing"));
    let progress = |_| {
        lock(&busy).tick();
        interrupt::flow()
    };
    let backbone = opened.calibrated(&dataset.calibration(), preprocessing, &progress)?;
    drop(busy);
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
    dataset: &Dataset,
    cache: Option<&Arc<Cache>>,
) -> Result<Trained, Failure> {
    if opened.precision() == trained.classifier.precision() {
        return Ok(trained);
    }
    let CalibrationPhotos { seen, judged } = dataset.calibration();
    let photos: Vec<Source<'_>> = seen.into_iter().chain(judged).collect();
    let classifier = trained.classifier.compared(opened, &photos, cache, &|_| interrupt::flow())?;
    Ok(Trained { classifier, ..trained })
}

/// Tells how the backbone of `trained` was quantized, unless only JSON is wanted; nothing in f32.
pub(super) fn tell(options: &Options, trained: &Trained) -> Result<(), Failure> {
    match trained.classifier.quantization() {
        Some(quantization) if !options.json => print(&text(&quantization)),
        _ => Ok(()),
    }
}

/// Returns in a line how a net was quantized, and what came of it.
fn text(quantization: &Quantization) -> String {
    let Quantization { photos, judged, on_others, error, agreement } = quantization;
    let by = match photos {
        0 => "quantized by the weights alone".to_owned(),
        _ => format!("quantized with {}", counted(*photos, "training photo")),
    };
    let error = error.map_or(String::new(), |error| {
        let on = if *on_others {
            format!("{judged} others")
        } else {
            "these, too few to keep others back".to_owned()
        };
        format!("; features {:.1} % off those in f32 on {on}", 100.0 * error)
    });
    let agreement = agreement.map_or(String::new(), |share| {
        format!("; the same class as in f32 for {:.1} % of them all", 100.0 * share)
    });
    format!("int8        {by}{error}{agreement}\n")
}
