//! The numbers of the net's operations: real ones, or integers and what they stand for.
//!
//! TFLite's bytes are signed: 128 less than ours, zeros too.

use icecap_graph::{ConvLayer, Params, fold};

use super::draft::Quantization;
use super::schema::Element;
use crate::affine::{AffineNet, Steps};
use crate::exported_net::Convolution;
use crate::params_digest::for_each_le_chunk;

/// How much smaller signed bytes are than ours.
pub(super) const SIGNED: i64 = 128;

/// The numbers of a net.
#[derive(Debug)]
pub(super) enum Numbers<'a> {
    F32(&'a Params),
    Int8(AffineNet<'a>),
}

/// A constant.
#[derive(Debug)]
pub(super) struct Constant {
    pub(super) element: Element,
    /// Its values, little-endian.
    pub(super) values: Vec<u8>,
    pub(super) quantization: Option<Quantization>,
}

impl Numbers<'_> {
    /// The type of what lies between the layers.
    pub(super) fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::Int8(_) => Element::I8,
        }
    }

    /// What the bytes between the layers stand for behind a convolution; `None` for real numbers.
    pub(super) fn behind(&self, layer: ConvLayer) -> Option<Quantization> {
        match self {
            Self::F32(_) => None,
            Self::Int8(net) => Some(signed(net.around(layer).1)),
        }
    }

    /// What they stand for before it.
    pub(super) fn before(&self, layer: ConvLayer) -> Option<Quantization> {
        match self {
            Self::F32(_) => None,
            Self::Int8(net) => Some(signed(net.around(layer).0)),
        }
    }

    /// Kernel and bias of a convolution. A kernel is [out, rows, columns, in], or [1, rows, columns, channels] of a
    /// depthwise one, which is our own order.
    pub(super) fn conv(&self, conv: &Convolution) -> [Constant; 2] {
        let depthwise = conv.groups > 1;
        match self {
            Self::F32(params) => {
                let folded = fold(params, conv.layer);
                let kernel = if depthwise { folded.weights } else { outputs_first(conv, &folded.weights) };
                [floats(&kernel), floats(&folded.bias)]
            }
            Self::Int8(net) => {
                let affine = net.conv(conv.layer);
                let kernel =
                    if depthwise { affine.weights.clone() } else { outputs_first(conv, &affine.weights) };
                let kernel = Constant {
                    element: Element::I8,
                    values: kernel.iter().map(|weight| weight.cast_unsigned()).collect(),
                    quantization: Some(Quantization::Axis {
                        axis: if depthwise { 3 } else { 0 },
                        scales: affine.weight_scales.clone(),
                    }),
                };
                let bias = Constant {
                    element: Element::I32,
                    values: affine.bias.iter().flat_map(|value| value.to_le_bytes()).collect(),
                    quantization: Some(Quantization::Axis { axis: 0, scales: affine.bias_scales() }),
                };
                [kernel, bias]
            }
        }
    }
}

/// What signed bytes stand for.
pub(super) fn signed(steps: Steps) -> Quantization {
    Quantization::Whole { scale: steps.scale, zero: i64::from(steps.zero) - SIGNED }
}

/// A constant of real numbers.
pub(super) fn floats(values: &[f32]) -> Constant {
    let mut bytes = Vec::with_capacity(size_of_val(values));
    for_each_le_chunk(values, |chunk| bytes.extend_from_slice(chunk));
    Constant { element: Element::F32, values: bytes, quantization: None }
}

/// Reorders a kernel of [rows, columns, in, out] to [out, rows, columns, in].
fn outputs_first<T: Copy>(conv: &Convolution, kernel: &[T]) -> Vec<T> {
    let each = |output| kernel.iter().skip(output).step_by(conv.outputs).copied();
    (0..conv.outputs).flat_map(each).collect()
}
