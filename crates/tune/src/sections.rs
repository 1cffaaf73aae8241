//! What lies behind a tap for one input size: its convolutions by their places among the trained layers.

use icecap_graph::{BLOCKS, ConvLayer, Params, Part, Tap, windows};
use icecap_kernels::ConvGeometry;

use crate::error::Error;

/// One inverted residual block of the tail.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The sizes of its depthwise convolution.
    pub(crate) geometry: ConvGeometry,
    /// The places of its convolutions among the tail's layers; the net's first block does not expand.
    pub(crate) expand: Option<usize>,
    pub(crate) depthwise: usize,
    pub(crate) project: usize,
    /// Whether its input is added to its output.
    pub(crate) residual: bool,
    /// Channels that enter it, that its depthwise convolution filters, that leave it.
    pub(crate) input: usize,
    pub(crate) expanded: usize,
    pub(crate) output: usize,
}

/// The sections behind a tap, first to last.
#[derive(Clone, Debug)]
pub(crate) struct Sections {
    /// The first convolution's sizes, if the tail starts at the image; it is then the first layer.
    pub(crate) stem: Option<ConvGeometry>,
    pub(crate) blocks: Vec<Block>,
    /// Channels that enter the last convolution, and that leave it.
    pub(crate) last: [usize; 2],
    /// Rows and columns of what enters the first of the blocks, or the last convolution if there are none.
    pub(crate) entry: (usize, usize),
    /// Rows and columns of the features.
    pub(crate) side: (usize, usize),
}

impl Sections {
    /// The sections of a net behind `from`, and their convolutions in the order in which they run.
    pub(crate) fn new(params: &Params, from: Tap, size: [usize; 2]) -> Result<(Self, Vec<ConvLayer>), Error> {
        let spec = params.spec();
        let windows = windows(spec, params.numerics().padding, size)?;
        let first = match from {
            Tap::Image | Tap::Stem => 0,
            Tap::Block(block) if block < BLOCKS => block + 1,
            tap => return Err(Error::NothingBehind { tap }),
        };
        let mut layers = Vec::new();
        let mut place = |part, block| {
            layers.push(ConvLayer { part, block });
            layers.len() - 1
        };
        let stem = (from == Tap::Image).then(|| {
            place(Part::Stem, 0);
            windows[0]
        });
        let blocks: Vec<Block> = (first..BLOCKS)
            .map(|index| {
                let block = spec.blocks()[index];
                Block {
                    geometry: windows[index + 1],
                    expand: block.has_expand().then(|| place(Part::Expand, index)),
                    depthwise: place(Part::Depthwise, index),
                    project: place(Part::Project, index),
                    residual: block.is_residual(),
                    input: block.input,
                    expanded: block.expanded,
                    output: block.output,
                }
            })
            .collect();
        place(Part::Last, 0);
        let side = windows[BLOCKS].output();
        let entry = blocks.first().map_or(side, |block| block.geometry.input());
        let entered = spec.blocks().last().map_or(spec.stem_channels(), |block| block.output);
        let last = [entered, spec.feature_channels()];
        Ok((Self { stem, blocks, last, entry, side }, layers))
    }

    /// Channels that enter the first of the blocks, or the last convolution.
    pub(crate) fn input(&self) -> usize {
        self.blocks.first().map_or(self.last[0], |block| block.input)
    }
}
