//! What a model keeps to tell photos that are unlike those that it has learned from, taken from their features:
//! [`Novelty`](crate::model::Novelty) says what is computed with it.

use icecap_weights::{MAX_CENTERS, StoredCenter, StoredNovelty};

use crate::error::Error;
use crate::learn::compute::Compute;
use crate::learn::feature_set::FeatureSet;
use crate::learn::folds::{each, enough, parted, usable_folds};
use crate::model::novelty::{distance, length};

/// Folds by which it is seen how far photos lie from others of their classes.
const FOLDS: usize = 5;
/// The share of the training photos that is usual.
const USUAL: f64 = 0.98;
/// Rounds in which the means of many classes are gathered around fewer centers.
const ROUNDS: usize = 5;

/// Where the features of some photos point.
struct Directions {
    /// The mean of each class that has photos, one behind the other.
    centers: Vec<f32>,
    /// How much each feature counts, 0 to 1.
    weights: Vec<f32>,
}

impl Directions {
    /// The directions of those `rows` of a set that has `classes` classes.
    fn of(set: &FeatureSet, rows: &[usize], classes: usize) -> Self {
        let width = set.width();
        let direction = |row: usize| {
            let row = set.row(row);
            let scale = 1.0 / length(row);
            row.iter().map(move |&value| f64::from(value) * scale)
        };
        let (mut means, mut counts) = (vec![0.0; classes * width], vec![0_usize; classes]);
        for &row in rows {
            let class = set.labels()[row] as usize;
            counts[class] += 1;
            means[class * width..][..width]
                .iter_mut()
                .zip(direction(row))
                .for_each(|(sum, value)| *sum += value);
        }
        for (mean, &count) in means.chunks_exact_mut(width).zip(&counts) {
            mean.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
        }
        let mut variance = vec![0.0; width];
        for &row in rows {
            let mean = &means[set.labels()[row] as usize * width..][..width];
            for ((sum, value), mean) in variance.iter_mut().zip(direction(row)).zip(mean) {
                *sum += (value - mean).powi(2);
            }
        }
        let whole: f64 = variance.iter().sum::<f64>() / width.max(1) as f64;
        // Photos without any difference tell nothing of features.
        let weight = |&own: &f64| if whole > 0.0 { whole / (own + whole) } else { 1.0 };
        let weights = variance.iter().map(|own| weight(own) as f32).collect();
        let known = means.chunks_exact(width).zip(&counts).filter(|(_, count)| **count > 0);
        let centers = known.flat_map(|(mean, _)| mean.iter().map(|&value| value as f32)).collect();
        Self { centers: gathered(centers, width), weights }
    }
}

/// At most [`MAX_CENTERS`] centers: of more, the means of groups of near ones (Lloyd's rounds from every n-th on).
fn gathered(means: Vec<f32>, width: usize) -> Vec<f32> {
    let count = means.len() / width.max(1);
    if count <= MAX_CENTERS {
        return means;
    }
    let mean = |index: usize| &means[index * width..][..width];
    let mut centers: Vec<f32> =
        (0..MAX_CENTERS).flat_map(|at| mean(at * count / MAX_CENTERS).iter().copied()).collect();
    for _ in 0..ROUNDS {
        let (mut sums, mut members) = (vec![0.0; centers.len()], vec![0_usize; MAX_CENTERS]);
        for index in 0..count {
            let to = |center: &[f32]| -> f64 {
                center.iter().zip(mean(index)).map(|(c, m)| f64::from((c - m) * (c - m))).sum()
            };
            let apart: Vec<f64> = centers.chunks_exact(width).map(to).collect();
            let nearest = (0..MAX_CENTERS).min_by(|&a, &b| apart[a].total_cmp(&apart[b])).unwrap_or(0);
            members[nearest] += 1;
            sums[nearest * width..][..width]
                .iter_mut()
                .zip(mean(index))
                .for_each(|(sum, value)| *sum += f64::from(*value));
        }
        for (at, &members) in members.iter().enumerate().filter(|(_, members)| **members > 0) {
            for (to, sum) in centers[at * width..][..width].iter_mut().zip(&sums[at * width..]) {
                *to = (sum / members as f64) as f32;
            }
        }
    }
    centers
}

/// Takes from the photos of `set` what tells others that are unlike them. How far is usual is what photos are from the
/// others of them, fold by fold; `None` if they are too few for two folds, or all the same.
///
/// # Errors
/// [`Error::Stopped`] if the pulse breaks.
///
/// # Cost
/// Some passes over the features; the folds of many photos are not all judged.
pub(crate) fn novelty(
    compute: Compute<'_>,
    set: &FeatureSet,
    classes: usize,
    seed: u64,
) -> Result<Option<StoredNovelty>, Error> {
    let set = &*set.without_views()?;
    let Some((k, fold_of)) = usable_folds(set, classes, FOLDS, 1, seed) else { return Ok(None) };
    let judged = each(compute, enough(set.len(), k), |fold| {
        if compute.is_stopped() {
            return Err(Error::Stopped);
        }
        let (held, others) = parted(set, &fold_of, fold);
        let others = Directions::of(set, &others, classes);
        let far = |row: usize| distance(set.row(row), &others.weights, &others.centers);
        Ok(held.into_iter().map(far).collect::<Vec<f64>>())
    })?;
    let mut distances: Vec<f64> = judged.into_iter().flatten().collect();
    distances.sort_by(f64::total_cmp);
    let usual = ((USUAL * distances.len() as f64).ceil() as usize).clamp(1, distances.len().max(1)) - 1;
    let limit = distances.get(usual).map_or(0.0, |&limit| limit as f32);
    if !(limit > 0.0 && limit.is_finite()) {
        return Ok(None);
    }
    let all: Vec<usize> = (0..set.len()).collect();
    let Directions { centers, weights } = Directions::of(set, &all, classes);
    Ok(Some(StoredNovelty {
        limit,
        photos: distances.len(),
        weights: weights.iter().map(|weight| (weight * 255.0).round().max(1.0) as u8).collect(),
        centers: centers.chunks_exact(set.width()).map(stored).collect(),
    }))
}

/// A center in bytes. Features behind a ReLU are 0 or more, and so are their means; of others what is below 0 is taken for 0.
fn stored(center: &[f32]) -> StoredCenter {
    let largest = center.iter().copied().fold(0.0, f32::max);
    let step = largest / 255.0;
    let value = |&value: &f32| if step > 0.0 { (value / step).round().clamp(0.0, 255.0) as u8 } else { 0 };
    StoredCenter { step, values: center.iter().map(value).collect() }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use icecap_kernels::rng::{Purpose, Stream};
    use icecap_kernels::{Isa, Shape, Tensor, Threads};

    use super::*;
    use crate::model::novelty::Novelty;

    const WIDTH: usize = 40;

    /// Photos of so many classes: each class has two features that are high; `other` has another two.
    fn photos(count: u32, classes: u32, seed: u64) -> FeatureSet {
        let mut values = Vec::new();
        for photo in 0..count {
            let mut draw = Stream::new(seed, Purpose::Test, 3, photo);
            values.extend(row(&mut draw, photo % classes));
        }
        let tensor = Tensor::from_slice(Shape::of([count as usize, WIDTH]), &values).unwrap();
        FeatureSet::new(tensor, (0..count).map(|photo| photo % classes).collect()).unwrap()
    }

    fn row(draw: &mut Stream, class: u32) -> Vec<f32> {
        let brightness = draw.range(0.1, 3.0);
        let high = |at: usize| at / 2 == class as usize;
        (0..WIDTH).map(|at| brightness * (draw.range(0.0, 0.5) + if high(at) { 1.0 } else { 0.0 })).collect()
    }

    fn fitted(set: &FeatureSet, classes: usize, threads: &Threads) -> Option<StoredNovelty> {
        let go_on = || ControlFlow::Continue(());
        let compute = Compute { threads, isa: Isa::best(), pulse: &go_on };
        novelty(compute, set, classes, 0).unwrap()
    }

    #[test]
    fn photos_of_the_classes_are_usual_and_others_are_not_whatever_the_threads() {
        let set = photos(300, 3, 1);
        let stored = fitted(&set, 3, &Threads::serial()).unwrap();
        assert_eq!(fitted(&set, 3, &Threads::new(3).unwrap()), Some(stored.clone()));
        let novelty = Novelty::of_stored(stored);
        let mut draw = Stream::new(9, Purpose::Test, 4, 0);
        let mut beyond =
            |class: u32| (0..200).filter(|_| novelty.of(&row(&mut draw, class)) > Novelty::LIMIT).count();
        for class in 0..3 {
            let beyond = beyond(class);
            assert!(beyond <= 12, "{beyond} of 200 photos of class {class}");
        }
        assert!(beyond(7) >= 195 && beyond(100) >= 195);
    }

    #[test]
    fn many_classes_share_centers_and_too_few_photos_have_none() {
        let set = photos(20 * 20, 20, 2);
        assert_eq!(fitted(&set, 20, &Threads::serial()).unwrap().centers.len(), 20);
        let means: Vec<f32> = (0..300 * WIDTH).map(|at| ((at / WIDTH) % 3 + at % WIDTH % 7) as f32).collect();
        let centers = gathered(means.clone(), WIDTH);
        assert_eq!(centers.len(), MAX_CENTERS * WIDTH);
        // Each of the three that stand there a hundred times is found again.
        for mean in means.chunks_exact(WIDTH).take(3) {
            assert!(centers.chunks_exact(WIDTH).any(|center| center == mean));
        }
        // A photo of each class has none to be seen from, and photos that are all the same tell nothing.
        assert_eq!(fitted(&photos(3, 3, 3), 3, &Threads::serial()), None);
        let same =
            FeatureSet::new(Tensor::zeros(Shape::of([8, WIDTH])), vec![0, 1, 0, 1, 0, 1, 0, 1]).unwrap();
        assert_eq!(fitted(&same, 2, &Threads::serial()), None);
    }
}
