//! A trained model as the first argument of a command.

use std::path::PathBuf;

use clap::Args;
use icecap::{Backbone, Classifier, Error};

use crate::cache_folder;
use crate::failure::{Code, Failure};
use crate::input::{BackboneOptions, ThreadOptions};
use crate::weights_source::WeightsSource;

/// Which model, and what it runs on.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelOptions {
    /// Model file that `icecap train` has left
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Weights, by name or file, for a model that was saved with --head-only
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) weights: Option<PathBuf>,
    #[command(flatten)]
    threads: ThreadOptions,
}

impl ModelOptions {
    /// As if it had been given so.
    pub(crate) fn of(model: PathBuf, weights: Option<PathBuf>, threads: ThreadOptions) -> Self {
        Self { model, weights, threads }
    }

    /// Opens the model. One without its backbone takes that of `--weights`, else of the environment, else the starter,
    /// if it is the one that it was trained on.
    pub(crate) fn open(&self) -> Result<Classifier, Failure> {
        let settings = self.threads.settings();
        if let Some(weights) = &self.weights {
            let backbone = WeightsSource::find(weights)?.backbone(settings)?;
            return Ok(Classifier::open_over(&self.model, &backbone)?);
        }
        let opened = match cache_folder::packed() {
            Some(store) => Classifier::open_packed(&self.model, settings, &store),
            None => Classifier::open_with(&self.model, settings),
        };
        match opened {
            Err(Error::NeedsBackbone { params_sha256, .. }) => self.open_pinned(&params_sha256),
            other => Ok(other?),
        }
    }

    fn open_pinned(&self, params_sha256: &str) -> Result<Classifier, Failure> {
        let around = BackboneOptions { weights: None, scaling: None, threads: self.threads };
        let backbone = match around.file() {
            Some(asked) => WeightsSource::find(&asked)?.backbone(self.threads.settings())?,
            None => Backbone::starter(self.threads.settings())?,
        };
        if backbone.record().params_sha256.to_string() == params_sha256 {
            return Ok(Classifier::open_over(&self.model, &backbone)?);
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
