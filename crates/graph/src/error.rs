//! What can go wrong between a weight file's tensors and a plan that runs.

use icecap_kernels::Shape;

use crate::precision::Precision;

/// An error of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller stopped the work.
    #[error("stopped")]
    Stopped,
    /// A width multiplier that makes no net.
    #[error("width {got} is outside (0, 4]")]
    Width {
        /// The width given.
        got: f32,
    },
    /// Channel counts that make no MobileNetV2.
    #[error("no MobileNetV2 has the channels {stem} (first), {outputs:?} (blocks), {head} (last)")]
    Channels {
        /// Output channels of the first convolution.
        stem: usize,
        /// Output channels of each block's projection.
        outputs: Vec<usize>,
        /// Output channels of the last convolution.
        head: usize,
    },
    /// A tensor that the net needs and the file lacks.
    #[error("tensor '{name}' is missing; expected shape {expected}")]
    MissingTensor {
        /// The tensor's Keras name.
        name: String,
        /// The shape that it should have.
        expected: Shape,
    },
    /// A tensor that no layer of the net has.
    #[error("tensor '{name}' belongs to no layer of a MobileNetV2")]
    ExtraTensor {
        /// The tensor's name.
        name: String,
    },
    /// A tensor whose shape is not that of its layer.
    #[error("tensor '{name}' has shape {got}, expected {expected}")]
    TensorShape {
        /// The tensor's Keras name.
        name: String,
        /// The shape that its layer needs.
        expected: Shape,
        /// The shape that it has.
        got: Shape,
    },
    /// A value that no trained net has: NaN, infinity, or a variance below zero.
    #[error(
        "tensor '{name}' holds {value} at index {index}; the file is damaged or was not trained to an end"
    )]
    TensorValue {
        /// The tensor's Keras name.
        name: String,
        /// The index of the first such value in the tensor.
        index: usize,
        /// The value itself.
        value: f32,
    },
    /// A BatchNorm epsilon or pixel scaling that is not a usable number.
    #[error("{what} is {value}, which is not usable")]
    Numerics {
        /// What the number is, in words.
        what: &'static str,
        /// The number itself.
        value: f32,
    },
    /// An input size below one feature pixel or above the limit.
    #[error("an input of {height}x{width} pixels; sides from {min} to {max} are supported")]
    InputSize {
        /// Rows of the input.
        height: usize,
        /// Columns of the input.
        width: usize,
        /// The smallest side that is supported.
        min: usize,
        /// The largest side that is supported.
        max: usize,
    },
    /// A layer name that the net does not have, or that a plan cannot start or end at.
    #[error("no layer '{name}' {purpose}; `summary` lists the names")]
    UnknownLayer {
        /// The name asked for.
        name: String,
        /// What the layer was wanted for, in words that follow its name.
        purpose: &'static str,
    },
    /// BatchNorm that tells nothing of the values that pass it, so that no range can be had from the weights alone.
    #[error(
        "the BatchNorm of these weights has no statistics (every mean is 0, every gamma the same): ranges for int8 have to \
         come from photos"
    )]
    NoStatistics,
    /// A net that is to be calibrated, and no photo to do it with.
    #[error("no photo to take the ranges of int8 from")]
    NoPhotos,
    /// A layer whose values are no numbers, so that they have no range.
    #[error(
        "what leaves '{layer}' is too large for f32 or not a number; the weights are damaged or do not fit these pixels"
    )]
    NotFinite {
        /// The layer's Keras name.
        layer: String,
    },
    /// A channel whose weights int8 cannot hold.
    #[error(
        "channel {channel} of '{layer}' has weights of up to {largest} beside what leaves it, more than int8 can hold; use \
         f32"
    )]
    Int8Channel {
        /// The Keras name of the convolution.
        layer: String,
        /// The output channel.
        channel: usize,
        /// The largest of its weights, BatchNorm folded in.
        largest: f64,
    },
    /// Integers that are those of no net.
    #[error("'{layer}': {reason}; the integers are damaged")]
    Integers {
        /// The Keras name of the convolution.
        layer: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A net in another precision than what was asked for can compute.
    #[error("this needs a net in {needed}, and the net is in {got}")]
    Precision {
        /// The precision that can be used.
        needed: Precision,
        /// The precision of the net.
        got: Precision,
    },
    /// A pixel that is no number, where pixels are rounded to bytes.
    #[error("pixel value {index} is not a number")]
    Pixel {
        /// Its index among the values of the image.
        index: usize,
    },
    /// Class scores were asked for, and the weights have no classification top.
    #[error("these weights have no classification top; use a file that holds 'predictions/kernel'")]
    NoTop,
    /// Pixels or activations that do not fit the plan's input: another number of them, or bytes where a plan starts in
    /// the middle of the net and takes f32.
    #[error("{got} values for an input of shape {expected}")]
    InputLength {
        /// The shape of one image's input.
        expected: Shape,
        /// The number of values given.
        got: usize,
    },
}
