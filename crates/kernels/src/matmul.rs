//! Matrix products of training, by the f32 part of the `gemm` crate on the caller's thread.
//!
//! It chooses its own instruction set: the named exception to the one dispatch point. Its sums depend on the
//! shapes alone, so a training step has the same bits whatever else runs.

use gemm_common::Parallelism;

/// A row-major matrix, or its transpose, borrowed from a slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// The matrix that `data` holds as `rows` rows of `columns` values.
    ///
    /// # Panics
    /// If `data` does not hold exactly that many.
    #[must_use]
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(rows.checked_mul(columns), Some(data.len()), "a matrix of {rows}x{columns}");
        Self { data, rows, columns, transposed: false }
    }

    /// The transpose of the matrix, without moving a value.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    fn strides(self) -> (isize, isize) {
        if self.transposed { (1, self.rows as isize) } else { (self.columns as isize, 1) }
    }
}

/// Computes `output = left * right`, or `output += left * right` if `accumulate`.
///
/// # Shapes
/// `left` [m, k], `right` [k, n], `output` m*n values, row-major.
///
/// # Panics
/// If the shapes do not fit.
pub fn matmul(left: Matrix<'_>, right: Matrix<'_>, output: &mut [f32], accumulate: bool) {
    assert_eq!(left.columns, right.rows, "inner sizes of a matrix product");
    assert_eq!(output.len(), left.rows * right.columns, "output of a matrix product");
    // The crate's inner kernel keeps columns of the output in registers. Rows of ours lie in memory as its columns do, so
    // it is given the transpose: output' = right' left'. A single column is no different from its transpose.
    let columns = right.columns as isize;
    let (left, right, (row, column)) = match right.columns {
        0 | 1 => (left, right, (columns, 1)),
        _ => (right.transposed(), left.transposed(), (1, columns)),
    };
    let ((left_row, left_column), (right_row, right_column)) = (left.strides(), right.strides());
    let multiply = gemm_f32::gemm::f32::get_gemm_fn();
    // SAFETY: `Matrix::new` proved that each slice holds rows * columns values and the strides walk exactly those, in a
    // transpose too; the output's length was asserted above, its strides walk all of it once, and it is borrowed mutably,
    // so it overlaps neither input. The function was chosen by what the processor reports.
    unsafe {
        multiply(
            left.rows,
            right.columns,
            left.columns,
            output.as_mut_ptr(),
            column,
            row,
            accumulate,
            left.data.as_ptr(),
            left_column,
            left_row,
            right.data.as_ptr(),
            right_column,
            right_row,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn agrees_with_the_naive_sum_for_every_transposition() {
        let mut stream = Stream::new(3, Purpose::Test, 0, 0);
        for (m, k, n) in [(1, 1, 1), (3, 5, 2), (32, 1280, 1), (7, 33, 5), (1280, 32, 3)] {
            let mut draw = |len| (0..len).map(|_| stream.range(-1.0, 1.0)).collect::<Vec<f32>>();
            let (left, right, start) = (draw(m * k), draw(k * n), draw(m * n));
            let transpose = |a: &[f32], rows: usize, columns: usize| {
                (0..columns * rows).map(|i| a[(i % rows) * columns + i / rows]).collect::<Vec<f32>>()
            };
            let (left_t, right_t) = (transpose(&left, m, k), transpose(&right, k, n));
            for accumulate in [false, true] {
                for (a, b) in [
                    (Matrix::new(&left, m, k), Matrix::new(&right, k, n)),
                    (Matrix::new(&left_t, k, m).transposed(), Matrix::new(&right, k, n)),
                    (Matrix::new(&left, m, k), Matrix::new(&right_t, n, k).transposed()),
                ] {
                    let mut output = if accumulate { start.clone() } else { vec![f32::NAN; m * n] };
                    matmul(a, b, &mut output, accumulate);
                    for row in 0..m {
                        for column in 0..n {
                            let terms = (0..k)
                                .map(|i| f64::from(left[row * k + i]) * f64::from(right[i * n + column]));
                            let base = if accumulate { f64::from(start[row * n + column]) } else { 0.0 };
                            let exact = base + terms.clone().sum::<f64>();
                            let bound = (terms.map(f64::abs).sum::<f64>() + 1.0)
                                * (k as f64 + 1.0)
                                * f64::from(f32::EPSILON);
                            assert!((f64::from(output[row * n + column]) - exact).abs() <= bound);
                        }
                    }
                }
            }
        }
    }
}
