//! The photos of a part with their features, and how reading them went.

use std::path::PathBuf;

use icecap_data::{Sample, Warning};

use crate::learn::feature_set::FeatureSet;

/// A photo that is left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedPhoto {
    /// The photo's file.
    pub path: PathBuf,
    /// Why the photo is left out, its path included.
    pub reason: String,
}

/// A photo whose file has the same content as another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    /// The photo's file.
    pub path: PathBuf,
    /// The first file with this content.
    pub first: PathBuf,
    /// Whether the two are of different classes.
    pub other_class: bool,
    /// Whether the two are in different parts, of which one is training.
    pub other_part: bool,
}

/// How reading the photos went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhotoReport {
    /// How many photos have features that are used.
    pub read: usize,
    /// How many of the photos that are used have their features from the cache.
    pub cached: usize,
    /// The photos that cannot be read.
    pub skipped: Vec<SkippedPhoto>,
    /// The photos of which the same file is there more than once, but for the first of each.
    pub twins: Vec<Twin>,
    /// What is odd about photos that are used.
    pub warnings: Vec<(PathBuf, Warning)>,
}

/// The readable photos of a part with their features.
#[derive(Clone, Debug)]
pub struct PhotoSet {
    /// The photos.
    pub samples: Vec<Sample>,
    /// The features, a row for each photo.
    pub features: FeatureSet,
}
