//! The options of `icecap extract`.

use std::path::PathBuf;

use clap::Args;
use icecap::advanced::graph::Tap;

use crate::options::dataset::{ExcludeOptions, ListedOptions};
use crate::options::input::{BackboneOptions, InputOptions};
use crate::options::overwrite::OverwriteOption;
use crate::options::shard::Shard;

#[derive(Args)]
pub(crate) struct Options {
    /// Folders of photos, .zip, .tar or .parquet files of such, photos, or .csv files with columns path and label
    #[arg(required = true, value_name = "PATH")]
    pub(super) photos: Vec<PathBuf>,
    /// The file to write, whose ending says its format: .parquet, .safetensors, .csv, .jsonl or .npy
    #[arg(short, long = "out", alias = "output", value_name = "FILE")]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) overwrite: OverwriteOption,
    /// Take one of N shares of the photos, counted from 1, as in 1/4: for machines that work beside each other. A photo's share
    /// is told by its path below PATH, so that every machine deals alike; a share that is complete already is left as it is
    #[arg(long, value_name = "I/N", allow_negative_numbers = true)]
    pub(super) shard: Option<Shard>,
    /// Write whole feature maps [N, h, w, C] instead of pooled features [N, C], as .safetensors or .npy
    #[arg(long)]
    pub(super) maps: bool,
    #[command(flatten)]
    pub(super) excluded: ExcludeOptions,
    #[command(flatten)]
    pub(super) listed: ListedOptions,
    #[command(flatten)]
    pub(super) backbone: BackboneOptions,
    #[command(flatten)]
    pub(super) input: InputOptions,
    /// Fail if a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    pub(super) strict: bool,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    pub(super) no_cache: bool,
}

impl Options {
    pub(super) fn tap(&self) -> Tap {
        if self.maps { Tap::Features } else { Tap::Pooled }
    }
}
