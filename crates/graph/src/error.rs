//! What can go wrong between a weight file's tensors and a plan that runs.

use icecap_kernels::Shape;

/// An error of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A width multiplier that makes no net.
    #[error("width {got} is outside (0, 4]")]
    Width {
        /// The width given.
        got: f32,
    },
    /// Channel counts that make no MobileNetV2.
    #[error("no MobileNetV2 has the channels {stem} (first), {outputs:?} (blocks), {head} (last)")]
    Channels {
        /// Of the first convolution.
        stem: usize,
        /// Of each block's projection.
        outputs: Vec<usize>,
        /// Of the last convolution.
        head: usize,
    },
    /// A tensor that the net needs and the file lacks.
    #[error("tensor '{name}' is missing; expected shape {expected}")]
    MissingTensor {
        /// Its Keras name.
        name: String,
        /// Its shape.
        expected: Shape,
    },
    /// A tensor that no layer of the net has.
    #[error("tensor '{name}' belongs to no layer of a MobileNetV2")]
    ExtraTensor {
        /// Its name.
        name: String,
    },
    /// A tensor of another shape than its layer's.
    #[error("tensor '{name}' has shape {got}, expected {expected}")]
    TensorShape {
        /// Its Keras name.
        name: String,
        /// Its layer's shape.
        expected: Shape,
        /// Its shape in the file.
        got: Shape,
    },
    /// A value that no trained net has: NaN, infinity, or a variance below zero.
    #[error(
        "tensor '{name}' holds {value} at index {index}; the file is damaged or was not trained to an end"
    )]
    TensorValue {
        /// Its Keras name.
        name: String,
        /// Where in it.
        index: usize,
        /// The value there.
        value: f32,
    },
    /// A BatchNorm epsilon or pixel scaling that is not a usable number.
    #[error("{what} is {value}, which is not usable")]
    Numerics {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// An input size below one feature pixel or above the limit.
    #[error("an input of {height}x{width} pixels; sides from {min} to {max} are supported")]
    InputSize {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// The smallest side.
        min: usize,
        /// The largest side.
        max: usize,
    },
    /// A layer name that the net does not have, or that a plan cannot start or end at.
    #[error("no layer '{name}' {purpose}; `summary` lists the names")]
    UnknownLayer {
        /// The name asked for.
        name: String,
        /// What it was wanted for.
        purpose: &'static str,
    },
    /// Class scores asked of weights without a classification top.
    #[error("these weights have no classification top; use a file that holds 'predictions/kernel'")]
    NoTop,
    /// Pixels or activations whose number does not fit the plan's input.
    #[error("{got} values for an input of shape {expected}")]
    InputLength {
        /// The plan's input.
        expected: Shape,
        /// Values given.
        got: usize,
    },
}
