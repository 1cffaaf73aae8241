//! The rectifier between two layers.
//!
//! ```text
//! y = max(x, 0)        d_x += d_y where x > 0
//! ```
//!
//! At 0, where there is no derivative, it is taken for 0, as everybody does.

use icecap_kernels::{Shape, TensorMut, TensorRef};

use super::{Op, Recorded, exactly};
use crate::Error;

/// max(x, 0) of each value.
///
/// # Shapes
/// A tensor of any shape -> the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Relu;

impl Op for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [input] = exactly(self.name(), inputs)?;
        Ok(input)
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _: &mut Vec<f32>) {
        for (output, input) in output.data_mut().iter_mut().zip(inputs[0].data()) {
            // Not f32::max, which would make a 0 of a NaN and hide that a training has diverged.
            *output = if *input < 0.0 { 0.0 } else { *input };
        }
    }

    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    ) {
        let Some(d_input) = &mut d_inputs[0] else { return };
        let passed = recorded.output.data().iter().zip(d_output.data());
        for (d_input, (output, d_output)) in d_input.data_mut().iter_mut().zip(passed) {
            if *output > 0.0 {
                *d_input += d_output;
            }
        }
    }
}
