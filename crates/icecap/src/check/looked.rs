//! What is known of photos once they were looked at.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use icecap_data::{About, Digest, Survey};
use icecap_kernels::{Shape, Tensor};

use crate::check::checkup::Group;
use crate::check::oddity;
use crate::check::seen::Seen;
use crate::error::Error;
use crate::learn::feature_set::FeatureSet;
use crate::model::extraction::Extracted;

/// The most photos whose labels are judged: their features are held once more for each thread. Of more, every second,
/// third, … is.
const JUDGED: usize = 16_384;

/// The most memory that features of photos take that are compared.
const MOST_BYTES: usize = 4 << 30;

/// Photos whose labels are judged.
pub(super) struct Judged {
    pub(super) set: FeatureSet,
    /// Their places among those that are compared, of which there are so many.
    pub(super) rows: Vec<usize>,
    pub(super) photos: usize,
}

/// What was found so far, photo by photo.
pub(super) struct Looked {
    pub(super) photos: Vec<Result<Seen, icecap_data::Error>>,
    /// The photos of each content.
    copies: HashMap<Digest, Vec<usize>>,
    /// One photo of so many is compared; 1 to compare all.
    stride: usize,
    /// The photos that are compared, and their features.
    pub(super) compared: Vec<usize>,
    pub(super) rows: Vec<f32>,
    /// Places among those that are compared, by a hash of what is there.
    places: HashMap<u64, Vec<usize>>,
    /// By the first photo of equal ones, which is compared for all of them: the others.
    equal: HashMap<usize, Vec<usize>>,
    pub(super) cached: usize,
}

impl Looked {
    /// Room for so many photos, of which one in `stride` is compared, by `len` features.
    ///
    /// # Errors
    /// [`Error::TooManyPhotos`] if there is no room.
    pub(super) fn new(photos: usize, stride: usize, len: usize) -> Result<Self, Error> {
        let compared = photos.div_ceil(stride);
        let most = MOST_BYTES / size_of::<f32>() / len;
        let mut rows: Vec<f32> = Vec::new();
        // At once: growing, it would be there twice.
        if compared > most || rows.try_reserve_exact(compared * len).is_err() {
            return Err(Error::TooManyPhotos { photos, most: most.min(compared.saturating_sub(1)) });
        }
        Ok(Self {
            photos: Vec::with_capacity(photos),
            copies: HashMap::new(),
            stride,
            compared: Vec::new(),
            rows,
            places: HashMap::new(),
            equal: HashMap::new(),
            cached: 0,
        })
    }

    pub(super) fn add(&mut self, outcome: Result<Extracted, icecap_data::Error>, row: &[f32]) {
        let index = self.photos.len();
        let photo = outcome.map(|photo| {
            let Some(about) = photo.about else { unreachable!("the extractor describes every photo") };
            self.cached += usize::from(photo.cached);
            Seen { sha256: photo.sha256, about, warnings: photo.warnings }
        });
        if let Ok(seen) = &photo {
            let copies = self.copies.entry(seen.sha256).or_default();
            copies.push(index);
            // Photos of one color look alike to every net, and are told for that.
            if copies.len() == 1 && index.is_multiple_of(self.stride) && !oddity::is_one_color(&seen.about) {
                self.compare(index, &seen.about, row);
            }
        }
        self.photos.push(photo);
    }

    /// Takes a photo to those that are compared, or to the one that it equals.
    fn compare(&mut self, index: usize, about: &About, row: &[f32]) {
        let sight = |about: &About| (about.width, about.height, about.layout);
        let mut hasher = DefaultHasher::new();
        sight(about).hash(&mut hasher);
        row.iter().for_each(|value| value.to_bits().hash(&mut hasher));
        let places = self.places.entry(hasher.finish()).or_default();
        let equals = |&place: &usize| {
            let other = self.photos[self.compared[place]].as_ref();
            self.rows[place * row.len()..][..row.len()] == *row
                && other.is_ok_and(|other| sight(&other.about) == sight(about))
        };
        match places.iter().copied().find(equals) {
            Some(place) => self.equal.entry(self.compared[place]).or_default().push(index),
            None => {
                places.push(self.compared.len());
                self.compared.push(index);
                self.rows.extend_from_slice(row);
            }
        }
    }

    /// Photos of the same content.
    pub(super) fn identical(&self) -> Vec<Group> {
        sorted(self.copies.values().filter(|photos| photos.len() > 1).cloned())
    }

    /// Photos of the same size, layout and features in files that differ.
    pub(super) fn equal(&self) -> Vec<Group> {
        sorted(
            self.equal.iter().map(|(first, others)| std::iter::once(first).chain(others).copied().collect()),
        )
    }

    /// The photos whose labels are judged, with their features.
    pub(super) fn judged(&self, survey: &Survey, len: usize) -> Result<Judged, Error> {
        let photos = self.compared.len();
        let rows: Vec<usize> = (0..photos).step_by(photos.div_ceil(JUDGED).max(1)).collect();
        let mut features = Tensor::zeros(Shape::new(&[rows.len(), len])?);
        for (to, &row) in features.data_mut().chunks_exact_mut(len).zip(&rows) {
            to.copy_from_slice(&self.rows[row * len..][..len]);
        }
        let label = |&row: &usize| survey.photos[self.compared[row]].1.class as u32;
        let labels = rows.iter().map(label).collect();
        Ok(Judged { set: FeatureSet::new(features, labels)?, rows, photos })
    }
}

fn sorted(groups: impl Iterator<Item = Vec<usize>>) -> Vec<Group> {
    let mut groups: Vec<Group> = groups.map(|photos| Group { photos, similarity: 1.0 }).collect();
    groups.sort_by(|a, b| a.photos.cmp(&b.photos));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_photos_than_there_is_memory_for_are_refused_and_a_sample_of_them_is_not() {
        let many = 1 << 20;
        match Looked::new(many, 1, 1280) {
            Err(error @ Error::TooManyPhotos { photos, most }) => {
                assert_eq!((photos, most), (many, 838_860));
                assert_eq!(error.kind(), crate::error::Kind::Limit);
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
        assert!(Looked::new(many, 32, 1280).is_ok());
    }
}
