//! A trained model as the first argument of a command.

use std::path::PathBuf;

use clap::Args;
use icecap::advanced::data::Limits;
use icecap::advanced::weights::Error as WeightsError;
use icecap::model::Precision;
use icecap::{Backbone, Classifier, Error, Settings};

use crate::bundle::payload::{self, Payload};
use crate::options::input::{AveragesOption, BackboneOptions};
use crate::options::no_model;
use crate::options::runner::RunnerOptions;
use crate::store::cache_folder;
use crate::store::weights_source;
use crate::terminal::did_you_mean::hint_of;
use crate::terminal::failure::{Code, Failure};

/// Which model, and what it runs on.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelOptions {
    /// Model file that `icecap train` has left
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Weights, by name or file, for a model that was saved with --head-only
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Of a checkpoint named as --weights, take the averaged weights (EMA) that it holds beside the trained ones
    #[arg(long)]
    ema: bool,
    #[command(flatten)]
    runner: RunnerOptions,
    /// What one photo may ask for, for commands that read photos.
    #[arg(skip)]
    limits: Limits,
}

impl ModelOptions {
    /// Options with these values, for commands that do not parse them.
    pub(crate) fn of(model: PathBuf, weights: Option<PathBuf>, runner: RunnerOptions) -> Self {
        Self { model, weights, ema: false, runner, limits: Limits::default() }
    }

    /// Returns these options for photos within `limits`.
    pub(crate) fn within(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// Returns the settings of what the model runs on.
    pub(crate) fn settings(&self) -> Settings {
        Settings { limits: self.limits, ..self.runner.settings() }
    }

    fn averages(&self) -> AveragesOption {
        AveragesOption { ema: self.ema }
    }

    /// Opens the model, or that of a bundle. One without its backbone takes that of `--weights`, else of the environment,
    /// else the starter, if it is the one that it was trained on.
    pub(crate) fn open(&self) -> Result<Classifier, Failure> {
        let settings = self.settings();
        if self.ema && self.weights.is_none() {
            let message = "--ema: the model has its net inside; it goes with --weights, for a model without";
            return Err(Failure::new(Code::Arguments, message));
        }
        let run = if self.model.is_dir() { hint_of(&self.model) } else { String::new() };
        if !run.is_empty() {
            return Err(Failure::path(&self.model, format!("a folder, not a model{run}")));
        }
        if let Some(payload) = payload::find(&self.model)? {
            return self.open_bundled(payload);
        }
        if let Some(weights) = &self.weights {
            let source = weights_source::find(weights)?;
            let backbone = weights_source::backbone(&source, self.averages().choices(), settings)?;
            return self.over(&backbone);
        }
        let opening = Classifier::builder().settings(settings);
        let opened = match cache_folder::packed() {
            Some(store) => opening.pack_store(&store).open(&self.model),
            None => opening.open(&self.model),
        };
        match opened {
            Err(Error::NeedsBackbone { params_sha256, .. }) => self.open_pinned(&params_sha256),
            Err(Error::Weights(error @ WeightsError::NotAModel { .. })) => {
                Err(no_model::failure(&self.model, error))
            }
            other => Ok(other?),
        }
    }

    /// Opens the model on the backbone of `--weights`.
    fn over(&self, backbone: &Backbone) -> Result<Classifier, Failure> {
        match Classifier::builder().backbone(backbone).open(&self.model) {
            // Nobody asked for a precision: the weights brought theirs.
            Err(Error::OtherPrecision { model, .. })
                if self.runner.precision.is_none_or(|of| of == model) =>
            {
                let has = match model {
                    Precision::Int8 => "its net is in int8, and inside; leave --weights out",
                    Precision::F32 => {
                        "its head was trained in f32, and these weights are in int8; name them in f32"
                    }
                };
                Err(Failure::new(Code::Arguments, format!("{}: {has}", self.model.display())))
            }
            opened => Ok(opened?),
        }
    }

    /// Opens the model behind a program. Its backbone is inside, so no cache is needed, and there may be none.
    fn open_bundled(&self, payload: Payload) -> Result<Classifier, Failure> {
        if self.weights.is_some() {
            let message = format!("{}: has its weights inside; leave --weights out", self.model.display());
            return Err(Failure::new(Code::Arguments, message));
        }
        let label = self.model.to_string_lossy();
        let settings = self.settings();
        // A bundle that runs has its own net packed.
        if std::env::current_exe().is_ok_and(|own| own == self.model) {
            let opened = payload.with_net(&self.model, |bytes, net| {
                Classifier::builder().settings(settings).packed_net(&self.model, net).bytes(bytes, &label)
            })?;
            return match opened {
                Err(Error::PackedNet { .. }) => Err(payload::damaged_net(&self.model)),
                opened => Ok(opened?),
            };
        }
        let opening = Classifier::builder().settings(settings);
        Ok(payload.with(&self.model, |bytes| opening.bytes(bytes, &label))??)
    }

    fn open_pinned(&self, params_sha256: &str) -> Result<Classifier, Failure> {
        let (averages, runner) = (self.averages(), self.runner);
        let around = BackboneOptions { weights: None, scaling: None, averages, runner };
        let backbone = match around.file() {
            Some(asked) => {
                let source = weights_source::find(&asked)?;
                weights_source::backbone(&source, averages.choices(), self.settings())?
            }
            None => Backbone::starter(self.settings())?,
        };
        if backbone.record().params_sha256.to_string() == params_sha256 {
            return Ok(Classifier::builder().backbone(&backbone).open(&self.model)?);
        }
        Err(Failure::new(
            Code::Content,
            format!(
                "{}: saved without its backbone; name the weights that it was trained on with --weights \
                 (params_sha256 {params_sha256})",
                self.model.display()
            ),
        ))
    }
}
