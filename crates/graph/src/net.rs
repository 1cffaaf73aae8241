//! A net ready to run: BatchNorm folded, weights packed, whatever the input size. Built once, shared by all plans.

use icecap_kernels::{PackedDense, PackedDepthwise, PackedPointwise, PackedStem};

use crate::{
    fold::fold,
    numerics::Numerics,
    params::Params,
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

/// A net with packed weights. Immutable; plans of any size and range share it.
#[derive(Debug)]
pub struct Net {
    pub(crate) spec: Spec,
    pub(crate) numerics: Numerics,
    pub(crate) stem: PackedStem,
    pub(crate) blocks: Vec<PackedBlock>,
    pub(crate) last: PackedPointwise,
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
        let top = params.classes().map(|classes| {
            let (kernel, bias) = (params.values(TOP_KERNEL), params.values(TOP_BIAS));
            PackedDense::pack(kernel, bias, spec.feature_channels(), classes)
        });
        Self {
            numerics: *params.numerics(),
            stem: PackedStem::pack(&stem.weights, &stem.bias, spec.stem_channels()),
            blocks: (0..spec.blocks().len()).map(|block| pack_block(params, block)).collect(),
            last: pack_pointwise(params, ConvLayer::LAST),
            top,
            spec,
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
