//! MobileNetV2 on CPUs: from trained tensors to features.
//!
//! ```text
//! Spec (channels)  ─┐
//! tensors          ─┴─> Params (checked, as trained) ──fold, pack──> Net (shared) ──size, range──> Plan ──run──> values
//! ```
//!
//! A [`Plan`] runs one range of the net for one input size, in an [`Arena`] planned once. A [`ReferencePlan`] runs the
//! same kernels and keeps every intermediate by its Keras name. BatchNorm is folded with its training statistics: the
//! base is frozen.
#![forbid(unsafe_code)]

mod arena;
mod bands;
mod error;
mod fold;
mod forward;
mod layers;
mod net;
mod packed;
mod params;
mod plan;
mod reference;
mod spec;
mod stage;
mod tap;
mod topology;

pub use arena::Arena;
pub use error::Error;
pub use fold::{Folded, fold};
pub use forward::Input;
pub use layers::{Layer, LayerKind, layers};
pub use net::Net;
pub use params::{BATCH_NORM, Numerics, Padding, Params, Scaling, tensor_shapes};
pub use plan::Plan;
pub use reference::{ReferencePlan, Trace};
pub use spec::{BLOCKS, BlockSpec, FEATURE_STRIDE, INPUT_CHANNELS, MAX_SIDE, MIN_SIDE, Spec, feature_side};
pub use tap::Tap;
