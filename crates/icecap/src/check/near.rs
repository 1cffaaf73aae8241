//! Of each row the rows that are nearest to it, by dot products.
//!
//! N^2 products of 20,000 photos would take 1.6 GB. Here they are made tile by tile, 256 by 256, each a product of
//! matrices, and of each tile only the few largest of every row and every column are kept.

use std::ops::ControlFlow;

use icecap_kernels::Threads;
use icecap_kernels::matmul::{Matrix, matmul};

use crate::error::Error;

/// Rows and columns of a tile.
const TILE: usize = 256;
/// Tiles whose largest products are held at once: of all tiles beside a block they would be more than the rows.
const AT_ONCE: usize = 64;

/// A row that is near another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Near {
    pub(super) row: u32,
    pub(super) similarity: f32,
}

const NONE: Near = Near { row: u32::MAX, similarity: f32::NEG_INFINITY };

/// Centers `rows` on their mean and scales each to length 1. A row of no length stays zero and is like no other.
///
/// Centering matters: pooled features are sums of what no ReLU lets below zero, and share a large common part that brings
/// strangers close to each other.
///
/// # Shapes
/// `rows` [N, len].
pub(super) fn normalize(rows: &mut [f32], len: usize) {
    let count = (rows.len() / len).max(1);
    let mut mean = vec![0.0f64; len];
    for row in rows.chunks_exact(len) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let mean: Vec<f32> = mean.into_iter().map(|sum| (sum / count as f64) as f32).collect();
    for row in rows.chunks_exact_mut(len) {
        let mut square = 0.0f64;
        for (value, mean) in row.iter_mut().zip(&mean) {
            *value -= mean;
            square += f64::from(*value) * f64::from(*value);
        }
        let scale = if square > 0.0 { (1.0 / square.sqrt()) as f32 } else { 0.0 };
        row.iter_mut().for_each(|value| *value *= scale);
    }
}

/// What is compared: each row with each of the others but that of its own number. The product of a row and another must be
/// that of the other row and the first's other.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    /// `[N, len]`.
    pub(super) rows: &'a [f32],
    /// `[N, len]`: the same rows, or what is made of each.
    pub(super) others: &'a [f32],
    pub(super) len: usize,
}

/// The largest products of each row of a block.
struct Tops {
    first: usize,
    keep: usize,
    of: Vec<Near>,
}

impl Tops {
    fn new(first: usize, rows: usize, keep: usize) -> Self {
        Self { first, keep, of: vec![NONE; rows * keep] }
    }

    /// Keeps `near` among those of `row` if it belongs there; of equal ones the lower number, whoever comes first.
    fn offer(&mut self, row: usize, near: Near) {
        let list = &mut self.of[(row - self.first) * self.keep..][..self.keep];
        let before = |a: &Near, b: &Near| {
            a.similarity > b.similarity || (a.similarity == b.similarity && a.row < b.row)
        };
        let Some(last) = list.last() else { return };
        if !before(&near, last) {
            return;
        }
        let place = list.iter().position(|held| before(&near, held)).unwrap_or(list.len() - 1);
        list[place..].rotate_right(1);
        list[place] = near;
    }

    fn take(&mut self, other: &Self) {
        for (row, list) in other.of.chunks_exact(self.keep).enumerate() {
            list.iter()
                .filter(|near| near.row != u32::MAX)
                .for_each(|&near| self.offer(other.first + row, near));
        }
    }
}

/// The `keep` nearest of each row, the nearest first; rows [N, keep], those that there are not with the number
/// [`u32::MAX`]. The same for any number of threads.
///
/// `progress` is called with the share of the work that is done and can stop it; by several threads.
///
/// # Errors
/// [`Error::Stopped`] if `progress` breaks.
pub(super) fn nearest(
    compared: Compared<'_>,
    keep: usize,
    threads: &Threads,
    progress: &(dyn Fn(f64) -> ControlFlow<()> + Sync),
) -> Result<Vec<Near>, Error> {
    let count = compared.rows.len() / compared.len;
    let blocks = count.div_ceil(TILE);
    let mut tiles = vec![vec![0.0f32; TILE * TILE]; threads.count().max(1)];
    let mut all = Tops::new(0, count, keep);
    let (mut done, whole) = (0, blocks * (blocks + 1) / 2);
    for upper in 0..blocks {
        for from in (upper..blocks).step_by(AT_ONCE) {
            let some = from..blocks.min(from + AT_ONCE);
            let before = done;
            done += some.len();
            let go_on = || progress(before as f64 / whole as f64);
            let found = threads.map_until_with(&go_on, &mut tiles, some, |tile, left| {
                of_tile(compared, keep, (upper, left), tile)
            });
            for [rows, columns] in found.ok_or(Error::Stopped)? {
                all.take(&rows);
                all.take(&columns);
            }
        }
    }
    if progress(1.0).is_break() {
        return Err(Error::Stopped);
    }
    Ok(all.of)
}

/// The largest products of the rows and of the columns of one tile.
fn of_tile(
    compared: Compared<'_>,
    keep: usize,
    (upper, left): (usize, usize),
    tile: &mut [f32],
) -> [Tops; 2] {
    let Compared { rows, others, len } = compared;
    let (a, b) = (block(rows, len, upper), block(others, len, left));
    let (down, across) = (a.len() / len, b.len() / len);
    let tile = &mut tile[..down * across];
    matmul(Matrix::new(a, down, len), Matrix::new(b, across, len).transposed(), tile, false);
    let mut tops = [Tops::new(upper * TILE, down, keep), Tops::new(left * TILE, across, keep)];
    for (y, line) in tile.chunks_exact(across).enumerate() {
        let row = upper * TILE + y;
        for (x, &similarity) in line.iter().enumerate() {
            let column = left * TILE + x;
            if row != column {
                tops[0].offer(row, Near { row: column as u32, similarity });
            }
            // The tile on the diagonal has each pair twice.
            if upper != left {
                tops[1].offer(column, Near { row: row as u32, similarity });
            }
        }
    }
    tops
}

/// The rows of a block.
fn block(rows: &[f32], len: usize, index: usize) -> &[f32] {
    let from = index * TILE * len;
    &rows[from..rows.len().min(from + TILE * len)]
}

/// A dot product by sixteen sums side by side.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    fn drawn(count: usize, len: usize, seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
        // Few values, so that many products are equal.
        let mut rows: Vec<f32> = (0..count * len).map(|_| stream.below(3) as f32 - 1.0).collect();
        normalize(&mut rows, len);
        rows
    }

    /// By the naive loop, and by tiles for 1 to 3 threads.
    #[test]
    fn the_nearest_are_those_that_a_full_sort_puts_first() {
        let len = 24;
        for (count, seed) in [(1, 1), (2, 2), (255, 3), (256, 4), (257, 5), (700, 6)] {
            let rows = drawn(count, len, seed);
            let mirrored: Vec<f32> = rows.chunks(len).flat_map(|row| row.iter().rev().copied()).collect();
            for others in [&rows, &mirrored] {
                let compared = Compared { rows: &rows, others, len };
                let go_on = |_| ControlFlow::Continue(());
                let kept = nearest(compared, 5, &Threads::serial(), &go_on).unwrap();
                assert_eq!(kept.len(), count * 5);
                for row in 0..count {
                    let product =
                        |other: usize| dot(&rows[row * len..][..len], &others[other * len..][..len]);
                    let mut all: Vec<usize> = (0..count).filter(|other| *other != row).collect();
                    all.sort_by(|a, b| product(*b).total_cmp(&product(*a)));
                    for (place, near) in kept[row * 5..][..5].iter().enumerate() {
                        match all.get(place) {
                            Some(other) => {
                                assert!((near.similarity - product(*other)).abs() < 1e-5, "{count} {row}");
                                assert!((near.similarity - product(near.row as usize)).abs() < 1e-5);
                            }
                            None => assert_eq!(near.row, u32::MAX),
                        }
                    }
                }
                for threads in 2..=3 {
                    let threads = Threads::new(threads).unwrap();
                    assert_eq!(nearest(compared, 5, &threads, &go_on).unwrap(), kept);
                }
            }
        }
    }

    #[test]
    fn who_is_stopped_stops() {
        let rows = drawn(300, 4, 1);
        let compared = Compared { rows: &rows, others: &rows, len: 4 };
        let stopped = nearest(compared, 2, &Threads::serial(), &|_| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}
