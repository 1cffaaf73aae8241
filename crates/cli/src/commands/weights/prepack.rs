//! `icecap weights prepack`: a net folded, packed and put into the cache, from where models on it are opened without
//! reading their weights.

use std::path::PathBuf;

use clap::Args;
use icecap::Settings;
use icecap::model::WeightsSource;

use crate::options::input::AveragesOption;
use crate::options::manifest::ManifestOptions;
use crate::store::cache_folder;
use crate::store::weights_source;
use crate::terminal::failure::Failure;
use crate::terminal::table::{narrate, print};
use crate::terminal::wording::{megabytes, plain_path};

#[derive(Args)]
pub(crate) struct Options {
    /// File of weights, a model file, or a name that `icecap weights list` shows
    #[arg(value_name = "FILE|NAME")]
    weights: PathBuf,
    #[command(flatten)]
    averages: AveragesOption,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let store = cache_folder::packed_or_failure()?;
    let source = WeightsSource::find(&options.weights, || options.manifest.read())?;
    let backbone = weights_source::backbone(&source, options.averages.choices(), Settings::default())?;
    let path = backbone.repack(&store)?;
    let bytes = std::fs::metadata(&path).map_err(|error| Failure::path(&path, error))?.len();
    let params_sha256 = backbone.record().params_sha256.to_string();
    if options.json {
        let report = serde_json::json!({
            "file": plain_path(&path),
            "bytes": bytes,
            "params_sha256": params_sha256,
        });
        return print(&format!("{report}\n"));
    }
    narrate(&format!("{}: {}, params_sha256 {params_sha256}\n", plain_path(&path), megabytes(bytes)))
}
