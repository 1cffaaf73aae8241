//! Whether a photo is like those that a model has learned from.
//!
//! A classifier knows its classes and no others: of ants and bees, a parrot is a bee at 0.93. Its probability says which of
//! both is likelier, never that it is neither. The pooled features tell more: those of a photo of the classes point where
//! those of the training photos point.
//!
//! ```text
//! u = x / |x|                                            the direction of the pooled features x
//! d = min over centers c of  sum_j w_j (u_j - c_j)^2     w_j = s / (s_j + s): features that vary within classes count less
//! novelty = d / limit                                    1: as far as 2 of 100 photos of the training
//! ```
//!
//! A center is the mean direction of a class; s_j is the variance of feature j within classes and s the mean of these. The
//! direction, not the vector, is what tells: drawings, documents and noise have features near 0, which is near to every mean.
//!
//! # Source
//! Lee, Lee, Lee, Shin, "A simple unified framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS
//! 2018, for distances to class means; Müller, Hein, "Mahalanobis++", ICML 2025, for directions instead of features.

use icecap_weights::{StoredCenter, StoredNovelty};

/// What tells photos that are unlike those that a model has learned from.
#[derive(Clone, Debug, PartialEq)]
pub struct Novelty {
    stored: StoredNovelty,
    /// How much each feature counts, 0 to 1.
    weights: Vec<f32>,
    /// Mean directions, one behind the other.
    centers: Vec<f32>,
}

impl Novelty {
    /// The usual novelty from which on a photo is taken for none of the classes: that of 2 of 100 photos of them.
    pub const LIMIT: f32 = 1.0;

    /// Novelty as a model file keeps it.
    pub(crate) fn of_stored(stored: StoredNovelty) -> Self {
        let weights = stored.weights.iter().map(|&weight| f32::from(weight) / 255.0).collect();
        let center = |StoredCenter { step, values }: &StoredCenter| {
            let step = *step;
            values.iter().map(move |&value| f32::from(value) * step).collect::<Vec<f32>>()
        };
        let centers = stored.centers.iter().flat_map(center).collect();
        Self { stored, weights, centers }
    }

    /// What a model file keeps.
    pub(crate) fn stored(&self) -> &StoredNovelty {
        &self.stored
    }

    /// Returns how unlike the photos of the training a photo is, by its pooled features: 1 is the distance beyond which 2 of 100
    /// photos of the training lie, each seen from the others; more is farther.
    ///
    /// # Panics
    /// If the row has another number of features than the model.
    #[must_use]
    pub fn of(&self, row: &[f32]) -> f32 {
        (distance(row, &self.weights, &self.centers) / f64::from(self.stored.limit)) as f32
    }

    /// Returns how many centers there are: one for each class, or fewer of many.
    #[must_use]
    pub fn centers(&self) -> usize {
        self.centers.len() / self.weights.len().max(1)
    }

    /// Returns how many photos of the training told how far is usual.
    #[must_use]
    pub fn photos(&self) -> usize {
        self.stored.photos
    }
}

/// The length of a row: its features are divided by it. That of a row of zeros is 1.
pub(crate) fn length(row: &[f32]) -> f64 {
    let squares: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
    if squares > 0.0 { squares.sqrt() } else { 1.0 }
}

/// Sums that run side by side: one alone would wait for itself at every feature.
const LANES: usize = 16;

/// The least distance of the direction of a row to centers. Sums have one order, whatever the processor.
pub(crate) fn distance(row: &[f32], weights: &[f32], centers: &[f32]) -> f64 {
    assert_eq!(row.len(), weights.len());
    let scale = 1.0 / length(row);
    let direction: Vec<f32> = row.iter().map(|&value| (f64::from(value) * scale) as f32).collect();
    let to = |center: &[f32]| -> f64 {
        let mut sums = [0.0_f32; LANES];
        let pieces = direction.chunks(LANES).zip(center.chunks(LANES)).zip(weights.chunks(LANES));
        for ((u, c), w) in pieces {
            for (((sum, u), c), w) in sums.iter_mut().zip(u).zip(c).zip(w) {
                *sum += w * (u - c) * (u - c);
            }
        }
        sums.iter().map(|&sum| f64::from(sum)).sum()
    };
    centers.chunks_exact(row.len().max(1)).map(to).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_center_counts_and_the_length_of_features_does_not() {
        let stored = StoredNovelty {
            limit: 0.5,
            photos: 9,
            weights: vec![255, 255, 51],
            centers: vec![
                StoredCenter { step: 0.004, values: vec![250, 0, 0] },
                StoredCenter { step: 0.004, values: vec![0, 250, 0] },
            ],
        };
        let novelty = Novelty::of_stored(stored);
        assert_eq!((novelty.centers(), novelty.photos()), (2, 9));
        let near = |row: [f32; 3], wanted: f32| {
            let got = novelty.of(&row);
            assert!((got - wanted).abs() < 1e-5, "{row:?}: {got} for {wanted}");
        };
        near([3.0, 0.0, 0.0], 0.0);
        near([0.0, 1e-3, 0.0], 0.0);
        // Away from every center by 1, and by a fifth of the square of the last feature, which counts a fifth.
        near([0.0, 0.0, 7.0], (1.0 + 0.2) / 0.5);
        near([0.0, 0.0, 0.0], 1.0 / 0.5);
    }
}
