//! Drawn inputs: values, pixels, and nets of random weights. Every call draws the same ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use icecap::Error;
use icecap_graph::{Net, Numerics, Params, Precision, Spec, tensor_shapes};
use icecap_kernels::Tensor;
use icecap_kernels::rng::{Purpose, Stream};

/// Returns `len` values between -1 and 1, the same ones in every call.
#[must_use]
pub fn values(len: usize) -> Vec<f32> {
    let mut stream = Stream::new(1, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.range(-1.0, 1.0)).collect()
}

/// Returns `len` bytes of noise, the same ones in every call.
#[must_use]
pub fn pixels(len: usize) -> Vec<u8> {
    let mut stream = Stream::new(2, Purpose::Test, 0, 0);
    (0..len).map(|_| stream.next_u32() as u8).collect()
}

/// Whole numbers: weights, biases and bottlenecks of nets in integers. Every one draws the same ones.
pub(crate) struct Draw(Stream);

impl Draw {
    pub(crate) fn new() -> Self {
        Self(Stream::new(3, Purpose::Test, 0, 0))
    }

    /// Numbers from `-most` to `most`.
    pub(crate) fn whole(&mut self, len: usize, most: i32) -> Vec<i32> {
        let end = 2 * most.unsigned_abs() + 1;
        (0..len).map(|_| self.0.below(end) as i32 - most).collect()
    }

    /// Weights from -127 to 127.
    pub(crate) fn weights(&mut self, len: usize) -> Vec<i8> {
        self.whole(len, 127).into_iter().map(|weight| weight as i8).collect()
    }

    /// What leaves a block, in eighths of a step: somewhat more than is read of it, at both ends.
    pub(crate) fn eighths(&mut self, len: usize) -> Vec<i16> {
        self.whole(len, 1100).into_iter().map(|value| value as i16 + 1020).collect()
    }
}

/// Returns a MobileNetV2 without a top, of width `width`, with the weights of [`drawn_params`], packed and ready to run in
/// `precision`. In int8 they are quantized from their tensors alone.
///
/// # Errors
/// The errors of [`drawn_params`].
pub fn drawn_net(width: f32, precision: Precision) -> Result<Arc<Net>, Error> {
    let params = drawn_params(width)?;
    Ok(Arc::new(match precision {
        Precision::F32 => Net::new(&params),
        Precision::Int8 => Net::int8(&params)?,
    }))
}

/// Draws the tensors of a MobileNetV2 without a top, of width `width`, to be padded as Keras pads.
///
/// # Errors
/// [`Error::Graph`] for a width that the paper's rounding has no channels for.
pub fn drawn_params(width: f32) -> Result<Params, Error> {
    let spec = Spec::with_width(width)?;
    let mut stream = Stream::new(1, Purpose::Test, 0, 0);
    let tensors: BTreeMap<String, Tensor> = tensor_shapes(&spec, None)
        .into_iter()
        .map(|(name, shape)| {
            let mut tensor = Tensor::zeros(shape);
            // Variances and gammas near 1, kernels small enough that activations neither die nor explode.
            let fan_in = shape.elements() / shape.dims().last().copied().unwrap_or(1).max(1);
            let (low, high) = match name.rsplit('/').next() {
                Some("gamma" | "moving_variance") => (0.5, 1.5),
                Some("kernel") => (-2.0 / (fan_in as f32).sqrt(), 2.0 / (fan_in as f32).sqrt()),
                _ => (-0.5, 0.5),
            };
            tensor.data_mut().iter_mut().for_each(|value| *value = stream.range(low, high));
            (name, tensor)
        })
        .collect();
    Ok(Params::new(spec, Numerics::KERAS, tensors)?)
}
