//! The dense layer: a matrix product and a bias.
//!
//! ```text
//! y = x W + b        d_x += d_y W'        d_W += x' d_y        d_b[c] += sum over n of d_y[n, c]
//! ```
//!
//! The products are the training products of the kernel crate; their sums depend on the shapes alone. One
//! departure: up to [`NARROW`] columns the forward sums run in f64. An error of the logits reaches every gradient,
//! and where a gradient nearly cancels, Adam's division by its size makes a visible step of it: against Keras on
//! 1280 features and five classes, nine steps differ by up to 9e-7 with f32 sums and by 1e-7 with these. It costs
//! three times as much: 7 us a column for a batch of 32, beside the 60 us for its dropout.
//!
//! Logits at inference go through the dense kernel with its own order of sums, so they agree with these to
//! rounding, not to the bit.

use icecap_kernels::matmul::{Matrix, matmul};
use icecap_kernels::{Shape, TensorMut, TensorRef};

use super::{Op, Recorded, exactly};
use crate::Error;

/// The most columns whose forward sums run in f64.
const NARROW: usize = 8;

/// Partial sums of a dot product, for the pipeline's sake; their number fixes its order.
const LANES: usize = 8;

/// A dense layer: input, kernel, bias.
///
/// # Shapes
/// `[N, K]`, `[K, C]`, `[C]` -> `[N, C]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dense;

fn matrix(tensor: TensorRef<'_>) -> Matrix<'_> {
    let shape = tensor.shape();
    Matrix::new(tensor.data(), shape.dims()[0], shape.dims()[1])
}

/// `input * kernel`, each sum in f64.
fn narrow_product(input: TensorRef<'_>, kernel: TensorRef<'_>, output: &mut [f32]) {
    let [depth, columns] = [0, 1].map(|axis| kernel.shape().dims()[axis]);
    let mut weights = vec![0.0; depth];
    for column in 0..columns {
        for (weight, row) in weights.iter_mut().zip(kernel.data().chunks_exact(columns)) {
            *weight = f64::from(row[column]);
        }
        for (row, output) in output.chunks_exact_mut(columns).enumerate() {
            output[column] = dot(&input.data()[row * depth..][..depth], &weights) as f32;
        }
    }
}

fn dot(values: &[f32], weights: &[f64]) -> f64 {
    let ((values, values_rest), (weights, weights_rest)) =
        (values.as_chunks::<LANES>(), weights.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (values, weights) in values.iter().zip(weights) {
        for lane in 0..LANES {
            sums[lane] += f64::from(values[lane]) * weights[lane];
        }
    }
    let rest = values_rest.iter().zip(weights_rest).map(|(&value, weight)| f64::from(value) * weight);
    sums.into_iter().chain(rest).sum()
}

impl Op for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [input, kernel, bias] = exactly(self.name(), inputs)?;
        let refuse =
            |input, expected: String, got| Err(Error::InputShape { op: self.name(), input, expected, got });
        let &[rows, features] = input.dims() else {
            return refuse("the input", "[N, K]".to_owned(), input);
        };
        let &[depth, classes] = kernel.dims() else {
            return refuse("the kernel", format!("[{features}, C]"), kernel);
        };
        if depth != features || classes == 0 {
            return refuse("the kernel", format!("[{features}, C] with at least one column"), kernel);
        }
        if bias.dims() != [classes] {
            return refuse("the bias", format!("[{classes}]"), bias);
        }
        Ok(Shape::new(&[rows, classes])?)
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _: &mut Vec<f32>) {
        let bias = inputs[2].data();
        if bias.len() <= NARROW {
            narrow_product(inputs[0], inputs[1], output.data_mut());
        } else {
            matmul(matrix(inputs[0]), matrix(inputs[1]), output.data_mut(), false);
        }
        for row in output.data_mut().chunks_exact_mut(bias.len()) {
            for (logit, bias) in row.iter_mut().zip(bias) {
                *logit += bias;
            }
        }
    }

    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    ) {
        let (input, kernel) = (matrix(recorded.inputs[0]), matrix(recorded.inputs[1]));
        if let Some(d_input) = &mut d_inputs[0] {
            matmul(matrix(d_output), kernel.transposed(), d_input.data_mut(), true);
        }
        if let Some(d_kernel) = &mut d_inputs[1] {
            matmul(input.transposed(), matrix(d_output), d_kernel.data_mut(), true);
        }
        if let Some(d_bias) = &mut d_inputs[2] {
            let d_bias = d_bias.data_mut();
            for row in d_output.data().chunks_exact(d_bias.len()) {
                for (sum, term) in d_bias.iter_mut().zip(row) {
                    *sum += term;
                }
            }
        }
    }
}
