//! Options that several commands share: weights, size.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::{ExifPolicy, Limits, ResizeMode};
use icecap::advanced::graph::Scaling;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::advanced::weights::{Choices, FileHead, NOTE_OF_ACTIVATION, NOTE_OF_AVERAGES, Weights};
use icecap::model::{Precision, Preprocessing, WeightsSource};
use icecap::{Backbone, Settings};

use crate::options::input_size::InputSize;
use crate::options::overridden::Overridden;
use crate::options::photo::PhotoOptions;
use crate::options::runner::RunnerOptions;
use crate::store::weights_source;
use crate::terminal::failure::Failure;
use crate::terminal::stderr::note;
use crate::terminal::wording::{plain, plain_path};

/// The environment variable that names weights, or a file of them.
const WEIGHTS_VARIABLE: &str = "ICECAP_WEIGHTS";

/// Which backbone, and what it runs on.
#[derive(Args, Clone, Debug)]
pub(crate) struct BackboneOptions {
    /// Weights of the backbone: a name that `icecap weights list` shows, or a file [default: $ICECAP_WEIGHTS, else the
    /// built-in starter]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Pixel scaling: '-1..1', '0..1', 'mean R,G,B std R,G,B' or 'scale R,G,B shift R,G,B' [default: what the weights were
    /// trained with]
    #[arg(long, value_name = "RULE", value_parser = icecap::advanced::weights::parse_scaling, allow_hyphen_values = true)]
    pub(crate) scaling: Option<Scaling>,
    #[command(flatten)]
    pub(crate) averages: AveragesOption,
    #[command(flatten)]
    pub(crate) runner: RunnerOptions,
}

/// Which net of a file with averaged weights.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct AveragesOption {
    /// Take the averaged weights (EMA) that a training's checkpoint holds beside the trained ones
    #[arg(long)]
    pub(crate) ema: bool,
}

impl AveragesOption {
    /// Returns what is taken of a file.
    pub(crate) fn choices(self) -> Choices {
        Choices { ema: self.ema, activation: None }
    }
}

impl BackboneOptions {
    /// Returns the weights that were asked for, a name or a file: those of the option, else those of the environment. `None`
    /// means the starter.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os(WEIGHTS_VARIABLE).filter(|value| !value.is_empty());
        self.weights.clone().or_else(|| variable().map(PathBuf::from))
    }

    /// Opens the backbone for photos that are read as `input` says: `--weights`, else `$ICECAP_WEIGHTS`, else the starter, of
    /// which a line on standard error tells that it is weak. What stands above what the weights state is told beside it.
    pub(crate) fn open_for(&self, input: &InputOptions) -> Result<Backbone, Failure> {
        Ok(self.open_in(self.runner.precision, input.overridden())?.with_limits(input.limits()))
    }

    /// Opens the backbone as [`BackboneOptions::open_for`] does, in this precision, whatever `--precision` says.
    pub(crate) fn open_in(
        &self,
        precision: Option<Precision>,
        input: Overridden,
    ) -> Result<Backbone, Failure> {
        let settings = Settings { precision, ..self.runner.settings() };
        let Some(asked) = self.file() else {
            note(&format!(
                "note: using the built-in starter weights (width 0.35), small and weak beside ImageNet weights; \
                 name others with --weights or {WEIGHTS_VARIABLE}, as `icecap weights list` shows them"
            ));
            let starter = weights_source::weights(&WeightsSource::Starter, self.averages.choices())?;
            return self.scaled(starter, settings);
        };
        let source = weights_source::find(&asked)?;
        let overridden = Overridden { scaling: self.scaling, ..input };
        if self.scaling.is_none() {
            let backbone = weights_source::backbone(&source, self.averages.choices(), settings)?;
            tell(&asked, backbone.notes(), backbone.head(), &overridden);
            overridden.tell(&asked, backbone.record(), backbone.notes());
            return Ok(backbone);
        }
        let weights = weights_source::weights(&source, self.averages.choices())?;
        tell(&asked, &weights.notes, &weights.head, &overridden);
        overridden.tell(&asked, &weights.record, &weights.notes);
        self.scaled(weights, settings)
    }

    /// Opens the weights as [`BackboneOptions::open_in`] does, and tells nothing of them.
    pub(crate) fn weights(&self) -> Result<Weights, Failure> {
        let source = match self.file() {
            Some(asked) => weights_source::find(&asked)?,
            None => WeightsSource::Starter,
        };
        let weights = weights_source::weights(&source, self.averages.choices())?;
        Ok(match self.scaling {
            Some(scaling) => weights.with_scaling(scaling)?,
            None => weights,
        })
    }

    /// Returns the backbone of opened weights, its pixels scaled otherwise if that was asked for.
    fn scaled(&self, weights: Weights, settings: Settings) -> Result<Backbone, Failure> {
        let weights = match self.scaling {
            Some(scaling) => weights.with_scaling(scaling)?,
            None => weights,
        };
        Ok(Backbone::new(weights, settings)?)
    }
}

/// Tells what the person should know who uses these weights for their backbone, except for what options decide.
pub(crate) fn tell(asked: &Path, notes: &[String], head: &FileHead, overridden: &Overridden) {
    let file = plain_path(asked);
    for text in notes.iter().filter(|text| !overridden.settles(text)) {
        let advice = if text.starts_with(NOTE_OF_AVERAGES) {
            "; --ema takes them"
        } else if text.starts_with(NOTE_OF_ACTIVATION) {
            "; --activation of `icecap weights import` takes another"
        } else {
            ""
        };
        note(&format!("note: {file}: {text}{advice}"));
    }
    if let Some(reason) = head.unreadable() {
        note(&format!("note: {file}: its head cannot be read and is passed over: {}", plain(reason)));
    }
}

/// How photos become the backbone's input, if that should not be as its record says.
#[derive(Args, Clone, Debug)]
pub(crate) struct InputOptions {
    /// Side of the input in pixels, or HEIGHTxWIDTH [default: what the weights were made for]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub(crate) size: Option<InputSize>,
    /// How a photo becomes that size: squash, center-crop, crop or cut [default: what the weights were made for]
    #[arg(long, value_name = "RULE")]
    pub(crate) resize: Option<ResizeMode>,
    /// Whether a photo is turned as its EXIF orientation says: apply or ignore
    #[arg(long, value_name = "POLICY", default_value = "apply")]
    pub(crate) exif: ExifPolicy,
    /// How JPEGs are decoded: accurate or fast [default: fast for a model file of Keras]
    ///
    /// Accurate is what most programs show, fast what TensorFlow's decode_jpeg gives. Other weights than a model file of Keras
    /// have the accurate one.
    #[arg(long, value_name = "DCT")]
    pub(crate) dct: Option<Dct>,
    #[command(flatten)]
    pub(crate) photo: PhotoOptions,
}

impl InputOptions {
    /// Returns what one photo may ask for.
    pub(crate) fn limits(&self) -> Limits {
        self.photo.limits()
    }

    /// Returns what stands above what the weights state.
    pub(crate) fn overridden(&self) -> Overridden {
        Overridden { size: self.size, resize: self.resize, dct: self.dct, scaling: None }
    }

    /// `preprocessing` with what the options override.
    pub(crate) fn over(&self, mut preprocessing: Preprocessing) -> Preprocessing {
        if let Some(InputSize([height, width])) = self.size {
            (preprocessing.resize.height, preprocessing.resize.width) = (height, width);
        }
        if let Some(mode) = self.resize {
            preprocessing.resize.mode = mode;
        }
        preprocessing.exif = self.exif;
        preprocessing.dct = self.dct.unwrap_or(preprocessing.dct);
        preprocessing
    }
}
