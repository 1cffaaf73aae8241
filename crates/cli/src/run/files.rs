//! The names of the files in a run's folder.

/// The trained model.
pub(crate) use crate::terminal::did_you_mean::MODEL;

/// What the run has measured: [`super::metrics::Metrics`].
pub(crate) const METRICS: &str = "metrics.json";
/// A line for each epoch.
pub(crate) const HISTORY: &str = "metrics.csv";
/// Everything that the run depends on.
pub(crate) const ARGUMENTS: &str = "args.toml";
/// What the model says of each photo.
pub(crate) const PREDICTIONS: &str = "predictions.csv";
/// The part of each photo.
pub(crate) const SPLIT: &str = "split.csv";
/// The photos that cannot be read; there is no such file if all can.
pub(crate) const SKIPPED: &str = "skipped.csv";
/// Training photos whose labels are probably wrong; there is no such file if no photo was judged.
pub(crate) const LABELS: &str = "labels.csv";
/// The page for people.
pub(crate) const REPORT: &str = "report.html";
/// While the run is under way: the words that began it.
pub(crate) const UNFINISHED: &str = "unfinished.toml";
/// While the run is under way: the part of each photo.
pub(crate) const UNFINISHED_SPLIT: &str = "unfinished.csv";
/// After Ctrl-C between two epochs: the model as it was then.
pub(crate) const UNFINISHED_MODEL: &str = "model-unfinished.safetensors";
