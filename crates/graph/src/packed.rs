//! A net's packed weights as one run of values, for a file from which a later run takes them up in place: nothing is
//! read, folded or packed again.
//!
//! The run is the net's buffers in the order in which an inference reads them, weights before bias:
//!
//! ```text
//! stem | of each block: expand, where it has one; depthwise; project | last convolution
//! ```
//!
//! Their lengths follow from the channel counts. A classification top is left out: the hash that names a net leaves it
//! out too.

use icecap_kernels::int8::{PackedBuffers, PackedValues};
use icecap_kernels::{Buffer, PackedDepthwise, PackedPointwise, PackedStem};

use crate::{
    error::Error,
    int8::{Bottleneck, PackedIntegerNet},
    net::{FloatWeights, Net, PackedBlock, Weights},
    numerics::Numerics,
    precision::Precision,
    spec::{BlockSpec, Spec},
};

impl Net {
    /// Iterates over the packed weights of a net in f32, buffer by buffer, without those of a classification top.
    ///
    /// # Errors
    /// [`Error::Precision`] for a net in int8.
    pub fn packed_values(&self) -> Result<impl Iterator<Item = &[f32]>, Error> {
        let FloatWeights { stem, blocks, last } = self.floats()?;
        let blocks = blocks.iter().flat_map(|block| {
            let expand = block.expand.iter().flat_map(PackedPointwise::values);
            expand.chain(block.depthwise.values()).chain(block.project.values())
        });
        Ok(stem.values().into_iter().chain(blocks).chain(last.values()))
    }

    /// Rebuilds a net without a classification top from what [`Net::packed_values`] gave: `take` returns the next
    /// buffer, of as many values as it is asked for. Returns `None` as soon as `take` does.
    ///
    /// The values are not checked: the caller knows that they were packed from params with this spec and these
    /// numerics, under this [`PACK_VERSION`](icecap_kernels::PACK_VERSION).
    pub fn from_packed(
        spec: Spec,
        numerics: Numerics,
        take: &mut dyn FnMut(usize) -> Option<Buffer>,
    ) -> Option<Self> {
        let stem = PackedStem::unpack(spec.stem_channels(), take)?;
        let blocks = spec.blocks().iter().map(|block| unpack_block(block, take)).collect::<Option<_>>()?;
        let last = PackedPointwise::unpack(spec.last_channels(), spec.feature_channels(), take)?;
        let weights = Weights::F32(FloatWeights { stem, blocks, last });
        Some(Self { weights, top: None, numerics, spec })
    }
}

impl Net {
    /// Returns the packed weights of a net in int8, buffer by buffer, and what leaves each of its blocks.
    ///
    /// # Errors
    /// [`Error::Precision`] for a net in f32.
    pub fn packed_integers(&self) -> Result<(Vec<PackedValues<'_>>, &[Bottleneck]), Error> {
        match &self.weights {
            Weights::Int8(net) => Ok((net.values(), &net.outputs)),
            Weights::F32(_) => Err(Error::Precision { needed: Precision::Int8, got: Precision::F32 }),
        }
    }

    /// Rebuilds a net in int8 from what [`Net::packed_integers`] gave. It runs, and no longer knows its
    /// [`integers`](Net::integers). Returns `None` as soon as `buffers` does, or if there are not as many outputs as
    /// blocks.
    ///
    /// The values are not checked: the caller knows that they were packed from such a net, under this
    /// [`INTEGER_PACK_VERSION`](icecap_kernels::int8::INTEGER_PACK_VERSION).
    pub fn from_packed_integers(
        spec: Spec,
        numerics: Numerics,
        outputs: Vec<Bottleneck>,
        buffers: &mut impl PackedBuffers,
    ) -> Option<Self> {
        let net = PackedIntegerNet::unpack(&spec, outputs, buffers)?;
        let is_whole = net.outputs.len() == net.blocks.len();
        is_whole.then(|| Self { weights: Weights::Int8(Box::new(net)), top: None, numerics, spec })
    }
}

fn unpack_block(block: &BlockSpec, take: &mut dyn FnMut(usize) -> Option<Buffer>) -> Option<PackedBlock> {
    let expand = match block.has_expand() {
        true => Some(PackedPointwise::unpack(block.input, block.expanded, take)?),
        false => None,
    };
    Some(PackedBlock {
        expand,
        depthwise: PackedDepthwise::unpack(block.expanded, take)?,
        project: PackedPointwise::unpack(block.expanded, block.output, take)?,
    })
}
