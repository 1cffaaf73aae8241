//! A flat map of features: the plane in which some photos lie furthest apart.
//!
//! Features have 1280 numbers a photo and a page has two, so the map keeps the two directions of largest variance
//! (principal components):
//!
//! ```text
//! mean  m = sum of rows / n
//! spread C = (X - m)^T (X - m) / (n - 1)            [F, F], never made
//! axes   the two eigenvectors of C with the largest eigenvalues
//! place  of a row x: ((x - m) . axis_0, (x - m) . axis_1)
//! ```
//!
//! The axes come from subspace iteration: a block of eight directions is multiplied by C again and again, made
//! orthonormal, and turned so that C is diagonal within it (Rayleigh, Ritz). Each round shrinks the error by the ratio of
//! the ninth eigenvalue to the second, so that some ten rounds do; the two that we want are held against
//! `C v = value v` to tell when it is enough. Every sum is taken in f64 in one order on the caller's thread: the map has
//! the same bits wherever it is made. No class is looked at, so what lies apart on the map really is apart; what lies
//! together may still differ in the other directions.
//!
//! Hotelling, "Analysis of a complex of statistical variables into principal components", 1933; Halko, Martinsson, Tropp,
//! "Finding structure with randomness", 2011, for the block's extra directions.

use icecap_kernels::rng::philox;

use crate::error::Error;
use crate::learn::feature_set::FeatureSet;

/// The most rows that the axes are fitted on: evenly spaced ones of all that are given. All rows can be placed.
pub const MAP_ROWS: usize = 1024;

/// Directions that are iterated together; two of them are wanted.
const BLOCK: usize = 8;
/// Rounds at most; data without any leading direction never settles, and every plane is as good there.
const ROUNDS: usize = 100;
/// A wanted direction is settled where `|C v - value v|` is below this share of the largest value: places are then
/// off by less than a pixel of any page.
const SETTLED: f64 = 1e-6;
/// What tells the first directions from other random numbers.
const KEY: [u32; 2] = [0x1cec_a900, 0x6d61_7000];

type Lanes = [f64; BLOCK];

/// A plane through features, and where each row of features lies on it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMap {
    mean: Vec<f64>,
    axes: [Vec<f64>; 2],
    variance: [f64; 2],
    total: f64,
}

impl FeatureMap {
    /// Fits the map of all rows of `sets`, on [`MAP_ROWS`] of them at most.
    ///
    /// # Errors
    /// [`Error::Setting`] if there is no row, or the rows of two sets differ in length.
    pub fn fit(sets: &[&FeatureSet]) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::Setting { what: "feature map", reason: reason.to_owned() };
        let mut sets = sets.iter().filter(|set| !set.is_empty()).peekable();
        let width = sets.peek().map_or(0, |set| width(set));
        let mut rows: Vec<&[f32]> = Vec::new();
        for set in sets {
            if self::width(set) != width {
                return Err(refuse("the rows differ in length; take features of one backbone"));
            }
            rows.extend((0..set.len()).map(|row| set.row(row)));
        }
        if rows.is_empty() || width == 0 {
            return Err(refuse("there are no features; give at least one row"));
        }
        let fitted = rows.len().min(MAP_ROWS);
        let chosen: Vec<&[f32]> = (0..fitted).map(|index| rows[index * rows.len() / fitted]).collect();
        Ok(Self::of_rows(&chosen, width))
    }

    fn of_rows(rows: &[&[f32]], width: usize) -> Self {
        let mut mean = vec![0.0; width];
        for row in rows {
            mean.iter_mut().zip(*row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        mean.iter_mut().for_each(|sum| *sum /= rows.len() as f64);
        let centered: Vec<f64> = rows
            .iter()
            .flat_map(|row| row.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean))
            .collect();
        let freedom = rows.len().saturating_sub(1).max(1) as f64;
        let total = centered.iter().map(|value| value * value).sum::<f64>() / freedom;
        let (basis, values) = leading(&centered, width, freedom);
        let axes = [0, 1].map(|lane| upright(basis.iter().map(|lanes| lanes[lane]).collect()));
        Self { mean, axes, variance: [values[0].max(0.0), values[1].max(0.0)], total }
    }

    /// Returns where a row of features lies.
    ///
    /// # Panics
    /// If the row is not as long as those that the map was fitted on.
    #[must_use]
    pub fn place(&self, row: &[f32]) -> [f32; 2] {
        assert_eq!(row.len(), self.mean.len(), "features of another length");
        let mut place = [0.0; 2];
        for (index, (value, mean)) in row.iter().zip(&self.mean).enumerate() {
            let apart = f64::from(*value) - mean;
            place[0] += apart * self.axes[0][index];
            place[1] += apart * self.axes[1][index];
        }
        place.map(|sum| sum as f32)
    }

    /// Returns the axes, each of length 1: the larger variance first, the entry furthest from zero positive.
    #[must_use]
    pub fn axes(&self) -> &[Vec<f64>; 2] {
        &self.axes
    }

    /// Returns the share of the rows' variance that each axis shows, in [0, 1]; 0 if all rows are the same.
    #[must_use]
    pub fn shares(&self) -> [f64; 2] {
        self.variance.map(|variance| if self.total > 0.0 { (variance / self.total).min(1.0) } else { 0.0 })
    }
}

fn width(set: &FeatureSet) -> usize {
    set.width()
}

/// The leading directions of centered rows and the variances along them, largest first.
///
/// # Shapes
/// `rows` `[N, width]`; the directions `[width]` of lanes.
fn leading(rows: &[f64], width: usize, freedom: f64) -> (Vec<Lanes>, Lanes) {
    let mut basis: Vec<Lanes> = (0..width).map(|feature| start(feature as u32)).collect();
    orthonormalize(&mut basis);
    let mut values = [0.0; BLOCK];
    for _ in 0..ROUNDS {
        let mut places: Vec<Lanes> = rows.chunks_exact(width).map(|row| product(row, &basis)).collect();
        let turn;
        (turn, values) = diagonal(spread(&places, freedom));
        basis.iter_mut().for_each(|lanes| *lanes = turned(lanes, &turn));
        places.iter_mut().for_each(|lanes| *lanes = turned(lanes, &turn));
        let mut next = vec![[0.0; BLOCK]; width];
        for (row, place) in rows.chunks_exact(width).zip(&places) {
            for (sum, value) in next.iter_mut().zip(row) {
                for lane in 0..BLOCK {
                    sum[lane] += value * place[lane];
                }
            }
        }
        next.iter_mut().for_each(|lanes| lanes.iter_mut().for_each(|sum| *sum /= freedom));
        let settled = (0..2).all(|lane| {
            let apart = basis.iter().zip(&next).map(|(v, cv)| (cv[lane] - values[lane] * v[lane]).powi(2));
            apart.sum::<f64>().sqrt() <= SETTLED * values[0]
        });
        if settled {
            break;
        }
        basis = next;
        orthonormalize(&mut basis);
    }
    (basis, values)
}

/// Returns the entries of the first directions at a feature: random, and the same in every run.
fn start(feature: u32) -> Lanes {
    let words = [0, 1].map(|half| philox([feature, half, 0, 0], KEY));
    std::array::from_fn(|lane| f64::from(words[lane / 4][lane % 4]) / f64::from(u32::MAX) - 0.5)
}

/// A row along each direction.
fn product(row: &[f64], basis: &[Lanes]) -> Lanes {
    let mut sums = [0.0; BLOCK];
    for (value, lanes) in row.iter().zip(basis) {
        for lane in 0..BLOCK {
            sums[lane] += value * lanes[lane];
        }
    }
    sums
}

/// The covariance of places along the directions.
fn spread(places: &[Lanes], freedom: f64) -> [Lanes; BLOCK] {
    let mut sums = [[0.0; BLOCK]; BLOCK];
    for place in places {
        for (sum, along) in sums.iter_mut().zip(place) {
            for lane in 0..BLOCK {
                sum[lane] += along * place[lane];
            }
        }
    }
    sums.map(|row| row.map(|sum| sum / freedom))
}

fn turned(lanes: &Lanes, turn: &[Lanes; BLOCK]) -> Lanes {
    std::array::from_fn(|lane| (0..BLOCK).map(|from| lanes[from] * turn[from][lane]).sum())
}

/// Makes the directions orthonormal, in their order, each freed twice from those before it (once leaves rounding behind
/// where two nearly agree). One that is a sum of those before it becomes zero: the rows have no further direction.
fn orthonormalize(basis: &mut [Lanes]) {
    for lane in 0..BLOCK {
        let norm = |basis: &[Lanes]| basis.iter().map(|lanes| lanes[lane] * lanes[lane]).sum::<f64>().sqrt();
        let before = norm(basis);
        for _ in 0..2 {
            for other in 0..lane {
                let along: f64 = basis.iter().map(|lanes| lanes[lane] * lanes[other]).sum();
                basis.iter_mut().for_each(|lanes| lanes[lane] -= along * lanes[other]);
            }
        }
        let left = norm(basis);
        let scale = if left > before * 1e-12 { 1.0 / left } else { 0.0 };
        basis.iter_mut().for_each(|lanes| lanes[lane] *= scale);
    }
}

/// The eigenvectors (as columns) and eigenvalues of a symmetric matrix, largest value first, by Jacobi's rotations.
fn diagonal(mut matrix: [Lanes; BLOCK]) -> ([Lanes; BLOCK], Lanes) {
    let mut turn: [Lanes; BLOCK] = std::array::from_fn(|row| std::array::from_fn(|c| f64::from(row == c)));
    for _ in 0..30 {
        for p in 0..BLOCK {
            for q in p + 1..BLOCK {
                rotate(&mut matrix, &mut turn, p, q);
            }
        }
    }
    let mut order: [usize; BLOCK] = std::array::from_fn(|index| index);
    order.sort_by(|a, b| matrix[*b][*b].total_cmp(&matrix[*a][*a]));
    (turn.map(|row| order.map(|lane| row[lane])), order.map(|lane| matrix[lane][lane]))
}

/// One of Jacobi's rotations: in the plane of `p` and `q`, by the angle that makes their entry zero.
fn rotate(matrix: &mut [Lanes; BLOCK], turn: &mut [Lanes; BLOCK], p: usize, q: usize) {
    let entry = matrix[p][q];
    if entry.abs() <= f64::EPSILON * (matrix[p][p] * matrix[q][q]).abs().sqrt() || entry == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * entry);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut().chain(turn.iter_mut()) {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    for column in 0..BLOCK {
        let (above, below) = (matrix[p][column], matrix[q][column]);
        (matrix[p][column], matrix[q][column]) =
            (cosine * above - sine * below, sine * above + cosine * below);
    }
}

/// The direction or its opposite: that whose entry furthest from zero, the first of several, is positive.
fn upright(mut axis: Vec<f64>) -> Vec<f64> {
    let furthest = axis.iter().copied().fold(0.0_f64, |far, v| if v.abs() > far.abs() { v } else { far });
    if furthest < 0.0 {
        axis.iter_mut().for_each(|value| *value = -*value);
    }
    axis
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};
    use icecap_kernels::{Shape, Tensor};

    use super::*;

    /// `rows` of `width` features with the standard deviations `spread`, turned so that no axis is a feature's.
    fn drawn(seed: u64, rows: usize, width: usize, spread: impl Fn(usize) -> f32) -> FeatureSet {
        let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
        let mut data = Vec::new();
        for _ in 0..rows {
            let own: Vec<f32> = (0..width)
                .map(|f| spread(f) * (0..12).map(|_| stream.uniform() - 0.5).sum::<f32>())
                .collect();
            // A reflection at the vector of ones is orthogonal and mixes all features.
            let mean = own.iter().sum::<f32>() * 2.0 / width as f32;
            data.extend(own.iter().map(|value| value - mean + 3.0));
        }
        let tensor = Tensor::from_slice(Shape::of([rows, width]), &data).unwrap();
        FeatureSet::new(tensor, vec![0; rows]).unwrap()
    }

    /// The covariance matrix itself, from its formula.
    fn covariance(set: &FeatureSet, width: usize) -> Vec<Vec<f64>> {
        let rows: Vec<&[f32]> = set.features().data().chunks_exact(width).collect();
        let n = rows.len() as f64;
        let mean: Vec<f64> =
            (0..width).map(|f| rows.iter().map(|row| f64::from(row[f])).sum::<f64>() / n).collect();
        let entry = |a: usize, b: usize| {
            let products =
                rows.iter().map(|row| (f64::from(row[a]) - mean[a]) * (f64::from(row[b]) - mean[b]));
            products.sum::<f64>() / (n - 1.0)
        };
        (0..width).map(|a| (0..width).map(|b| entry(a, b)).collect()).collect()
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn the_axes_are_eigenvectors_of_the_covariance_with_the_largest_variance() {
        for (seed, rows, width) in [(1, 200, 24), (2, 60, 80), (3, 9, 40)] {
            let set = drawn(seed, rows, width, |feature| 3.0 / (1 + feature) as f32);
            let map = FeatureMap::fit(&[&set]).unwrap();
            let spread = covariance(&set, width);
            let [first, second] = map.axes();
            assert!((dot(first, first) - 1.0).abs() < 1e-12 && (dot(second, second) - 1.0).abs() < 1e-12);
            assert!(dot(first, second).abs() < 1e-12, "seed {seed}");
            assert!(map.variance[0] >= map.variance[1]);
            for (axis, variance) in map.axes().iter().zip(map.variance) {
                let image: Vec<f64> = spread.iter().map(|row| dot(row, axis)).collect();
                for (got, value) in image.iter().zip(axis) {
                    assert!((got - variance * value).abs() < 2e-6 * map.variance[0], "seed {seed}");
                }
                let furthest = axis.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
                assert!(furthest > 0.0);
            }
            // No other direction has more: not a feature's, not a random one freed of the first axis.
            let mut stream = Stream::new(seed, Purpose::Test, 1, 0);
            for _ in 0..200 {
                let mut other: Vec<f64> = (0..width).map(|_| f64::from(stream.uniform()) - 0.5).collect();
                let along = dot(&other, first);
                other.iter_mut().zip(first).for_each(|(value, axis)| *value -= along * axis);
                let image: Vec<f64> = spread.iter().map(|row| dot(row, &other)).collect();
                assert!(dot(&image, &other) / dot(&other, &other) <= map.variance[1] * (1.0 + 1e-6));
            }
        }
    }

    #[test]
    fn places_have_the_variance_that_is_told() {
        let set = drawn(4, 300, 32, |feature| if feature < 2 { 2.0 } else { 0.3 });
        let map = FeatureMap::fit(&[&set]).unwrap();
        let places: Vec<[f32; 2]> =
            set.features().data().chunks_exact(32).map(|row| map.place(row)).collect();
        for axis in 0..2 {
            let sum: f64 = places.iter().map(|place| f64::from(place[axis])).sum();
            let squares: f64 = places.iter().map(|place| f64::from(place[axis]).powi(2)).sum();
            assert!((sum / 300.0).abs() < 1e-4);
            assert!((squares / 299.0 - map.variance[axis]).abs() < 1e-3 * map.variance[axis]);
        }
        let [first, second] = map.shares();
        assert!(first >= second && first + second > 0.5 && first + second <= 1.0);
    }

    #[test]
    fn rows_without_spread_or_of_one_direction_have_a_map_too() {
        let of = |rows: usize, data: &[f32]| {
            let tensor = Tensor::from_slice(Shape::of([rows, data.len() / rows]), data).unwrap();
            FeatureSet::new(tensor, vec![0; rows]).unwrap()
        };
        let same = FeatureMap::fit(&[&of(3, &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])]).unwrap();
        assert_eq!((same.place(&[1.0, 2.0]), same.shares()), ([0.0, 0.0], [0.0, 0.0]));
        let line = FeatureMap::fit(&[&of(3, &[0.0, 0.0, 3.0, 4.0, 6.0, 8.0])]).unwrap();
        let [x, y] = line.place(&[6.0, 8.0]);
        assert!((x - 5.0).abs() < 1e-5 && y.abs() < 1e-5, "{x} {y}");
        assert!((line.shares()[0] - 1.0).abs() < 1e-12);
        assert!(FeatureMap::fit(&[]).is_err());
        assert!(FeatureMap::fit(&[&of(1, &[1.0]), &of(1, &[1.0, 2.0])]).is_err());
    }

    #[test]
    fn many_rows_are_fitted_on_evenly_spaced_ones_and_two_sets_are_as_one() {
        let set = drawn(5, MAP_ROWS * 3, 6, |feature| 1.0 / (1 + feature) as f32);
        let data = set.features().data();
        let every_third: Vec<f32> = data.chunks_exact(6).step_by(3).flatten().copied().collect();
        let part = |data: &[f32]| {
            let rows = data.len() / 6;
            let tensor = Tensor::from_slice(Shape::of([rows, 6]), data).unwrap();
            FeatureSet::new(tensor, vec![0; rows]).unwrap()
        };
        let (head, tail) = data.split_at(6 * 1000);
        let whole = FeatureMap::fit(&[&set]).unwrap();
        assert_eq!(whole, FeatureMap::fit(&[&part(&every_third)]).unwrap());
        assert_eq!(whole, FeatureMap::fit(&[&part(head), &part(tail)]).unwrap());
    }
}
