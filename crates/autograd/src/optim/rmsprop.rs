//! RMSprop: each gradient divided by a running root mean square of its past.
//!
//! ```text
//! v = rho v + (1 - rho) g^2        p -= lr g / sqrt(v + epsilon)
//! ```
//!
//! Epsilon stands inside the root, where Adam has it outside: at the default 1e-7 it outweighs gradients below
//! 1e-3 or so.
//!
//! # Source
//! Hinton, "Neural networks for machine learning", lecture 6e, 2012; Keras 3, `RMSprop`.

use icecap_kernels::Tensor;

use super::memory::Memory;
use super::optimizer::Optimizer;
use crate::Error;
use crate::setting::setting;

/// RMSprop, without momentum and not centered: steps by the gradient over the root of the running mean of its square.
#[derive(Clone, Debug)]
pub struct RmsProp {
    rho: f64,
    epsilon: f64,
    memory: Memory<1>,
}

impl Default for RmsProp {
    /// rho 0.9, epsilon 1e-7.
    fn default() -> Self {
        Self { rho: 0.9, epsilon: 1e-7, memory: Memory::default() }
    }
}

impl RmsProp {
    /// Returns RMSprop with this decay of the running mean and this epsilon.
    ///
    /// # Errors
    /// [`Error::Setting`] for a rho outside `[0, 1)` or an epsilon that is not positive.
    pub fn new(rho: f64, epsilon: f64) -> Result<Self, Error> {
        setting("rho", rho, 0.0..1.0, "0 or more, and less than 1")?;
        setting("epsilon", epsilon, f64::from(f32::MIN_POSITIVE)..=1.0, "a positive number up to 1")?;
        Ok(Self { rho, epsilon, memory: Memory::default() })
    }
}

impl Optimizer for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn default_learning_rate(&self) -> f32 {
        1e-3
    }

    fn step(
        &mut self,
        parameters: &mut [Tensor],
        gradients: &[Tensor],
        learning_rate: f32,
    ) -> Result<(), Error> {
        self.memory.admit(parameters, gradients, learning_rate)?;
        // 1 - rho is rounded after the subtraction, as Keras does it: from an f32 rho it would be off by 1e-7.
        let (rho, rest, epsilon) = (self.rho as f32, (1.0 - self.rho) as f32, self.epsilon as f32);
        self.memory.update(parameters, gradients, |parameter, gradient, [velocity]| {
            for ((p, &g), v) in parameter.iter_mut().zip(gradient).zip(velocity) {
                *v = rho * *v + rest * (g * g);
                *p -= learning_rate * g / (*v + epsilon).sqrt();
            }
        });
        Ok(())
    }
}
