//! The photos of a part with their features, and how reading them went.

use std::path::PathBuf;

use icecap_data::{Sample, Warning};

use crate::learn::feature_set::FeatureSet;

/// A photo that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPhoto {
    /// Its file.
    pub path: PathBuf,
    /// Why, the path included.
    pub reason: String,
}

/// How reading the photos went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhotoReport {
    /// Photos whose features are used.
    pub read: usize,
    /// Of these, those whose features came from the cache.
    pub cached: usize,
    /// Photos that cannot be read.
    pub skipped: Vec<SkippedPhoto>,
    /// What is odd about photos that are used.
    pub warnings: Vec<(PathBuf, Warning)>,
}

/// The readable photos of a part with their features.
#[derive(Clone, Debug)]
pub struct PhotoSet {
    /// The photos.
    pub samples: Vec<Sample>,
    /// A row for each.
    pub features: FeatureSet,
}
