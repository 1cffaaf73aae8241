//! The integers of a net, packed for the kernels.

use icecap_kernels::in_slabs;
use icecap_kernels::int8::{
    IntegerWeights, PackedBuffers, PackedIntegerDepthwise, PackedIntegerStem, PackedIntegers, PackedValues,
    Reading,
};

use super::integers::{Bottleneck, IntegerBlock, IntegerConv, IntegerNet, Outcome};
use crate::{
    spec::{BlockSpec, Spec},
    topology::{ConvLayer, Part},
};

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
    /// `None` of a net that was taken up packed.
    pub(crate) integers: Option<IntegerNet>,
    /// What leaves each block.
    pub(crate) outputs: Vec<Bottleneck>,
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
                blocks: integers
                    .blocks
                    .iter()
                    .enumerate()
                    .map(|(block, one)| {
                        pack_block(one, reading(integers.read_by(ConvLayer { part: Part::Expand, block })))
                    })
                    .collect(),
                last: pack(&integers.last, reading(integers.read_by(ConvLayer::LAST))),
                outputs: integers.blocks.iter().map(|block| block.output).collect(),
                integers: Some(integers),
            }
        })
    }
}

impl PackedIntegerNet {
    /// The packed buffers in the order in which an inference reads them.
    pub(crate) fn values(&self) -> Vec<PackedValues<'_>> {
        let mut values = self.stem.values();
        for block in &self.blocks {
            values.extend(block.expand.iter().flat_map(PackedIntegers::values));
            values.extend(block.depthwise.values());
            values.extend(block.project.values());
        }
        values.extend(self.last.values());
        values
    }

    /// A net from the buffers that [`PackedIntegerNet::values`] gave.
    pub(crate) fn unpack(
        spec: &Spec,
        outputs: Vec<Bottleneck>,
        buffers: &mut impl PackedBuffers,
    ) -> Option<Self> {
        let stem = PackedIntegerStem::unpack(spec.stem_channels(), buffers)?;
        let blocks = spec.blocks().iter().enumerate();
        let read = |block: usize| reading(outputs[..block].last().copied());
        let blocks =
            blocks.map(|(index, block)| unpack_block(block, read(index), buffers)).collect::<Option<_>>()?;
        let last = [spec.last_channels(), spec.feature_channels()];
        let last = PackedIntegers::unpack(last, reading(outputs.last().copied()), true, buffers)?;
        Some(Self { integers: None, outputs, stem, blocks, last })
    }
}

fn unpack_block(
    block: &BlockSpec,
    read: Reading,
    buffers: &mut impl PackedBuffers,
) -> Option<PackedIntegerBlock> {
    let wide = [block.input, block.expanded];
    Some(PackedIntegerBlock {
        expand: match block.has_expand() {
            true => Some(PackedIntegers::unpack(wide, read, false, buffers)?),
            false => None,
        },
        depthwise: PackedIntegerDepthwise::unpack(block.expanded, buffers)?,
        project: PackedIntegers::unpack([block.expanded, block.output], Reading::Bytes, false, buffers)?,
    })
}

fn pack_block(block: &IntegerBlock, read: Reading) -> PackedIntegerBlock {
    let depthwise = &block.depthwise;
    PackedIntegerBlock {
        expand: block.expand.as_ref().map(|expand| pack(expand, read)),
        depthwise: PackedIntegerDepthwise::pack(&depthwise.weights, &depthwise.bias, depthwise.rescale()),
        project: pack(&block.project, Reading::Bytes),
    }
}

/// Packs a 1x1 convolution.
pub(crate) fn pack(conv: &IntegerConv, reading: Reading) -> PackedIntegers {
    let integers = IntegerWeights { weights: &conv.weights, bias: &conv.bias, reading };
    match &conv.outcome {
        Outcome::Rescaled(rescale) => PackedIntegers::rescaled(integers, rescale),
        Outcome::Real(factors) => PackedIntegers::real(integers, factors),
    }
}

/// How what leaves a block is read.
pub(crate) fn reading(bottleneck: Option<Bottleneck>) -> Reading {
    if bottleneck.is_some_and(|bottleneck| bottleneck.fine) { Reading::Fine } else { Reading::Bytes }
}
