//! Optimizers: how parameters follow their gradients. Update rules, defaults and the place of every epsilon are
//! those of Keras 3, in f32, one value after the other.

mod adam;
pub mod lbfgs;
mod rmsprop;
mod sgd;

pub use adam::{Adam, AdamW};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use icecap_kernels::Tensor;

use crate::Error;

/// A rule by which parameters follow their gradients, and its memory of earlier steps.
///
/// The memory begins with the first step and belongs to its parameters, by their position.
pub trait Optimizer: std::fmt::Debug + Send {
    /// The name by which [`named`] finds it.
    fn name(&self) -> &'static str;

    /// Keras' learning rate for this rule.
    fn default_learning_rate(&self) -> f32;

    /// One step. Nothing changes where it returns an error.
    ///
    /// # Errors
    /// [`Error::ParameterCount`] or [`Error::ParameterShape`] where gradients do not fit the parameters, or these
    /// are not those of the first step; [`Error::Setting`] for a learning rate that is negative or not finite.
    fn step(
        &mut self,
        parameters: &mut [Tensor],
        gradients: &[Tensor],
        learning_rate: f32,
    ) -> Result<(), Error>;
}

/// Names of the optimizers.
pub const NAMES: [&str; 4] = ["adam", "adamw", "sgd", "rmsprop"];

/// Momentum of the SGD that [`named`] makes: Keras' own default, 0, is not what the name stands for in practice.
const NAMED_MOMENTUM: f32 = 0.9;

/// The optimizer of this name with Keras' defaults, except for SGD, which has a momentum of 0.9.
///
/// # Errors
/// [`Error::UnknownOptimizer`] for a name that is not among [`NAMES`].
pub fn named(name: &str) -> Result<Box<dyn Optimizer>, Error> {
    Ok(match name {
        "adam" => Box::new(Adam::default()),
        "adamw" => Box::new(AdamW::default()),
        "sgd" => Box::new(Sgd::new(NAMED_MOMENTUM, false)?),
        "rmsprop" => Box::new(RmsProp::default()),
        _ => return Err(Error::UnknownOptimizer { name: name.to_owned(), known: NAMES.join(", ") }),
    })
}

/// What an optimizer remembers: for each parameter, `PER` tensors of its shape.
#[derive(Clone, Debug, Default)]
struct Memory<const PER: usize>(Vec<[Tensor; PER]>);

impl<const PER: usize> Memory<PER> {
    /// Checks a step and, at the first one, begins with zeros.
    fn admit(
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
    fn update(
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

/// Refuses a number outside `range`.
pub(crate) fn setting(
    what: &'static str,
    value: f64,
    range: impl std::ops::RangeBounds<f64>,
    allowed: &'static str,
) -> Result<(), Error> {
    if range.contains(&value) { Ok(()) } else { Err(Error::Setting { what, value, allowed }) }
}
