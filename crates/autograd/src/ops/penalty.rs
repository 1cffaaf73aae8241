//! The L2 penalty: a loss that also dislikes large weights.
//!
//! ```text
//! y = loss + strength / 2 sum w^2        d_loss += d_y        d_w += strength w d_y
//! ```
//!
//! Given the kernel and not the bias, it pulls towards a decision that uses all features a little; where the classes
//! lie is the bias' matter, and costs nothing. The sum runs in f64.

use icecap_kernels::{Shape, TensorMut, TensorRef};

use super::{Op, Recorded, exactly};
use crate::Error;
use crate::setting::setting;

/// Adds the penalty of a tensor of weights to a loss. Inputs: loss, weights.
///
/// # Shapes
/// `[]`, a tensor of any shape -> `[]`.
#[derive(Clone, Copy, Debug)]
pub struct L2Penalty {
    strength: f32,
}

impl L2Penalty {
    /// Returns the penalty of `strength / 2` times the sum of squares.
    ///
    /// # Errors
    /// [`Error::Setting`] for a strength that is negative or not finite.
    pub fn new(strength: f32) -> Result<Self, Error> {
        setting(
            "the L2 penalty",
            f64::from(strength),
            0.0..=f64::from(f32::MAX),
            "a finite number from 0 up",
        )?;
        Ok(Self { strength })
    }
}

impl Op for L2Penalty {
    fn name(&self) -> &'static str {
        "L2 penalty"
    }

    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, Error> {
        let [loss, _] = exactly(self.name(), inputs)?;
        if loss.elements() == 1 && loss.rank() == 0 {
            return Ok(loss);
        }
        Err(Error::InputShape {
            op: self.name(),
            input: "the loss",
            expected: "[], one value".to_owned(),
            got: loss,
        })
    }

    fn forward(&self, inputs: &[TensorRef<'_>], mut output: TensorMut<'_>, _saved: &mut Vec<f32>) {
        let squares: f64 = inputs[1].data().iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum();
        let loss = f64::from(inputs[0].data()[0]);
        output.data_mut()[0] = (loss + 0.5 * f64::from(self.strength) * squares) as f32;
    }

    fn backward(
        &self,
        recorded: &Recorded<'_>,
        d_output: TensorRef<'_>,
        d_inputs: &mut [Option<TensorMut<'_>>],
    ) {
        let d_y = d_output.data()[0];
        if let Some(d_loss) = &mut d_inputs[0] {
            d_loss.data_mut()[0] += d_y;
        }
        if let Some(d_weights) = &mut d_inputs[1] {
            for (d_weight, weight) in d_weights.data_mut().iter_mut().zip(recorded.inputs[1].data()) {
                *d_weight += self.strength * weight * d_y;
            }
        }
    }
}
