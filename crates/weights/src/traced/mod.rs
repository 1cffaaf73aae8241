//! A MobileNetV2 that a file gives as a graph of operators, told by what it computes: names of nodes mean nothing here.
//!
//! ```text
//! format's reader ─ operators ─> trace (steps) ─> spine: the 52 convolutions in their places ─> tensors by Keras' names
//!                                             ├─> pixels: what becomes of a pixel before them
//!                                             └─> head: the dense layers behind the mean
//! ```
//!
//! ONNX and TFLite files come this way.

mod border;
mod constant;
mod evaluate;
mod form;
mod head;
mod links;
mod net;
mod pixels;
mod refusal;
mod spine;
mod step;
mod tensors;
mod trace;

pub(crate) use constant::{Constant, Steps, Stored};
pub(crate) use evaluate::Binary;
pub(crate) use head::TracedHead;
pub(crate) use net::{GraphFacts, TracedNet, read};
pub(crate) use pixels::Stated;
pub(crate) use refusal::{NodeName, Refusal};
pub(crate) use step::{
    Affine, Axis, Border, Conv, Dense, Flow, KernelOrder, Kind, NCHW, NHWC, Norm, Pads, Value,
};
pub(crate) use tensors::NamedTensor;
pub(crate) use trace::Trace;
