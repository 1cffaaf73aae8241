//! MobileNetV2 on CPUs: from trained tensors to features.
//!
//! ```text
//! Spec (channels)  ─┐
//! tensors          ─┴─> Params (checked, as trained) ──fold, pack──> Net (shared) ──size, range──> Plan ──run──> values
//! ```
//!
//! A [`Plan`] runs one range of the net, from one [`Tap`] to another, for one input size, in an [`Arena`] planned once.
//! A [`ReferencePlan`] runs the same kernels layer by layer, as the paper writes them, and keeps every intermediate by
//! its Keras name. BatchNorm is folded with its training statistics: the base is frozen.
//!
//! The names and the order of the layers are those of Keras. They are written down once, in the topology:
//! [`ConvLayer::all`] goes through the convolutions, [`layers`] lists all layers of a net for an input size,
//! [`tensor_shapes`] its tensors.
#![forbid(unsafe_code)]

mod arena;
mod bands;
mod chunks;
mod error;
mod float_plan;
mod fold;
mod forward;
mod input;
pub mod int8;
mod layers;
mod net;
mod numerics;
mod packed;
mod params;
mod plan;
mod precision;
mod reference;
mod spec;
mod stage;
mod tap;
mod topology;

pub use arena::Arena;
pub use error::Error;
pub use fold::{Folded, Norm, fold, norms};
pub use input::Input;
pub use layers::{Layer, LayerKind, layers};
pub use net::Net;
pub use numerics::{Numerics, Padding, Scaling};
pub use params::{Params, tensor_shapes};
pub use plan::Plan;
pub use precision::{Precision, UnknownPrecision};
pub use reference::{ReferencePlan, Trace};
pub use spec::{BLOCKS, BlockSpec, FEATURE_STRIDE, INPUT_CHANNELS, MAX_SIDE, MIN_SIDE, Spec, feature_side};
pub use stage::windows;
pub use tap::Tap;
pub use topology::{BATCH_NORM, ConvLayer, Part, TOP_BIAS, TOP_KERNEL};
