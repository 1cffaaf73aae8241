//! A net ready to run: BatchNorm folded, weights packed, whatever the input size. Built once, shared by all plans.

use icecap_kernels::{PackedDense, PackedDepthwise, PackedPointwise, PackedStem};

use crate::{
    BlockSpec, Numerics, Params, Spec,
    fold::{Folded, fold},
};

/// The packed weights of one inverted residual block.
#[derive(Debug)]
pub(crate) struct PackedBlock {
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
    pub(crate) head: PackedPointwise,
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
        let stem = fold(params, "Conv1", "bn_Conv1");
        let (features, last) = (spec.feature_channels(), last_channels(&spec));
        let top = params.classes().map(|classes| {
            let (kernel, bias) =
                (params.values("predictions", "kernel"), params.values("predictions", "bias"));
            PackedDense::pack(kernel, bias, features, classes)
        });
        Self {
            numerics: *params.numerics(),
            stem: PackedStem::pack(&stem.weights, &stem.bias, spec.stem_channels()),
            blocks: spec.blocks().iter().map(|block| pack_block(params, block)).collect(),
            head: pack_pointwise(fold(params, "Conv_1", "Conv_1_bn"), last, features),
            top,
            spec,
        }
    }

    /// The channel counts.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Epsilon, padding and pixel scaling of the weights.
    #[must_use]
    pub fn numerics(&self) -> &Numerics {
        &self.numerics
    }

    /// Classes of the classification top, where there is one.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.top.as_ref().map(PackedDense::outputs)
    }
}

/// Channels that enter the last convolution.
pub(crate) fn last_channels(spec: &Spec) -> usize {
    spec.blocks().last().map_or(spec.stem_channels(), |block| block.output)
}

fn pack_pointwise(folded: Folded, inputs: usize, outputs: usize) -> PackedPointwise {
    PackedPointwise::pack(&folded.weights, &folded.bias, inputs, outputs)
}

fn pack_block(params: &Params, block: &BlockSpec) -> PackedBlock {
    let part = |part: &str| {
        let conv = format!("{}_{part}", block.prefix);
        fold(params, &conv, &format!("{conv}_BN"))
    };
    let depthwise = part("depthwise");
    PackedBlock {
        expand: block.has_expand().then(|| pack_pointwise(part("expand"), block.input, block.expanded)),
        depthwise: PackedDepthwise::pack(&depthwise.weights, &depthwise.bias, block.expanded),
        project: pack_pointwise(part("project"), block.expanded, block.output),
    }
}
