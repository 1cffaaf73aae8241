//! What a check found, as it was found.

use icecap_data::{Part, Survey};

use crate::check::oddity::{self, Oddity};
use crate::check::seen::Seen;
use crate::judge::doubted_labels::DoubtedLabel;

/// Photos that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Indices into the photos of the survey, in ascending order.
    pub photos: Vec<usize>,
    /// The least likeness of two of them: 1 if they are identical.
    pub similarity: f32,
}

/// What a check of a dataset found.
#[derive(Debug)]
pub struct Checkup {
    /// The dataset that was looked at.
    pub survey: Survey,
    /// What was seen of each photo of the survey, or why it cannot be read; in the order of the survey.
    pub photos: Vec<Result<Seen, icecap_data::Error>>,
    /// Photos whose files are the same, byte for byte.
    pub identical: Vec<Group>,
    /// Photos that have the same size, the same layout and the same features in files that differ, as copies with another
    /// comment do. Of identical ones the first stands for all.
    pub equal: Vec<Group>,
    /// Photos of which every two are nearly the same. The first of identical or equal ones stands for all of them. A photo may
    /// be in several groups.
    pub similar: Vec<Group>,
    /// Two photos each that may be the same, the likeliest first.
    pub perhaps: Vec<Group>,
    /// The photos that were found to be nearly the same, two by two. The first of identical or equal ones stands for all of them,
    /// unless copies were looked for again among those that stay.
    pub pairs: Vec<[usize; 2]>,
    /// Labels that are probably wrong, the most doubted first; the row is the photo's index into those of the survey.
    pub doubted: Vec<DoubtedLabel>,
    /// How many photos were compared with each other for near duplicates.
    pub compared: usize,
    /// The likeness from which photos are told as nearly the same.
    pub threshold: f32,
    /// How many photos the cache knew.
    pub cached: usize,
}

impl Checkup {
    /// Returns the parts in which some photos lie, of a group or a finding, in their order.
    #[must_use]
    pub fn parts_of(&self, photos: &[usize]) -> Vec<Part> {
        let mut parts: Vec<Part> = photos.iter().map(|&photo| self.survey.photos[photo].0).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// Returns the classes that some photos have, of a group or a finding, as indices in their order.
    #[must_use]
    pub fn classes_of(&self, photos: &[usize]) -> Vec<usize> {
        let mut classes: Vec<usize> = photos.iter().map(|&photo| self.survey.photos[photo].1.class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Counts the photos of each class in a part, those that cannot be read included.
    #[must_use]
    pub fn counts(&self, part: Part) -> Vec<usize> {
        let mut counts = vec![0; self.survey.classes.len()];
        for (_, sample) in self.survey.photos.iter().filter(|(own, _)| *own == part) {
            counts[sample.class] += 1;
        }
        counts
    }

    /// Returns what is suspicious about a photo; nothing if it cannot be read.
    #[must_use]
    pub fn oddities(&self, photo: usize) -> Vec<Oddity> {
        self.photos[photo].as_ref().map(oddity::of).unwrap_or_default()
    }

    /// Goes over the photos that can be read, with their indices.
    pub fn seen(&self) -> impl Iterator<Item = (usize, &Seen)> {
        self.photos.iter().enumerate().filter_map(|(index, photo)| Some((index, photo.as_ref().ok()?)))
    }
}
