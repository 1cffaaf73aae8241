//! What an optimizer remembers from step to step.

use icecap_kernels::Tensor;

use crate::Error;
use crate::setting::setting;

/// What an optimizer remembers: for each parameter, `PER` tensors of its shape.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory<const PER: usize>(Vec<[Tensor; PER]>);

impl<const PER: usize> Memory<PER> {
    /// Checks a step and, at the first one, begins with zeros.
    pub(super) fn admit(
        &mut self,
        parameters: &[Tensor],
        gradients: &[Tensor],
        learning_rate: f32,
    ) -> Result<(), Error> {
        setting("the learning rate", f64::from(learning_rate), 0.0..=f64::MAX, "a finite number from 0 up")?;
        let expected = parameters.len();
        if gradients.len() != expected {
            return Err(Error::ParameterCount { what: "gradients", expected, got: gradients.len() });
        }
        if !self.0.is_empty() && self.0.len() != expected {
            return Err(Error::ParameterCount { what: "optimizer states", expected, got: self.0.len() });
        }
        for (index, (parameter, gradient)) in parameters.iter().zip(gradients).enumerate() {
            let same = |what, other: &Tensor| {
                let (expected, got) = (parameter.shape(), other.shape());
                if got == expected {
                    Ok(())
                } else {
                    Err(Error::ParameterShape { what, index, expected, got })
                }
            };
            same("the gradient", gradient)?;
            for state in self.0.get(index).into_iter().flatten() {
                same("the optimizer state", state)?;
            }
        }
        if self.0.is_empty() {
            let zeros = |tensor: &Tensor| std::array::from_fn(|_| Tensor::zeros(tensor.shape()));
            self.0 = parameters.iter().map(zeros).collect();
        }
        Ok(())
    }

    /// Calls `update(parameter, gradient, memory)` for each parameter's values.
    pub(super) fn update(
        &mut self,
        parameters: &mut [Tensor],
        gradients: &[Tensor],
        mut update: impl FnMut(&mut [f32], &[f32], [&mut [f32]; PER]),
    ) {
        for ((parameter, gradient), memory) in parameters.iter_mut().zip(gradients).zip(&mut self.0) {
            update(parameter.data_mut(), gradient.data(), memory.each_mut().map(Tensor::data_mut));
        }
    }
}
