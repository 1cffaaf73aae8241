//! The options of `icecap train`.

use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::dataset_roots;
use icecap::judge::Wish;
use icecap::{Backbone, TrainOptions, Trainer};

use super::augment::AugmentOptions;
use super::axis::Axis;
use crate::options::dataset::DatasetOptions;
use crate::options::input::{BackboneOptions, InputOptions};
use crate::options::overwrite::OverwriteOption;
use crate::options::training::TrainingOptions;
use crate::run::begun::Begun;
use crate::terminal::failure::Failure;
use crate::terminal::table::narrate;
use crate::terminal::wording::plain_path;

#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Folder with a folder of photos for each class, or with train/ and val/ (and test/) that have these; or a .zip or .tar
    /// file of such a folder, or a .parquet file with photos in it, which are read as they are; or a folder of .tar or .parquet
    /// shards, or a pattern of their names in quotes, 'shards/{000..099}.tar'; or a .csv file with columns path and label, and
    /// perhaps split and group
    #[arg(value_name = "DIR|ARCHIVE|CSV", required_unless_present_any = ["resume", "config", "features"])]
    pub(super) folder: Option<PathBuf>,
    /// Files of features, .parquet or .safetensors, that `icecap extract` has left, or folders of such: trained on instead of
    /// their photos, which need not be there. The weights must be those that made them
    #[arg(long, value_name = "PARTS", num_args = 1.., conflicts_with_all = ["folder", "val", "since"])]
    pub(super) features: Vec<PathBuf>,
    /// Folder with the validation photos, a folder for each class, or a .zip, .tar, .parquet or .csv file of them
    #[arg(long, value_name = "DIR|ARCHIVE|CSV")]
    pub(super) val: Option<PathBuf>,
    /// Go on with a run that was interrupted, with the options that began it; the model is that of an unbroken run
    #[arg(long, value_name = "RUN")]
    pub(super) resume: Option<PathBuf>,
    /// File with the arguments of an earlier run, its args.toml: what is not typed is taken from there, but for --out. Paths
    /// in it are relative to the folder where the earlier run was typed
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The words that stand for the run, where they are others than those of this process.
    #[arg(skip)]
    pub(super) words: Option<Vec<String>>,
    /// What began the run that is gone on with.
    #[arg(skip)]
    pub(super) begun: Option<Begun>,
    /// Earlier run to go on from: photos keep the part that they had in it, and its model is tried beside the new one. Its
    /// weights, size and resize rule are taken if none are named
    #[arg(long, value_name = "RUN", conflicts_with = "folds")]
    pub(super) since: Option<PathBuf>,
    #[command(flatten)]
    pub(super) dataset: DatasetOptions,
    #[command(flatten)]
    pub(super) backbone: BackboneOptions,
    #[command(flatten)]
    pub(super) input: InputOptions,
    #[command(flatten)]
    pub(super) augment: AugmentOptions,
    #[command(flatten)]
    pub(super) training: TrainingOptions,
    /// Values of a setting to try, as in l2=0.01,0.1,1; given for several settings, every combination. Folds of the training
    /// photos choose one, and the run is trained with it
    ///
    /// Validation photos have no part in the choice. May vary: size, resize, augment, views, optimizer, lr, l2, epochs, warmup,
    /// batch, dropout, hidden, label-smoothing, class-weight, schedule, early-stop. The changes of one value of augment are
    /// joined by +, as in augment=none,flip+crop:0.8; none leaves augment, hidden or early-stop off. The first combination is
    /// kept unless another has a loss that is smaller by more than the standard error of the difference
    #[arg(long = "try", value_name = "NAME=VALUES")]
    pub(super) tries: Vec<Axis>,
    /// Share of each class that is held back for validation if the folder has no validation photos [default: 0.2]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, value_parser = held_back, conflicts_with_all = ["val", "folds"])]
    pub(super) val_split: Option<f64>,
    /// Cross-validate on the training photos, in so many folds; no photo is then held back if the folder has no
    /// validation photos
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = folds)]
    pub(super) folds: Option<u32>,
    /// Of two classes, from which probability on the one that is looked for is told: a number, or what it is to do on the
    /// training photos: precision=0.95, recall=0.9, or cost=FP:FN for the prices of a false alarm and of a miss
    ///
    /// It is chosen by training photos, each judged by a head that has not seen it, and saved in the model: predict, evaluate
    /// and bundles go by it.
    #[arg(long, value_name = "WISH", allow_negative_numbers = true)]
    pub(super) threshold: Option<Wish>,
    /// The class that --threshold looks for [default: the second]
    #[arg(long, value_name = "CLASS", requires = "threshold")]
    pub(super) positive: Option<String>,
    /// Keep photos together that are not independent, on one side of every split: those whose path below the class folder
    /// gives the same first capture group (or match), as in '^(cow-[0-9]+)_', or `duplicates`: copies, as `check` finds them
    #[arg(long, value_name = "REGEX|duplicates")]
    pub(super) group: Option<String>,
    /// Folder for the model and everything else about the run [default: icecap-run, icecap-run-2, …]
    #[arg(short, long, alias = "output", value_name = "RUN")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) overwrite: OverwriteOption,
    /// Fail if a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    pub(super) strict: bool,
    /// Neither take features from the cache nor keep them there
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Leave the backbone out of the model file, which then needs the weights beside it
    #[arg(long)]
    pub(super) head_only: bool,
    /// Do not write report.html; `icecap report RUN` can make it later
    #[arg(long)]
    pub(super) no_report: bool,
    /// Print the run's metrics as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl Options {
    /// Returns the share of each class that is held back for validation.
    pub(super) fn held_back(&self) -> f64 {
        self.val_split.unwrap_or(0.2)
    }

    /// Returns a trainer with all options but those about the photos' features.
    pub(super) fn trainer(&self, training: TrainOptions, backbone: &Backbone) -> Result<Trainer, Failure> {
        Ok(Trainer::new(backbone)?
            .options(training)
            .folds(self.folds.map(|folds| folds as usize))
            .views(self.augment.views(self.training.seed)?)
            .strict(self.strict))
    }

    /// Tells people what happens; programs that asked for JSON hear of the end alone.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { narrate(text) }
    }

    /// Returns the folders of the photos.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        let mut roots = dataset_roots(self.folder(), self.val.as_deref());
        roots.extend(self.dataset.listed.root.clone());
        roots
    }

    /// Returns where the photos are, or what was made of them.
    pub(super) fn source(&self) -> String {
        match &self.features[..] {
            [] => plain_path(self.folder()),
            [file] => format!("features: {}", plain_path(file)),
            files => format!("features: {} and {} more", plain_path(&files[0]), files.len() - 1),
        }
    }

    /// Returns what is trained on.
    pub(super) fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new(""))
    }
}

fn folds(text: &str) -> Result<u32, String> {
    let folds = text.parse().ok().filter(|folds| (2..=100).contains(folds));
    folds.ok_or_else(|| "use a number of folds from 2 to 100".to_owned())
}

fn held_back(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share: &f64| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "use a share between 0 and 1, as in 0.2".to_owned())
}
