//! MobileNetV2: spec, params, folded BatchNorm, plan, forward pass.
#![forbid(unsafe_code)]

mod error;
mod params;
mod spec;

pub use error::Error;
pub use params::{BATCH_NORM, Numerics, Padding, Params, Scaling, tensor_shapes};
pub use spec::{BLOCKS, BlockSpec, FEATURE_STRIDE, INPUT_CHANNELS, MIN_SIDE, Spec, feature_side};
