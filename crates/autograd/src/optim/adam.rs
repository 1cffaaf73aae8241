//! Adam, and AdamW, which adds a decay of the weights that the gradient's scale does not touch.
//!
//! ```text
//! m += (1 - b1) (g - m)        v += (1 - b2) (g^2 - v)
//! p -= alpha m / (sqrt(v) + epsilon)        alpha = lr sqrt(1 - b2^t) / (1 - b1^t),  t = 1, 2, ..
//! AdamW, before it: p -= p decay lr
//! ```
//!
//! This is Keras' form, with the correction of both means in `alpha`: the paper's "epsilon hat". PyTorch corrects v
//! before its root, which makes its epsilon a larger one at the first steps. The decay applies to every parameter,
//! biases too.
//!
//! # Source
//! Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, the form before section 2.1; Loshchilov
//! and Hutter, "Decoupled weight decay regularization", ICLR 2019; Keras 3, `Adam` and `AdamW`.

use icecap_kernels::Tensor;

use super::memory::Memory;
use super::optimizer::Optimizer;
use crate::Error;
use crate::setting::setting;

/// Adam: steps by the running mean of the gradient over the root of that of its square.
#[derive(Clone, Debug)]
pub struct Adam {
    betas: [f64; 2],
    epsilon: f64,
    /// b1^t and b2^t of the steps done: running products, which are the same on every machine.
    powers: [f64; 2],
    memory: Memory<2>,
}

impl Default for Adam {
    /// beta 0.9 and 0.999, epsilon 1e-7.
    fn default() -> Self {
        Self { betas: [0.9, 0.999], epsilon: 1e-7, powers: [1.0; 2], memory: Memory::default() }
    }
}

impl Adam {
    /// Returns Adam with these decays of the running means and this epsilon.
    ///
    /// # Errors
    /// [`Error::Setting`] for a beta outside `[0, 1)` or an epsilon that is not positive.
    pub fn new(beta_1: f64, beta_2: f64, epsilon: f64) -> Result<Self, Error> {
        setting("beta 1", beta_1, 0.0..1.0, "0 or more, and less than 1")?;
        setting("beta 2", beta_2, 0.0..1.0, "0 or more, and less than 1")?;
        setting("epsilon", epsilon, f64::from(f32::MIN_POSITIVE)..=1.0, "a positive number up to 1")?;
        Ok(Self { betas: [beta_1, beta_2], epsilon, ..Self::default() })
    }

    /// A step that first shrinks every parameter by `decay * learning_rate` of itself.
    fn decayed_step(
        &mut self,
        parameters: &mut [Tensor],
        gradients: &[Tensor],
        learning_rate: f32,
        decay: Option<f32>,
    ) -> Result<(), Error> {
        self.memory.admit(parameters, gradients, learning_rate)?;
        // The powers are those of the f32 beta and 1 - beta is rounded after the subtraction, as Keras has it.
        for (power, &beta) in self.powers.iter_mut().zip(&self.betas) {
            *power *= f64::from(beta as f32);
        }
        let [power_1, power_2] = self.powers.map(|power| power as f32);
        let alpha = learning_rate * (1.0 - power_2).sqrt() / (1.0 - power_1);
        let [rest_1, rest_2] = self.betas.map(|beta| (1.0 - beta) as f32);
        let epsilon = self.epsilon as f32;
        self.memory.update(parameters, gradients, |parameter, gradient, [mean, square]| {
            if let Some(decay) = decay {
                for p in parameter.iter_mut() {
                    *p -= *p * decay * learning_rate;
                }
            }
            for (((p, &g), m), v) in parameter.iter_mut().zip(gradient).zip(mean).zip(square) {
                *m += (g - *m) * rest_1;
                *v += (g * g - *v) * rest_2;
                *p -= *m * alpha / (v.sqrt() + epsilon);
            }
        });
        Ok(())
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "adam"
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
        self.decayed_step(parameters, gradients, learning_rate, None)
    }
}

/// Adam with decoupled weight decay.
#[derive(Clone, Debug)]
pub struct AdamW {
    adam: Adam,
    weight_decay: f32,
}

impl Default for AdamW {
    /// A decay of 4e-3, and [`Adam`]'s defaults.
    fn default() -> Self {
        Self { adam: Adam::default(), weight_decay: 4e-3 }
    }
}

impl AdamW {
    /// Returns `adam` with this weight decay.
    ///
    /// # Errors
    /// [`Error::Setting`] for a decay that is negative or not finite.
    pub fn new(adam: Adam, weight_decay: f32) -> Result<Self, Error> {
        setting("the weight decay", f64::from(weight_decay), 0.0..=f64::MAX, "a finite number from 0 up")?;
        Ok(Self { adam, weight_decay })
    }
}

impl Optimizer for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
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
        self.adam.decayed_step(parameters, gradients, learning_rate, Some(self.weight_decay))
    }
}
