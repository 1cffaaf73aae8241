//! Photos that look alike: the nearest by the cosine of the angle between their pooled features.
//!
//! ```text
//! similarity(a, b) = sum_k a[k] b[k] / (|a| |b|)
//! ```
//!
//! Features stand behind a ReLU6, so none is below 0 and similarities are between 0 and 1. What counts is their order: on
//! 398 photos of ants and bees with ImageNet weights the nearest have about 0.5 to 0.6, those in the middle 0.3, the
//! farthest 0.15, and a copy of another size or quality comes close to 1. Rows are looked at one after the other, and of
//! each image no more than the nearest few are kept: memory does not grow with the photos.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use icecap_data::Digest;

/// A photo near an image, and how near it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The photo, as [`Nearest::offer`] was told.
    pub index: usize,
    /// The cosine between its features and the image's, from -1 to 1.
    pub similarity: f32,
}

/// The photos that were found near one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Similar {
    /// The nearest photos, the nearest first; of equal ones the first offered.
    pub nearest: Vec<Neighbor>,
    /// Photos whose file is the image's, byte for byte: itself and its copies. They are not among the nearest.
    pub copies: Vec<usize>,
}

/// A search for the photos that are nearest to some images.
#[derive(Debug)]
pub struct Nearest {
    top: usize,
    images: Vec<Image>,
}

#[derive(Debug)]
struct Image {
    sha256: Digest,
    features: Vec<f32>,
    norm: f64,
    /// The farthest of those that are kept is on top.
    kept: BinaryHeap<Reverse<Ranked>>,
    copies: Vec<usize>,
}

/// A neighbor in the order of nearness.
#[derive(Clone, Copy, Debug)]
struct Ranked(Neighbor);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.similarity.total_cmp(&other.0.similarity).then(other.0.index.cmp(&self.0.index))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl Nearest {
    /// Returns a search for the `top` nearest photos of each image, without images.
    #[must_use]
    pub fn new(top: usize) -> Self {
        Self { top, images: Vec::new() }
    }

    /// Adds an image to look for: the hash of its file and its pooled features.
    pub fn add_image(&mut self, sha256: Digest, features: &[f32]) {
        let norm = dot(features, features).sqrt();
        let (features, kept) = (features.to_vec(), BinaryHeap::new());
        self.images.push(Image { sha256, features, norm, kept, copies: Vec::new() });
    }

    /// Looks at a photo: its index, the hash of its file, its pooled features.
    ///
    /// # Panics
    /// If the features are not as many as those of the images.
    pub fn offer(&mut self, index: usize, sha256: Digest, features: &[f32]) {
        let norm = dot(features, features).sqrt();
        for image in &mut self.images {
            if image.sha256 == sha256 {
                image.copies.push(index);
                continue;
            }
            assert_eq!(features.len(), image.features.len(), "features of another length");
            let lengths = norm * image.norm;
            let cosine = if lengths > 0.0 { dot(features, &image.features) / lengths } else { 0.0 };
            let similarity = cosine.clamp(-1.0, 1.0) as f32;
            image.kept.push(Reverse(Ranked(Neighbor { index, similarity })));
            if image.kept.len() > self.top {
                image.kept.pop();
            }
        }
    }

    /// Ends the search, and returns what was found for each image, in the order in which they were added.
    #[must_use]
    pub fn finish(self) -> Vec<Similar> {
        let sorted = |kept: BinaryHeap<Reverse<Ranked>>| {
            kept.into_sorted_vec().into_iter().map(|Reverse(Ranked(neighbor))| neighbor).collect()
        };
        self.images
            .into_iter()
            .map(|image| Similar { nearest: sorted(image.kept), copies: image.copies })
            .collect()
    }
}

/// The dot product, summed in f64 and in order, so that it is the same on every machine.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    /// Held against sorting everything, with many that are equally near.
    #[test]
    fn the_kept_are_those_that_a_full_sort_puts_first() {
        let mut stream = Stream::new(7, Purpose::Test, 0, 0);
        let mut row = || -> Vec<f32> { (0..3).map(|_| (stream.next_u32() % 4) as f32).collect() };
        let rows: Vec<Vec<f32>> = (0..300).map(|_| row()).collect();
        let digest = |index: usize| Digest::of(&index.to_le_bytes());
        for top in [1, 7, 300, 1000] {
            let mut search = Nearest::new(top);
            search.add_image(digest(5), &rows[5]);
            for (index, row) in rows.iter().enumerate() {
                search.offer(index, digest(index), row);
            }
            let found = search.finish().remove(0);
            assert_eq!(found.copies, [5]);
            let cosine = |row: &[f32]| {
                let lengths = dot(row, row).sqrt() * dot(&rows[5], &rows[5]).sqrt();
                if lengths > 0.0 { (dot(row, &rows[5]) / lengths).min(1.0) as f32 } else { 0.0 }
            };
            let mut all: Vec<(usize, f32)> =
                rows.iter().enumerate().filter(|(i, _)| *i != 5).map(|(i, row)| (i, cosine(row))).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all.truncate(top);
            let kept: Vec<(usize, f32)> = found.nearest.iter().map(|n| (n.index, n.similarity)).collect();
            assert_eq!(kept, all, "the nearest {top}");
        }
    }
}
