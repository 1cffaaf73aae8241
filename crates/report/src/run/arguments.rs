//! `args.toml`: everything that a run depends on. A training writes all of it. What
//! people look at shows every key, also those of other builds, and reads the file as a table.

use icecap::learn::Value;
use serde::Serialize;

use super::figure::Figure;
use super::text_file::unwritable;
use crate::error::Error;

/// The longest file that is read, in bytes: nobody's arguments come to that.
pub const MOST_BYTES: u64 = 1 << 20;

/// Options of steps, which a solver in one go takes none of, by their names in a run's `args.toml`.
pub const STEPS: [&str; 8] =
    ["epochs", "lr", "warmup", "batch", "dropout", "hidden", "schedule", "early_stop"];

/// Everything that a run depends on, as three parts of one table.
pub struct Arguments {
    /// The photos and what they become.
    pub photos: PhotoArguments,
    /// The library's list of its options, by the names that they have on the command line.
    pub training: Vec<(&'static str, Value)>,
    /// The numbers among them as they were typed, which may be with more digits than are used.
    pub typed: Vec<(&'static str, f64)>,
    /// How the photos are dealt out, and what else the run does.
    pub run: RunArguments,
}

/// The photos and what they become, key by key in the order of the file.
#[derive(Default, Serialize)]
pub struct PhotoArguments {
    /// The version of icecap that trained.
    pub version: &'static str,
    /// The command line that makes the run; `None` for photos that no command can name.
    pub command: Option<String>,
    /// What was trained on: a folder, an archive or a list; `None` for photos in memory, and where features were trained on, whose
    /// files stand in its place.
    pub folder: Option<String>,
    /// The files of features that were trained on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// The validation photos, where they were named apart.
    pub val: Option<String>,
    /// How the paths in a .csv file are read.
    pub root: Option<String>,
    /// The ending that a list leaves off its paths.
    pub extension: Option<String>,
    /// The earlier run whose split was gone on with.
    pub since: Option<String>,
    /// The list of photos that were left out.
    pub exclude: Option<String>,
    /// The list that puts the classes in order.
    pub class_order: Option<String>,
    /// The file of the weights; `starter` for those inside the program, `None` where a backbone was at hand.
    pub weights: Option<String>,
    /// Whether the averaged ones among them were taken.
    pub ema: bool,
    /// The hash of the net that made the features.
    pub params_sha256: String,
    /// How pixels are scaled for the net.
    pub scaling: String,
    /// Rows and columns of the net's input.
    pub size: [usize; 2],
    /// The rule by which photos are resized.
    pub resize: String,
    /// What is made of a photo's EXIF orientation: `apply` or `ignore`.
    pub exif: String,
    /// How JPEG photos are decoded: `accurate` or `fast`.
    pub dct: String,
    /// The most pixels of a photo.
    pub max_pixels: u64,
}

/// How the photos are dealt out, and what the run does beside its training, key by key in the order of the file.
#[derive(Default, Serialize)]
pub struct RunArguments {
    /// The share of each class that is held back for validation.
    pub val_split: f64,
    /// The folds of a cross-validation.
    pub folds: Option<u32>,
    /// What keeps photos together.
    pub group: Option<String>,
    /// The changes of which views of a photo are drawn.
    pub augment: Option<String>,
    /// The views of each photo; 1 if it is seen as it is alone.
    pub views: u32,
    /// What the threshold of two classes is to do, and for which of them.
    pub threshold: Option<String>,
    /// The class that the threshold looks for.
    pub positive: Option<String>,
    /// How many threads computed.
    pub threads: usize,
    /// The instruction set that computed.
    pub isa: &'static str,
    /// What the net computes with: f32, int8.
    pub precision: &'static str,
    /// The folder of the run.
    pub out: String,
    /// Whether a photo that cannot be read was to end the run.
    pub strict: bool,
    /// Whether features were taken from the cache, and kept there.
    pub cache: bool,
    /// Whether the backbone was left out of the model file.
    pub head_only: bool,
}

impl Arguments {
    /// Returns the text of the file.
    pub fn toml(&self) -> Result<String, Error> {
        let typed = |key: &str| self.typed.iter().find(|(typed, _)| *typed == key).map(|(_, number)| *number);
        let line = |(key, value): &(&str, Value)| match value {
            Value::Off => String::new(),
            Value::Number(number) => {
                let number = typed(key).unwrap_or_else(|| Figure::from(*number).into());
                format!("{key} = {}\n", toml::Value::Float(number))
            }
            Value::Text(text) => format!("{key} = {}\n", toml::Value::String(text.clone())),
            other => format!("{key} = {other}\n"),
        };
        let training: String = self.training.iter().map(line).collect();
        let part = |part: Result<String, toml::ser::Error>| part.map_err(unwritable);
        Ok(part(toml::to_string(&self.photos))? + &training + &part(toml::to_string(&self.run))?)
    }
}
