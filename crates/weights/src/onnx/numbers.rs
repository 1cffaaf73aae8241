//! What differs between the graph of a net in f32 and that of one in integers.

use super::draft::{Draft, integer, integers};
use super::message::AttributeProto;
use super::pixels::OnnxPixels;
use crate::exported_net::{Add, Convolution};

/// Writes the numbers of a net, operation by operation.
pub(super) trait Numbers {
    /// From the graph's input to what the first convolution reads.
    fn input(&self, draft: &mut Draft, pixels: OnnxPixels);
    /// A convolution with its BatchNorm and ReLU6.
    fn convolution(&self, draft: &mut Draft, conv: &Convolution);
    /// A sum.
    fn add(&self, draft: &mut Draft, add: &Add);
}

/// The settings of a convolution.
pub(super) fn conv_attributes(conv: &Convolution) -> Vec<AttributeProto> {
    let Convolution { side, groups, pads, stride, .. } = *conv;
    vec![
        integers("dilations", &[1, 1]),
        integer("group", groups as i64),
        integers("kernel_shape", &[side, side]),
        integers("pads", &[pads.top, pads.left, pads.bottom, pads.right]),
        integers("strides", &[stride, stride]),
    ]
}

/// The shape of a kernel.
pub(super) fn kernel_shape(conv: &Convolution) -> [usize; 4] {
    [conv.outputs, conv.inputs, conv.side, conv.side]
}

/// The shape of what a convolution gives: channels, rows, columns.
pub(super) fn image(conv: &Convolution) -> [usize; 3] {
    [conv.outputs, conv.output[0], conv.output[1]]
}
