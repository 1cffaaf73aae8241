//! The net as a chain of stages for one input size: its sections with the geometry of their 3x3 convolutions and the
//! layout of what leaves them.

use icecap_kernels::{ConvGeometry, Layout, Pads, Shape};

use crate::{
    error::Error,
    numerics::Padding,
    spec::{INPUT_CHANNELS, MAX_SIDE, MIN_SIDE, Spec},
    tap::Tap,
    topology::{ConvLayer, Part, Section, sections},
};

/// What a stage computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The first convolution.
    Stem(ConvGeometry),
    /// The block of this index, with the geometry of its depthwise convolution.
    Block(usize, ConvGeometry),
    /// The last convolution.
    Last,
    /// The mean over the image.
    Pool,
    /// The dense layer of the classification top.
    Top,
}

/// A stage with the section that it is and the layout of what leaves it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) stage: Stage,
    pub(crate) section: Section,
    pub(crate) output: Layout,
}

impl Node {
    /// Returns the plain shape of what leaves it for one image: [H, W, C], or [C] from pooling on.
    pub(crate) fn shape(&self) -> Shape {
        match self.stage {
            Stage::Pool | Stage::Top => Shape::of([self.output.channels()]),
            _ => Shape::of([self.output.height(), self.output.width(), self.output.channels()]),
        }
    }
}

/// Returns all stages of a net for an input of `height` x `width`.
///
/// # Errors
/// [`Error::InputSize`] for a side that the net cannot run.
pub(crate) fn chain(
    spec: &Spec,
    padding: Padding,
    classes: Option<usize>,
    [height, width]: [usize; 2],
) -> Result<Vec<Node>, Error> {
    check_size(height, width)?;
    let mut size = (height, width);
    let mut nodes = Vec::new();
    for section in sections(spec, classes) {
        let channels = section.outputs;
        let (stage, output) = match section.tap {
            Tap::Image => continue,
            Tap::Stem => {
                let stem = geometry(padding.of_stem(), size, ConvLayer::STEM.sized(spec).stride)?;
                size = stem.output();
                // The first block has no expansion: what leaves the stem is what its depthwise convolution reads, zeros
                // around it.
                let first = ConvLayer { part: Part::Depthwise, block: 0 }.sized(spec);
                let pads = geometry(padding, size, first.stride)?.pads();
                (Stage::Stem(stem), Layout::new(channels, size.0, size.1, pads))
            }
            Tap::Block(block) => {
                let stride = spec.blocks()[block].stride;
                let depthwise = geometry(padding, size, stride)?;
                size = depthwise.output();
                (Stage::Block(block, depthwise), Layout::compact(channels, size.0, size.1))
            }
            Tap::Features => (Stage::Last, Layout::compact(channels, size.0, size.1)),
            Tap::Pooled => (Stage::Pool, Layout::compact(channels, 1, 1)),
            Tap::Classes => (Stage::Top, Layout::compact(channels, 1, 1)),
        };
        nodes.push(Node { stage, section, output });
    }
    Ok(nodes)
}

/// Returns the sizes of every 3x3 convolution of a net for an input of `size` (rows, columns), in the order in which they
/// run: that of the first convolution, then the depthwise one of each block.
///
/// # Errors
/// [`Error::InputSize`] for a side that the net cannot run.
pub fn windows(spec: &Spec, padding: Padding, size: [usize; 2]) -> Result<Vec<ConvGeometry>, Error> {
    let of = |node: Node| match node.stage {
        Stage::Stem(geometry) | Stage::Block(_, geometry) => Some(geometry),
        Stage::Last | Stage::Pool | Stage::Top => None,
    };
    Ok(chain(spec, padding, None, size)?.into_iter().filter_map(of).collect())
}

/// Returns the plain shape of an image.
pub(crate) fn image_shape([height, width]: [usize; 2]) -> Shape {
    Shape::of([height, width, INPUT_CHANNELS])
}

fn check_size(height: usize, width: usize) -> Result<(), Error> {
    let fits = |side| (MIN_SIDE..=MAX_SIDE).contains(&side);
    if fits(height) && fits(width) { Ok(()) } else { Err(input_size(height, width)) }
}

/// Returns the sizes of a 3x3 convolution of an image of `height` x `width` under the weights' padding.
fn geometry(padding: Padding, (height, width): (usize, usize), stride: usize) -> Result<ConvGeometry, Error> {
    let (top, bottom) = padding.amounts(height, stride);
    let (left, right) = padding.amounts(width, stride);
    ConvGeometry::new(height, width, stride, Pads { top, bottom, left, right })
        .map_err(|_| input_size(height, width))
}

fn input_size(height: usize, width: usize) -> Error {
    Error::InputSize { height, width, min: MIN_SIDE, max: MAX_SIDE }
}
