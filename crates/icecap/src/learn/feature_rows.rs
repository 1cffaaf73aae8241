//! Rows of features: a matrix, or some rows of one, which stay where they are. Folds and slices of photos are learned from in
//! batches, which are gathered anyway; a copy of a fold would be most of the features once more.

use std::sync::{Arc, OnceLock};

use icecap_kernels::{Shape, Tensor, Threads};

use crate::error::Error;

/// Rows that are gathered at a time by whoever needs them one behind the other: 5 MB at most widths.
const PIECE: usize = 1024;

/// The rows of a matrix `[N, F]`, or some of them.
#[derive(Clone, Debug)]
pub(crate) struct FeatureRows {
    stored: Arc<Tensor>,
    taken: Option<Taken>,
}

/// Some rows.
#[derive(Clone, Debug)]
struct Taken {
    /// Their numbers among those that are stored.
    rows: Arc<[u32]>,
    /// A copy of them, once somebody needs all of them one behind the other.
    whole: Arc<OnceLock<Tensor>>,
}

impl FeatureRows {
    /// All rows of a matrix.
    pub(crate) fn of(matrix: Tensor) -> Self {
        Self { stored: Arc::new(matrix), taken: None }
    }

    /// Some of these rows, in the order given.
    ///
    /// # Errors
    /// [`Error::Kernel`] if they are too many for a tensor.
    ///
    /// # Panics
    /// If a row is not there.
    pub(crate) fn some(&self, rows: &[usize]) -> Result<Self, Error> {
        Shape::new(&[rows.len(), self.width()])?;
        let all = self.len();
        let stored = |&row: &usize| {
            assert!(row < all, "row {row} of {all}");
            self.number(row)
        };
        let taken = Taken { rows: rows.iter().map(stored).collect(), whole: Arc::default() };
        Ok(Self { stored: Arc::clone(&self.stored), taken: Some(taken) })
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.as_ref().map_or(self.stored.shape().dims()[0], |taken| taken.rows.len())
    }

    pub(crate) fn width(&self) -> usize {
        self.stored.shape().dims()[1]
    }

    /// The matrix in which the rows stand, among others.
    pub(crate) fn matrix(&self) -> &Tensor {
        &self.stored
    }

    /// The number of a row in [`FeatureRows::matrix`].
    pub(crate) fn number(&self, row: usize) -> u32 {
        self.taken.as_ref().map_or(row as u32, |taken| taken.rows[row])
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        let width = self.width();
        &self.stored.data()[self.number(row) as usize * width..][..width]
    }

    /// The rows one behind the other.
    pub(crate) fn whole(&self) -> &Tensor {
        let Some(taken) = &self.taken else { return &self.stored };
        taken.whole.get_or_init(|| {
            // A matrix of this shape was found to be possible when the rows were taken.
            let shape = Shape::of([self.len(), self.width()]);
            let mut whole = Tensor::zeros(shape);
            self.gather(0, whole.data_mut());
            whole
        })
    }

    /// The numbers of the rows in [`FeatureRows::matrix`]; `None` if they are all of it.
    pub(crate) fn numbers(&self) -> Option<&[u32]> {
        self.taken.as_ref().map(|taken| &*taken.rows)
    }

    /// Hands over the rows in pieces, on all threads, with as many values for each row to be written.
    pub(crate) fn spread(
        &self,
        threads: &Threads,
        out: &mut [f32],
        write: impl Fn(&[f32], &mut [f32]) + Sync,
    ) {
        let (width, each) = (self.width(), out.len() / self.len().max(1));
        threads.map(out.chunks_mut((PIECE * each).max(1)).enumerate(), |(piece, out)| {
            let (first, count) = (piece * PIECE, out.len() / each);
            if self.taken.is_none() {
                return write(&self.stored.data()[first * width..][..count * width], out);
            }
            let mut rows = vec![0.0; count * width];
            self.gather(first, &mut rows);
            write(&rows, out);
        });
    }

    /// Copies rows from `first` on.
    fn gather(&self, first: usize, to: &mut [f32]) {
        for (row, to) in to.chunks_exact_mut(self.width().max(1)).enumerate() {
            to.copy_from_slice(self.row(first + row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_rows_of_some_rows_are_those_of_the_matrix() {
        let values: Vec<f32> = (0..6000).map(|value| value as f32).collect();
        let all = FeatureRows::of(Tensor::from_slice(Shape::of([3000, 2]), &values).unwrap());
        let odd: Vec<usize> = (0..1500).map(|row| 2 * row + 1).collect();
        let some = all.some(&odd).unwrap().some(&(0..1500).rev().collect::<Vec<_>>()).unwrap();
        let expected: Vec<f32> =
            odd.iter().rev().flat_map(|&row| [2 * row, 2 * row + 1]).map(|value| value as f32).collect();
        assert_eq!((some.len(), some.row(2)), (1500, &expected[4..6]));
        for threads in [1, 2, 3] {
            let threads = Threads::new(threads).unwrap();
            let sums = |rows: &FeatureRows| {
                let mut sums = vec![f32::NAN; rows.len()];
                rows.spread(&threads, &mut sums, |rows, out| {
                    out.iter_mut().zip(rows.chunks_exact(2)).for_each(|(sum, row)| *sum = row[0] + row[1]);
                });
                sums
            };
            let added = |rows: &[f32]| rows.chunks_exact(2).map(|row| row[0] + row[1]).collect::<Vec<_>>();
            assert_eq!((sums(&some), sums(&all)), (added(some.whole().data()), added(all.whole().data())));
        }
        assert_eq!((some.whole().data(), all.whole().data()), (&*expected, &*values));
        assert_eq!(all.some(&[]).unwrap().whole().shape(), Shape::of([0, 2]));
    }

    #[test]
    #[should_panic(expected = "row 3 of 3")]
    fn a_row_that_is_not_there_is_a_mistake_of_the_caller() {
        let all = FeatureRows::of(Tensor::zeros(Shape::of([5, 1]))).some(&[0, 1, 2]).unwrap();
        let _ = all.some(&[3]);
    }
}
