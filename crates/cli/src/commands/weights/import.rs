//! `icecap weights import`: any file that opens becomes safetensors with Keras' names and the whole record.

use std::path::PathBuf;

use clap::Args;
use icecap::weights::Digest;

use super::ManifestOptions;
use crate::failure::Failure;
use crate::table::print;
use crate::weights_source::WeightsSource;
use crate::wording::plain_path;

#[derive(Args)]
pub(crate) struct Options {
    /// File of weights, or a name that `icecap weights list` shows
    #[arg(value_name = "FILE|NAME")]
    weights: PathBuf,
    /// The file to write
    #[arg(short, long = "output", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    manifest: ManifestOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if options.output.is_dir() {
        return Err(Failure::path(&options.output, "is a folder; name a file to write"));
    }
    let weights = WeightsSource::find_in(&options.weights, || options.manifest.read())?.weights()?;
    weights.save(&options.output)?;
    let record = &weights.record;
    let tensors = weights.params.tensors().count();
    let width = record.width.map_or("of its own".to_owned(), |width| width.to_string());
    let classes = weights.params.classes();
    if options.json {
        let file_sha256 = icecap::kernels::with_mapped_file(&options.output, u64::MAX, Digest::of_file)?;
        let report = serde_json::json!({
            "file": plain_path(&options.output),
            "file_sha256": file_sha256.to_string(),
            "params_sha256": record.params_sha256.to_string(),
            "from_layout": record.layout.name(),
            "width": record.width,
            "classes": classes,
            "tensors": tensors,
        });
        return print(&format!("{report}\n"));
    }
    let top = classes.map_or("no classification top".to_owned(), |classes| format!("{classes} classes"));
    print(&format!(
        "{}: {tensors} tensors from the layout {}, width {width}, {}, params_sha256 {}\n",
        plain_path(&options.output),
        record.layout,
        top,
        record.params_sha256
    ))
}
