//! The names of the files in a run's folder.

/// The trained model.
pub const MODEL: &str = "model.safetensors";

/// What the run has measured: [`super::metrics::Metrics`].
pub const METRICS: &str = "metrics.json";
/// A line for each epoch.
pub const HISTORY: &str = "metrics.csv";
/// Everything that the run depends on.
pub const ARGUMENTS: &str = "args.toml";
/// What the model says of each photo.
pub const PREDICTIONS: &str = "predictions.csv";
/// The part of each photo.
pub const SPLIT: &str = "split.csv";
/// The photos that cannot be read; there is no such file if all can.
pub const SKIPPED: &str = "skipped.csv";
/// Training photos whose labels are probably wrong; there is no such file if no photo was judged.
pub const LABELS: &str = "labels.csv";
/// The page for people.
pub const REPORT: &str = "report.html";
/// While the run is under way: the words that began it.
pub const UNFINISHED: &str = "unfinished.toml";
/// While the run is under way: the part of each photo.
pub const UNFINISHED_SPLIT: &str = "unfinished.csv";
/// After Ctrl-C between two epochs: the model as it was then.
pub const UNFINISHED_MODEL: &str = "model-unfinished.safetensors";
