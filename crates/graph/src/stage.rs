//! The net as a chain of stages, each of which a plan can start after or end with: the first convolution, the
//! seventeen blocks, the last convolution, pooling, class scores.

use icecap_kernels::{ConvGeometry, Layout, Pads, Shape};

use crate::{
    Error, Padding, Spec,
    spec::{INPUT_CHANNELS, MAX_SIDE, MIN_SIDE},
    tap::Tap,
};

/// What a stage computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Stem(ConvGeometry),
    /// The index of the block, and its depthwise convolution.
    Block(usize, ConvGeometry),
    Head,
    Pool,
    Top,
}

/// A stage with what leaves it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) stage: Stage,
    /// The point behind it.
    pub(crate) tap: Tap,
    pub(crate) output: Layout,
}

/// Checks an input size.
pub(crate) fn check_size(height: usize, width: usize) -> Result<(), Error> {
    let fits = |side| (MIN_SIDE..=MAX_SIDE).contains(&side);
    if fits(height) && fits(width) {
        return Ok(());
    }
    Err(Error::InputSize { height, width, min: MIN_SIDE, max: MAX_SIDE })
}

/// The 3x3 convolution of an image of `height` x `width` under the weights' padding.
pub(crate) fn geometry(
    padding: Padding,
    height: usize,
    width: usize,
    stride: usize,
) -> Result<ConvGeometry, Error> {
    let (top, bottom) = padding.amounts(height, stride);
    let (left, right) = padding.amounts(width, stride);
    ConvGeometry::new(height, width, stride, Pads { top, bottom, left, right })
        .map_err(|_| Error::InputSize { height, width, min: MIN_SIDE, max: MAX_SIDE })
}

/// All stages of a net for an input of `height` x `width`.
pub(crate) fn chain(
    spec: &Spec,
    padding: Padding,
    classes: Option<usize>,
    [height, width]: [usize; 2],
) -> Result<Vec<Node>, Error> {
    check_size(height, width)?;
    let stem = geometry(padding, height, width, 2)?;
    let mut size = stem.output();
    let mut nodes = Vec::with_capacity(spec.blocks().len() + 4);
    let mut first_pads = Pads::default();
    let mut blocks = Vec::with_capacity(spec.blocks().len());
    for (index, block) in spec.blocks().iter().enumerate() {
        let depthwise = geometry(padding, size.0, size.1, block.stride)?;
        if index == 0 {
            first_pads = depthwise.pads();
        }
        size = depthwise.output();
        let output = Layout::compact(block.output, size.0, size.1);
        blocks.push(Node { stage: Stage::Block(index, depthwise), tap: Tap::Block(index), output });
    }
    // The first block has no expansion: what leaves the stem is what its depthwise convolution reads, zeros around it.
    let (rows, columns) = stem.output();
    let stem_output = Layout::new(spec.stem_channels(), rows, columns, first_pads);
    nodes.push(Node { stage: Stage::Stem(stem), tap: Tap::Stem, output: stem_output });
    nodes.extend(blocks);
    let features = spec.feature_channels();
    let output = Layout::compact(features, size.0, size.1);
    nodes.push(Node { stage: Stage::Head, tap: Tap::Features, output });
    let output = Layout::compact(features, 1, 1);
    nodes.push(Node { stage: Stage::Pool, tap: Tap::Pooled, output });
    if let Some(classes) = classes {
        let output = Layout::compact(classes, 1, 1);
        nodes.push(Node { stage: Stage::Top, tap: Tap::Classes, output });
    }
    Ok(nodes)
}

/// The plain shape of one image's values behind a layout: [H, W, C], or [C] after pooling.
pub(crate) fn shape_of(node: &Node) -> Shape {
    match node.stage {
        Stage::Pool | Stage::Top => Shape::of([node.output.channels()]),
        _ => Shape::of([node.output.height(), node.output.width(), node.output.channels()]),
    }
}

/// The plain shape of an image.
pub(crate) fn image_shape([height, width]: [usize; 2]) -> Shape {
    Shape::of([height, width, INPUT_CHANNELS])
}
