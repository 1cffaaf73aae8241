//! The tensors of a net in integers: names, types and values, as a model file holds them and as they are hashed.
//!
//! | name | type | shape | |
//! |---|---|---|---|
//! | `LAYER/kernel` | I8 | Keras' | weights, -127 to 127 |
//! | `LAYER/bias` | I32 | \[out\]; \[9, out\] of `Conv1` | where sums start |
//! | `LAYER/shift`, `LAYER/multiplier` | U8, I16 | \[out\] | how sums become values; not of `Conv_1` |
//! | `Conv_1/factor` | F32 | \[out\] | what its sums are multiplied with |
//! | `bottlenecks/step`, `bottlenecks/zero` | F64, U8 | \[17\] | what leaves each block: the value of a step, and the byte of 0.0 |
//! | `bottlenecks/fine` | U8 | \[17\] | whether it is read with all bits, 1 or 0; it may be missing where all with 24 channels or fewer are, and no others |

use std::borrow::Cow;

use icecap_graph::int8::{BORDERS, FINE_UNSTATED, IntegerNet, Outcome};
use icecap_graph::{BLOCKS, ConvLayer, Part, tensor_shapes};
use icecap_kernels::Shape;

use crate::container::Element;

/// The name of the steps of what leaves the blocks.
pub(super) const STEPS: &str = "bottlenecks/step";
/// The name of the bytes of 0.0 in what leaves the blocks.
pub(super) const ZEROS: &str = "bottlenecks/zero";

/// The name of what says how each block's output is read.
pub(super) const FINE: &str = "bottlenecks/fine";

/// Returns whether a file that does not say it has a bottleneck of so many channels read with all bits.
pub(super) fn fine_unstated(channels: usize) -> bool {
    channels <= FINE_UNSTATED
}

/// Values of a tensor.
#[derive(Debug)]
pub(crate) enum Payload<'a> {
    F32(&'a [f32]),
    F64(Vec<f64>),
    I32(&'a [i32]),
    I16(Vec<i16>),
    I8(&'a [i8]),
    U8(Vec<u8>),
}

impl Payload<'_> {
    pub(crate) fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F64(_) => Element::F64,
            Self::I32(_) => Element::I32,
            Self::I16(_) => Element::I16,
            Self::I8(_) => Element::I8,
            Self::U8(_) => Element::U8,
        }
    }

    /// The values as they stand in a file.
    pub(crate) fn to_le_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match self {
            Self::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::I32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::I16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::I8(values) => values.iter().map(|value| value.cast_unsigned()).collect(),
            Self::U8(values) => return Cow::Borrowed(values),
        })
    }
}

/// A tensor of a net in integers.
#[derive(Debug)]
pub(crate) struct IntegerTensor<'a> {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) values: Payload<'a>,
}

/// Returns all tensors of a net, in the byte order of their names.
pub(crate) fn tensors(net: &IntegerNet) -> Vec<IntegerTensor<'_>> {
    let kernels = tensor_shapes(&net.spec, None);
    let mut tensors = Vec::new();
    for layer in ConvLayer::all() {
        let conv = net.conv(layer);
        let mut put = |what, shape, values| {
            tensors.push(IntegerTensor { name: name(layer, what), shape, values });
        };
        let vector = outputs(layer, kernels[&layer.kernel()]);
        put("kernel", kernels[&layer.kernel()], Payload::I8(&conv.weights));
        put("bias", bias_shape(layer, vector), Payload::I32(&conv.bias));
        match &conv.outcome {
            Outcome::Rescaled(rescale) => {
                let shifts = rescale.iter().map(|rescale| rescale.shift()).collect();
                let multipliers = rescale.iter().map(|rescale| rescale.multiplier()).collect();
                put("shift", Shape::of([vector]), Payload::U8(shifts));
                put("multiplier", Shape::of([vector]), Payload::I16(multipliers));
            }
            Outcome::Real(factors) => put("factor", Shape::of([vector]), Payload::F32(factors)),
        }
    }
    let (shape, outputs) = (Shape::of([BLOCKS]), net.blocks.iter().map(|block| block.output));
    let steps = Payload::F64(outputs.clone().map(|output| output.step).collect());
    tensors.push(IntegerTensor { name: STEPS.to_owned(), shape, values: steps });
    let zeros = Payload::U8(outputs.clone().map(|output| output.zero).collect());
    tensors.push(IntegerTensor { name: ZEROS.to_owned(), shape, values: zeros });
    // Nets of the first version are written, and so hashed, as they were.
    let blocks = net.spec.blocks().iter().zip(&net.blocks);
    if blocks.clone().any(|(spec, block)| block.output.fine != fine_unstated(spec.output)) {
        let fine = Payload::U8(outputs.map(|output| u8::from(output.fine)).collect());
        tensors.push(IntegerTensor { name: FINE.to_owned(), shape, values: fine });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}

/// The name of one of a layer's tensors.
pub(super) fn name(layer: ConvLayer, what: &str) -> String {
    format!("{}/{what}", layer.name())
}

/// Channels that leave a layer whose kernel is of this shape.
pub(super) fn outputs(layer: ConvLayer, kernel: Shape) -> usize {
    kernel.dims()[if layer.part == Part::Depthwise { 2 } else { 3 }]
}

pub(super) fn bias_shape(layer: ConvLayer, outputs: usize) -> Shape {
    match layer.part {
        Part::Stem => Shape::of([BORDERS, outputs]),
        _ => Shape::of([outputs]),
    }
}
