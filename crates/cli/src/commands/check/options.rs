//! The options of `icecap check`.

use std::path::PathBuf;

use clap::Args;

use crate::options::dataset::DatasetOptions;
use crate::options::input::{BackboneOptions, InputOptions};

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with a folder of photos for each class, or with train/ and val/ (and test/) that have these; or a .csv file
    /// with columns path and label, and perhaps split and group
    #[arg(value_name = "DIR|CSV")]
    pub(super) folder: PathBuf,
    /// Folder with the validation photos, a folder for each class, or a .csv file of them
    #[arg(long, value_name = "DIR|CSV")]
    pub(super) val: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dataset: DatasetOptions,
    #[command(flatten)]
    pub(super) backbone: BackboneOptions,
    #[command(flatten)]
    pub(super) input: InputOptions,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Print one JSON object with everything that is found, photo by photo
    #[arg(long)]
    pub(super) json: bool,
    /// Exit with code 3 if an error is found
    #[arg(long)]
    pub(super) strict: bool,
}
