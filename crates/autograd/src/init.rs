//! First values of parameters.
//!
//! # Source
//! Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010,
//! equation 16: values uniform in ±sqrt(6 / (inputs + outputs)) keep the variance of activations and gradients
//! the same through a layer. Keras' default for a dense kernel; its bias starts at zero.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};

use crate::Error;

/// Returns the kernel of a dense layer before training: a pure function of its sizes, the seed, and `index`, which
/// tells the kernels of one net apart.
///
/// # Shapes
/// The kernel is `[inputs, outputs]`.
///
/// # Errors
/// [`Error::Kernels`] if the kernel does not fit the address space.
pub fn glorot_uniform(inputs: usize, outputs: usize, seed: u64, index: u32) -> Result<Tensor, Error> {
    let mut kernel = Tensor::zeros(Shape::new(&[inputs, outputs])?);
    let limit = (6.0 / (inputs as f64 + outputs as f64)).sqrt() as f32;
    let mut stream = Stream::new(seed, Purpose::Init, 0, index);
    kernel.data_mut().fill_with(|| stream.range(-limit, limit));
    Ok(kernel)
}
