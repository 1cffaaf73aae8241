//! The options of `icecap check`.

use std::path::PathBuf;

use clap::Args;

use crate::options::dataset::DatasetOptions;
use crate::options::input::{BackboneOptions, InputOptions};
use crate::options::overwrite::OverwriteOption;

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with a folder of photos for each class, or with train/ and val/ (and test/) that have these; or a .zip or .tar
    /// file of such a folder, or a .parquet file with photos in it, which are read as they are; or a folder of .tar or .parquet
    /// shards, or a pattern of their names in quotes, 'shards/{000..099}.tar'; or a .csv file with columns path and label, and
    /// perhaps split and group
    #[arg(value_name = "DIR|ARCHIVE|CSV")]
    pub(super) folder: PathBuf,
    /// Folder with the validation photos, a folder for each class, or a .zip, .tar, .parquet or .csv file of them
    #[arg(long, value_name = "DIR|ARCHIVE|CSV")]
    pub(super) val: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dataset: DatasetOptions,
    #[command(flatten)]
    pub(super) backbone: BackboneOptions,
    #[command(flatten)]
    pub(super) input: InputOptions,
    /// Likeness from which photos are told as nearly the same: 1 for the same pixels, near 0 for strangers [default: 0.75]
    #[arg(long, value_name = "X", allow_negative_numbers = true, value_parser = likeness)]
    pub(super) similar: Option<f32>,
    /// Write the photos that can leave, since a copy of them stays or has another label, to a CSV that --exclude takes
    #[arg(long, value_name = "FILE")]
    pub(super) write_exclude: Option<PathBuf>,
    #[command(flatten)]
    pub(super) overwrite: OverwriteOption,
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

fn likeness(text: &str) -> Result<f32, String> {
    let likeness = text.parse().ok().filter(|likeness: &f32| (0.4..=1.0).contains(likeness));
    likeness.ok_or_else(|| "use a likeness from 0.4 to 1, as in 0.75".to_owned())
}
