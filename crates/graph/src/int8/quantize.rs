//! A trained net from real numbers to integers, from its tensors alone or with ranges that photos gave.

use super::{
    convolution::{Entry, Exit, bottleneck, bottleneck_of_relu6, quantize},
    integers::{Bottleneck, EIGHTHS, IntegerBlock, IntegerConv, IntegerNet, LEVELS, RELU6_STEP, is_fine},
    observe::Observed,
    statistics::Statistics,
};
use crate::{
    error::Error,
    fold::fold,
    params::Params,
    spec::BLOCKS,
    topology::{ConvLayer, Part},
};

/// What leaves a ReLU6.
const RELU6: Exit = Exit::Steps { step: RELU6_STEP, limit: LEVELS as i32 };

impl IntegerNet {
    /// Quantizes a net from its weights alone: ranges and means come from its BatchNorm.
    ///
    /// # Errors
    /// [`Error::NoStatistics`] if its BatchNorm tells nothing, [`Error::Int8Channel`] for weights that int8 cannot hold.
    ///
    /// # Cost
    /// A pass over the weights, about as long as folding and packing them.
    pub fn from_weights(params: &Params) -> Result<Self, Error> {
        let statistics = Statistics::new(params)?;
        build(params, statistics.ranges(), &|layer| statistics.means_before(params, layer))
    }

    /// Quantizes a net with what photos showed of it: `ranges`, the smallest and the largest value of what leaves each
    /// block, and the means of what enters each convolution.
    ///
    /// # Errors
    /// [`Error::Int8Channel`] for weights that int8 cannot hold.
    pub(crate) fn from_observed(
        params: &Params,
        ranges: &[[f64; 2]],
        observed: &Observed,
    ) -> Result<Self, Error> {
        build(params, ranges, &|layer| observed.means_before(layer).map(<[f64]>::to_vec))
    }
}

/// What is known of the mean of each channel that enters a convolution.
type Means<'a> = &'a dyn Fn(ConvLayer) -> Option<Vec<f64>>;

fn build(params: &Params, ranges: &[[f64; 2]], means: Means<'_>) -> Result<IntegerNet, Error> {
    assert_eq!(ranges.len(), BLOCKS, "a range for each block");
    let outputs = chained(params, ranges);
    let layer = |part, block, entry, exit| -> Result<IntegerConv, Error> {
        let layer = ConvLayer { part, block };
        quantize(&layer.sized(params.spec()), &fold(params, layer), entry, exit, means(layer).as_deref())
    };
    let entry = |block: usize| Entry::Bottleneck(outputs[block]);
    let mut blocks = Vec::with_capacity(BLOCKS);
    for (block, spec) in params.spec().blocks().iter().enumerate() {
        let expand = match spec.has_expand() {
            true => Some(layer(Part::Expand, block, entry(block - 1), RELU6)?),
            false => None,
        };
        let step = outputs[block].step / f64::from(EIGHTHS);
        let eighths = Exit::Steps { step, limit: EIGHTHS * i32::from(LEVELS) };
        blocks.push(IntegerBlock {
            expand,
            depthwise: layer(Part::Depthwise, block, Entry::Relu6, RELU6)?,
            project: layer(Part::Project, block, Entry::Relu6, eighths)?,
            output: outputs[block],
        });
    }
    let last = entry(BLOCKS - 1);
    Ok(IntegerNet {
        stem: layer(Part::Stem, 0, Entry::Pixels(params.numerics().scaling), RELU6)?,
        last: layer(Part::Last, 0, last, Exit::Real)?,
        spec: params.spec().clone(),
        numerics: *params.numerics(),
        blocks,
    })
}

/// The bottleneck of each block: blocks that add what they read have one together, so that adding is adding. A chain that
/// starts with such a block starts with the first of the net, which adds what a ReLU6 left.
fn chained(params: &Params, ranges: &[[f64; 2]]) -> Vec<Bottleneck> {
    let blocks = params.spec().blocks();
    let mut outputs: Vec<Bottleneck> = Vec::with_capacity(blocks.len());
    let mut start = 0;
    while start < blocks.len() {
        let added = blocks[start + 1..].iter().take_while(|block| block.is_residual()).count();
        let chain = start..start + 1 + added;
        let range = ranges[chain.clone()]
            .iter()
            .fold([0.0f64, 0.0f64], |whole, range| [whole[0].min(range[0]), whole[1].max(range[1])]);
        let output = if blocks[start].is_residual() { bottleneck_of_relu6(range) } else { bottleneck(range) };
        let output = Bottleneck { fine: is_fine(blocks[start].output), ..output };
        outputs.extend(chain.clone().map(|_| output));
        start = chain.end;
    }
    outputs
}
