//! Stochastic gradient descent with momentum.
//!
//! ```text
//! v = momentum v - lr g        p += v        Nesterov's form: p += momentum v - lr g, with the new v
//! ```
//!
//! # Source
//! Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013; Keras 3, `SGD`.

use icecap_kernels::Tensor;

use super::memory::Memory;
use super::optimizer::Optimizer;
use crate::Error;
use crate::setting::setting;

/// Stochastic gradient descent; by default without momentum, which is the default of Keras.
#[derive(Clone, Debug, Default)]
pub struct Sgd {
    momentum: f32,
    nesterov: bool,
    memory: Memory<1>,
}

impl Sgd {
    /// Returns SGD with this momentum, in Nesterov's form or the plain one.
    ///
    /// # Errors
    /// [`Error::Setting`] for a momentum outside `[0, 1]`.
    pub fn new(momentum: f32, nesterov: bool) -> Result<Self, Error> {
        setting("the momentum", f64::from(momentum), 0.0..=1.0, "0 to 1")?;
        Ok(Self { momentum, nesterov, memory: Memory::default() })
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn default_learning_rate(&self) -> f32 {
        1e-2
    }

    fn step(
        &mut self,
        parameters: &mut [Tensor],
        gradients: &[Tensor],
        learning_rate: f32,
    ) -> Result<(), Error> {
        self.memory.admit(parameters, gradients, learning_rate)?;
        let (momentum, nesterov) = (self.momentum, self.nesterov);
        self.memory.update(parameters, gradients, |parameter, gradient, [velocity]| {
            for ((p, &g), v) in parameter.iter_mut().zip(gradient).zip(velocity) {
                *v = *v * momentum - g * learning_rate;
                *p += if nesterov { *v * momentum - g * learning_rate } else { *v };
            }
        });
        Ok(())
    }
}
