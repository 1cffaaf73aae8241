//! Ops: pairs of a forward and a backward function. The tape knows nothing else of them.
//!
//! For an op `y = f(x_1, .., x_n)` and a loss `L` above it, `d_y` stands for `dL/dy`, and the backward function adds
//! to each `d_x_i` the product of the transposed Jacobian with it: `d_x_i += (dy/dx_i)' d_y`. A crate above this one
//! brings further ops (a convolution, say) by implementing [`Op`]; [`gradcheck`](crate::gradcheck) checks them.

mod dense;
mod dropout;
mod penalty;
mod pool;
mod relu;

pub use dense::Dense;
pub use dropout::Dropout;
pub use penalty::L2Penalty;
pub use pool::GlobalAveragePool;
pub use relu::Relu;

use icecap_kernels::{Shape, TensorMut, TensorRef};

use crate::Error;

/// What a forward pass leaves for the backward pass of the same op.
#[derive(Clone, Copy)]
pub struct Recorded<'a> {
    /// The inputs, as the forward function saw them.
    pub inputs: &'a [TensorRef<'a>],
    /// The output that it wrote.
    pub output: TensorRef<'a>,
    /// What the forward function saved.
    pub saved: &'a [f32],
}

/// A differentiable function of tensors.
pub trait Op {
    /// The name of the function in messages.
    fn name(&self) -> &'static str;

    /// The output's shape for these inputs. Everything that can be wrong with an application is found here:
    /// `forward` and `backward` are only called with shapes that this function accepted.
    ///
    /// # Errors
    /// If the op does not take such inputs.
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error>;

    /// Writes every value of `output`, which holds anything before. What `backward` needs beside the inputs and
    /// the output goes to `saved`, which is empty before.
    fn forward(&self, inputs: &[TensorRef<'_>], output: TensorMut<'_>, saved: &mut Vec<f32>);

    /// Adds `(d output / d input)' * d_output` to each of `d_inputs` that is there. One that is `None` leads to no
    /// parameter: no work is to be done for it.
    ///
    /// # Shapes
    /// `d_output` as the output; `d_inputs` one for each input, of its shape.
    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    );
}

/// The inputs' shapes as an array, where there are as many as `op` takes.
pub(crate) fn exactly<const COUNT: usize>(
    op: &'static str,
    inputs: &[Shape],
) -> Result<[Shape; COUNT], Error> {
    inputs.try_into().map_err(|_| Error::InputCount { op, expected: COUNT, got: inputs.len() })
}
