//! What every optimizer can do.

use icecap_kernels::Tensor;

use crate::Error;

/// A rule by which parameters follow their gradients, and its memory of earlier steps.
///
/// The memory begins with the first step and belongs to its parameters, by their position.
pub trait Optimizer: std::fmt::Debug + Send {
    /// The name by which [`named`](super::named) finds it.
    fn name(&self) -> &'static str;

    /// The learning rate that Keras takes for this rule.
    fn default_learning_rate(&self) -> f32;

    /// Takes one step. Nothing changes if it returns an error.
    ///
    /// # Errors
    /// [`Error::ParameterCount`] or [`Error::ParameterShape`] if gradients do not fit the parameters, or if these are
    /// not those of the first step; [`Error::Setting`] for a learning rate that is negative or not finite.
    fn step(
        &mut self,
        parameters: &mut [Tensor],
        gradients: &[Tensor],
        learning_rate: f32,
    ) -> Result<(), Error>;
}
