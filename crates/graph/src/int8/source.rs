//! What a convolution reads.

use crate::{
    spec::BLOCKS,
    topology::{ConvLayer, Part},
};

/// Where the values that enter a convolution come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The image.
    Pixels,
    /// The ReLU6 behind this convolution.
    Relu6(ConvLayer),
    /// The block of this index.
    Block(usize),
}

impl Source {
    /// Of what a convolution reads.
    pub(crate) fn of(layer: ConvLayer) -> Self {
        let block = layer.block;
        let inside = |part| Self::Relu6(ConvLayer { part, block });
        match layer.part {
            Part::Stem => Self::Pixels,
            Part::Depthwise if block == 0 => Self::Relu6(ConvLayer::STEM),
            Part::Depthwise => inside(Part::Expand),
            Part::Project => inside(Part::Depthwise),
            Part::Expand => Self::Block(block - 1),
            Part::Last => Self::Block(BLOCKS - 1),
        }
    }
}
