//! A net ready to run: BatchNorm folded, weights packed, whatever the input size. Built once, shared by all plans.
//!
//! Its weights are numbers of 32 bits, or the integers of [`IntegerNet`]: the net's [`Precision`].

use icecap_kernels::{PackedDense, PackedDepthwise, PackedPointwise, PackedStem};

use crate::{
    error::Error,
    fold::fold,
    int8::{IntegerNet, PackedIntegerNet},
    numerics::Numerics,
    params::Params,
    precision::Precision,
    spec::Spec,
    topology::{ConvLayer, Convolution, Part, TOP_BIAS, TOP_KERNEL},
};

/// The packed weights of one inverted residual block.
#[derive(Debug)]
pub(crate) struct PackedBlock {
    /// `None` in the first block, which has no expansion.
    pub(crate) expand: Option<PackedPointwise>,
    pub(crate) depthwise: PackedDepthwise,
    pub(crate) project: PackedPointwise,
}

/// The packed weights of a net in f32.
#[derive(Debug)]
pub(crate) struct FloatWeights {
    pub(crate) stem: PackedStem,
    pub(crate) blocks: Vec<PackedBlock>,
    pub(crate) last: PackedPointwise,
}

/// The weights of a net up to its features.
#[derive(Debug)]
pub(crate) enum Weights {
    F32(FloatWeights),
    Int8(Box<PackedIntegerNet>),
}

/// A net with packed weights. Immutable; plans of any size and range share it.
#[derive(Debug)]
pub struct Net {
    pub(crate) spec: Spec,
    pub(crate) numerics: Numerics,
    pub(crate) weights: Weights,
    pub(crate) top: Option<PackedDense>,
}

impl Net {
    /// Folds and packs trained params.
    ///
    /// # Cost
    /// One pass over the weights, twice their memory while it runs.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        let spec = params.spec().clone();
        let stem = fold(params, ConvLayer::STEM);
        let weights = FloatWeights {
            stem: PackedStem::pack(&stem.weights, &stem.bias, spec.stem_channels()),
            blocks: (0..spec.blocks().len()).map(|block| pack_block(params, block)).collect(),
            last: pack_pointwise(params, ConvLayer::LAST),
        };
        Self { numerics: *params.numerics(), weights: Weights::F32(weights), top: pack_top(params), spec }
    }

    /// Quantizes trained params to int8, from their tensors alone.
    ///
    /// # Errors
    /// Those of [`IntegerNet::from_weights`].
    ///
    /// # Cost
    /// That of [`Net::new`].
    pub fn int8(params: &Params) -> Result<Self, Error> {
        Ok(Self { top: pack_top(params), ..Self::of_integers(IntegerNet::from_weights(params)?) })
    }

    /// Packs a net in integers. It has no classification top.
    #[must_use]
    pub fn of_integers(net: IntegerNet) -> Self {
        Self {
            spec: net.spec.clone(),
            numerics: net.numerics,
            weights: Weights::Int8(Box::new(PackedIntegerNet::new(net))),
            top: None,
        }
    }

    /// Returns the type of the numbers that the net computes with.
    #[must_use]
    pub fn precision(&self) -> Precision {
        match &self.weights {
            Weights::F32(_) => Precision::F32,
            Weights::Int8(_) => Precision::Int8,
        }
    }

    /// Returns the integers of a net in int8; `None` of one in f32, and of one that was taken up packed.
    #[must_use]
    pub fn integers(&self) -> Option<&IntegerNet> {
        match &self.weights {
            Weights::F32(_) => None,
            Weights::Int8(net) => net.integers.as_ref(),
        }
    }

    /// Returns the packed weights of a net in f32.
    ///
    /// # Errors
    /// [`Error::Precision`] for a net in int8.
    pub(crate) fn floats(&self) -> Result<&FloatWeights, Error> {
        match &self.weights {
            Weights::F32(weights) => Ok(weights),
            Weights::Int8(_) => Err(Error::Precision { needed: Precision::F32, got: Precision::Int8 }),
        }
    }

    /// Returns the channel counts.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns epsilon, padding and pixel scaling of the weights.
    #[must_use]
    pub fn numerics(&self) -> &Numerics {
        &self.numerics
    }

    /// Returns the number of classes of the classification top; `None` for a net without one.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.top.as_ref().map(PackedDense::outputs)
    }
}

fn pack_top(params: &Params) -> Option<PackedDense> {
    params.classes().map(|classes| {
        let (kernel, bias) = (params.values(TOP_KERNEL), params.values(TOP_BIAS));
        PackedDense::pack(kernel, bias, params.spec().feature_channels(), classes)
    })
}

fn pack_pointwise(params: &Params, layer: ConvLayer) -> PackedPointwise {
    let Convolution { inputs, outputs, .. } = layer.sized(params.spec());
    let folded = fold(params, layer);
    PackedPointwise::pack(&folded.weights, &folded.bias, inputs, outputs)
}

fn pack_block(params: &Params, block: usize) -> PackedBlock {
    let [expand, depthwise, project] =
        [Part::Expand, Part::Depthwise, Part::Project].map(|part| ConvLayer { part, block });
    let spec = &params.spec().blocks()[block];
    let folded = fold(params, depthwise);
    PackedBlock {
        expand: spec.has_expand().then(|| pack_pointwise(params, expand)),
        depthwise: PackedDepthwise::pack(&folded.weights, &folded.bias, spec.expanded),
        project: pack_pointwise(params, project),
    }
}
