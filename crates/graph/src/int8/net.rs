//! The integers of a net, packed for the kernels.

use icecap_kernels::in_slabs;
use icecap_kernels::int8::{
    IntegerWeights, PackedIntegerDepthwise, PackedIntegerStem, PackedIntegers, Reading,
};

use super::integers::{IntegerBlock, IntegerConv, IntegerNet, Outcome, is_fine};

/// The packed integers of one block.
#[derive(Debug)]
pub(crate) struct PackedIntegerBlock {
    /// `None` in the first block, which has no expansion.
    pub(crate) expand: Option<PackedIntegers>,
    pub(crate) depthwise: PackedIntegerDepthwise,
    pub(crate) project: PackedIntegers,
}

/// A net in integers with packed weights.
#[derive(Debug)]
pub(crate) struct PackedIntegerNet {
    pub(crate) integers: IntegerNet,
    pub(crate) stem: PackedIntegerStem,
    pub(crate) blocks: Vec<PackedIntegerBlock>,
    pub(crate) last: PackedIntegers,
}

impl PackedIntegerNet {
    /// Packs a net, its weights in large pages.
    pub(crate) fn new(integers: IntegerNet) -> Self {
        in_slabs(|| {
            let stem = &integers.stem;
            Self {
                stem: PackedIntegerStem::pack(&stem.weights, &stem.bias, stem.rescale()),
                blocks: integers.blocks.iter().map(pack_block).collect(),
                last: pack(&integers.last, reading(integers.spec.last_channels())),
                integers,
            }
        })
    }
}

fn pack_block(block: &IntegerBlock) -> PackedIntegerBlock {
    let depthwise = &block.depthwise;
    PackedIntegerBlock {
        expand: block.expand.as_ref().map(|expand| pack(expand, reading(expand.inputs()))),
        depthwise: PackedIntegerDepthwise::pack(&depthwise.weights, &depthwise.bias, depthwise.rescale()),
        project: pack(&block.project, Reading::Bytes),
    }
}

fn pack(conv: &IntegerConv, reading: Reading) -> PackedIntegers {
    let integers = IntegerWeights { weights: &conv.weights, bias: &conv.bias, reading };
    match &conv.outcome {
        Outcome::Rescaled(rescale) => PackedIntegers::rescaled(integers, rescale),
        Outcome::Real(factors) => PackedIntegers::real(integers, factors),
    }
}

/// How what leaves a block of so many channels is read.
pub(crate) fn reading(channels: usize) -> Reading {
    if is_fine(channels) { Reading::Fine } else { Reading::Bytes }
}
