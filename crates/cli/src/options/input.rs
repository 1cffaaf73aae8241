//! Options that several commands share: weights, size.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use icecap::advanced::data::{ExifPolicy, Limits, ResizeMode};
use icecap::advanced::graph::Scaling;
use icecap::advanced::kernels::jpeg::Dct;
use icecap::advanced::weights::{Choices, FileHead, NOTE_OF_ACTIVATION, NOTE_OF_AVERAGES, Weights};
use icecap::model::{Precision, Preprocessing};
use icecap::{Backbone, Settings};

use crate::options::photo::PhotoOptions;
use crate::options::runner::RunnerOptions;
use crate::store::weights_source::WeightsSource;
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
    /// Pixel scaling: '-1..1' or 'mean R,G,B std R,G,B' [default: what the weights were trained with]
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

    /// Opens the backbone: `--weights`, else `$ICECAP_WEIGHTS`, else the starter, of which a line on standard error
    /// tells that it is weak.
    pub(crate) fn open(&self) -> Result<Backbone, Failure> {
        self.open_in(self.runner.precision)
    }

    /// Opens the backbone in this precision, whatever `--precision` says.
    pub(crate) fn open_in(&self, precision: Option<Precision>) -> Result<Backbone, Failure> {
        let settings = Settings { precision, ..self.runner.settings() };
        let Some(asked) = self.file() else {
            note(&format!(
                "note: using the built-in starter weights (width 0.35), small and weak beside ImageNet weights; \
                 name others with --weights or {WEIGHTS_VARIABLE}, as `icecap weights list` shows them"
            ));
            let starter = WeightsSource::Starter.weights(self.averages.choices())?;
            return self.scaled(starter, settings);
        };
        let source = WeightsSource::find(&asked)?;
        let backbone = match self.scaling {
            None => source.backbone(self.averages.choices(), settings),
            Some(_) => self.scaled(source.weights(self.averages.choices())?, settings),
        }?;
        tell(&asked, backbone.notes(), backbone.head());
        Ok(backbone)
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

/// Tells what the person should know who uses these weights for their backbone.
pub(crate) fn tell(asked: &Path, notes: &[String], head: &FileHead) {
    let file = plain_path(asked);
    for text in notes {
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
    /// How a photo becomes that size: squash or center-crop [default: what the weights were made for]
    #[arg(long, value_name = "RULE")]
    pub(crate) resize: Option<ResizeMode>,
    /// Whether a photo is turned as its EXIF orientation says: apply or ignore
    #[arg(long, value_name = "POLICY", default_value = "apply")]
    pub(crate) exif: ExifPolicy,
    /// How JPEGs are decoded: accurate, as most programs do, or fast, as TensorFlow does [default: as the weights' own program does]
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

/// Rows and columns: `160` or `96x128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputSize(pub(crate) [usize; 2]);

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [height, width] if height == width => write!(f, "{height}"),
            [height, width] => write!(f, "{height}x{width}"),
        }
    }
}

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        let side = |side: &str| {
            let range = icecap::advanced::graph::MIN_SIDE..=icecap::advanced::graph::MAX_SIDE;
            side.parse().ok().filter(|side| range.contains(side)).ok_or_else(|| {
                format!(
                    "sides from {} to {} pixels are supported, as in 160 or 96x128",
                    range.start(),
                    range.end()
                )
            })
        };
        Ok(Self([side(height)?, side(width)?]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_side_or_two() {
        assert_eq!("160".parse(), Ok(InputSize([160, 160])));
        assert_eq!("96x128".parse(), Ok(InputSize([96, 128])));
        assert_eq!([[160, 160], [96, 128]].map(|size| InputSize(size).to_string()), ["160", "96x128"]);
        for wrong in ["", "31", "96x", "x96", "96x96x3", "-160", "4096", "1e2"] {
            assert!(wrong.parse::<InputSize>().is_err(), "{wrong}");
        }
    }
}
