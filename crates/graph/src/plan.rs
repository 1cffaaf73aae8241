//! The plan that runs: a range of stages, their chunks, and the place of every value they need.
//!
//! A block of the net is computed a few channels at a time: expand them over the whole image into a buffer with zeros
//! around it, convolve that depthwise, keep the result; when all channels are done, project. The expanded image, six
//! times the block's input, never exists as a whole: the buffer of one chunk stays in cache.

use std::ops::Range;
use std::sync::Arc;

use icecap_kernels::{BLOCK, Buffer, ConvGeometry, Isa, Layout, Shape, in_slabs};

use crate::{
    Error, Net,
    arena::{Arena, Planner},
    bands::Bands,
    stage::{self, Node, Stage},
    tap::Tap,
};

/// A chunk's buffer is kept below this where two blocks of channels allow it: what a first-level cache of 32 KiB holds
/// beside the tile's inputs and outputs, doubled, since half of it is written while the other half is read.
const CHUNK_BYTES: usize = 48 << 10;

/// Blocks of 16 channels that a chunk has at least: one AVX-512 tile of 32 channels.
const CHUNK_BLOCKS: usize = 2;

/// A chunk larger than this, in bytes, is a matter for bands: written and read again, it would not stay in a second-level
/// cache of 1 MiB. Below, chunks are the faster ones: a layer runs over the whole image in one call.
const BANDS_FROM: usize = 512 << 10;

/// Where a stage's values lie in the arena.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// What enters the stage.
    pub(crate) input: Range<usize>,
    /// What leaves it.
    pub(crate) output: Range<usize>,
    /// The chunk buffers of all workers, one behind the other; the scaled image in the stem.
    pub(crate) chunk: Range<usize>,
    /// A block's depthwise result.
    pub(crate) depthwise: Range<usize>,
    /// What a block by bands needs.
    pub(crate) bands: Range<usize>,
}

/// One stage of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) node: Node,
    pub(crate) input: Layout,
    /// Blocks of channels in a chunk.
    pub(crate) chunk_blocks: usize,
    /// How a thread that has the image alone computes the block, where its channels over the whole image are too much
    /// for a cache.
    pub(crate) bands: Option<Bands>,
    /// The first convolution, where the bands take it in.
    pub(crate) stem: Option<ConvGeometry>,
    pub(crate) places: Places,
}

/// A range of a net's stages for one input size, with every place in memory decided.
#[derive(Debug)]
pub struct Plan {
    pub(crate) net: Arc<Net>,
    pub(crate) isa: Isa,
    pub(crate) steps: Vec<Step>,
    input_shape: Shape,
    output_shape: Shape,
    arena_len: usize,
    workers: usize,
}

impl Plan {
    /// Plans the sections of `net` between two taps for images of `size` (rows, columns): `Tap::Image..Tap::Pooled` takes
    /// pixels and gives pooled features, `Tap::Block(3)..Tap::Features` takes what leaves block 3.
    ///
    /// Up to `workers` threads can share one image.
    ///
    /// # Errors
    /// [`Error::InputSize`] for a size that the net cannot run; [`Error::UnknownLayer`] for a block that the net does not
    /// have and for an end that does not lie behind the start; [`Error::NoTop`] for class scores of weights without a top.
    pub fn new(
        net: &Arc<Net>,
        isa: Isa,
        size: [usize; 2],
        taps: Range<Tap>,
        workers: usize,
    ) -> Result<Self, Error> {
        let nodes = stage::chain(&net.spec, net.numerics.padding, net.classes(), size)?;
        let position = |tap: Tap| nodes.iter().position(|node| node.tap == tap);
        let unknown = |tap: Tap, purpose| Error::UnknownLayer { name: tap.layer(&net.spec), purpose };
        let Range { start, end } = taps;
        let first = match start {
            Tap::Image => 0,
            _ => position(start).ok_or_else(|| unknown(start, "that a plan can start at"))? + 1,
        };
        if end == Tap::Classes && net.top.is_none() {
            return Err(Error::NoTop);
        }
        let last = position(end).ok_or_else(|| unknown(end, "that a plan can end at"))?;
        if last < first {
            return Err(unknown(end, "behind the start of the plan"));
        }
        let input_shape = match first {
            0 => stage::image_shape(size),
            _ => stage::shape_of(&nodes[first - 1]),
        };
        let output_shape = stage::shape_of(&nodes[last]);
        let workers = workers.max(1);
        let (steps, arena_len) = place(net, nodes, first..last + 1, workers);
        Ok(Self { net: Arc::clone(net), isa, steps, input_shape, output_shape, arena_len, workers })
    }

    /// The shape of one image's input: [H, W, 3] pixels, or the values of the layer it starts at.
    #[must_use]
    pub fn input_shape(&self) -> Shape {
        self.input_shape
    }

    /// The shape of one image's output: [h, w, C], or `[C]` from pooling on.
    #[must_use]
    pub fn output_shape(&self) -> Shape {
        self.output_shape
    }

    /// Whether it starts with pixels.
    #[must_use]
    pub fn starts_with_pixels(&self) -> bool {
        matches!(self.steps.first(), Some(Step { node: Node { stage: Stage::Stem(_), .. }, .. }))
    }

    /// The instruction set it runs on.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Memory for one inference at a time.
    #[must_use]
    pub fn arena(&self) -> Arena {
        let values = in_slabs(|| Buffer::zeros(self.arena_len));
        Arena { values, workers: self.workers }
    }
}

/// The buffer of one chunk of a block: `blocks` blocks of expanded channels with zeros around them.
pub(crate) fn chunk_layout(depthwise: &ConvGeometry, channels: usize) -> Layout {
    let (height, width) = depthwise.input();
    Layout::new(channels, height, width, depthwise.pads())
}

/// Into chunks of how many blocks `blocks` are cut, where `fits` go into the cache: a multiple of a tile's, as many as
/// fit, unless that leaves one of the workers with much less to do than another.
fn blocks_in_chunk(blocks: usize, fits: usize, workers: usize) -> usize {
    let most = (fits / CHUNK_BLOCKS * CHUNK_BLOCKS).max(CHUNK_BLOCKS).min(blocks);
    let longest = |size: usize| blocks.div_ceil(size).div_ceil(workers) * size;
    (1..=most).min_by_key(|&size| (longest(size), std::cmp::Reverse(size))).unwrap_or(most)
}

/// Decides chunks, bands and places for the stages `range`.
fn place(net: &Net, nodes: Vec<Node>, range: Range<usize>, workers: usize) -> (Vec<Step>, usize) {
    let mut planner = Planner::default();
    let before = range.start.checked_sub(1).map(|index| nodes[index].output);
    // Pixels never enter the arena unscaled.
    let entry = before.unwrap_or(Layout::compact(0, 0, 0));
    let mut input_request = planner.request(entry.len(), range.start, range.start);
    let mut input = entry;
    let mut requests = Vec::with_capacity(range.len());
    let mut steps: Vec<Step> = Vec::with_capacity(range.len());
    // The first convolution's own step is left out by a thread alone: its rows come with the first block's.
    // Not where that block adds what it read to what it gives, as in the narrowest nets: the rows are gone by then.
    let first_block = &net.spec.blocks()[0];
    let joined = range.start == 0 && range.end > 1 && !first_block.has_expand() && !first_block.is_residual();
    for (index, node) in nodes.into_iter().enumerate().take(range.end).skip(range.start) {
        let alone = workers == 1 && index == 0 && joined;
        let needed = |len: usize| if alone { 0 } else { len };
        let output_request = planner.request(needed(node.output.len()), index, index + 1);
        let (mut chunk_blocks, mut chunk_len, mut depthwise_len) = (0, 0, 0);
        let (mut bands, mut stem) = (None, None);
        match &node.stage {
            Stage::Stem(geometry) => chunk_len = needed(icecap_kernels::scaled_len(geometry)),
            Stage::Block(block, geometry) => {
                let spec = &net.spec.blocks()[*block];
                let (height, width) = geometry.output();
                let blocks = spec.expanded.div_ceil(BLOCK);
                let bytes = chunk_layout(geometry, BLOCK).len() * size_of::<f32>();
                chunk_blocks = blocks_in_chunk(blocks, CHUNK_BYTES / bytes, workers);
                stem = match steps.first().map(|step| &step.node.stage) {
                    Some(Stage::Stem(first)) if joined && *block == 0 => Some(*first),
                    _ => None,
                };
                if stem.is_some() || (spec.has_expand() && chunk_blocks * bytes > BANDS_FROM) {
                    let plain = Bands::new(*geometry, spec.expanded);
                    bands = Some(stem.iter().fold(plain, Bands::with_stem));
                }
                if workers > 1 || bands.is_none() {
                    depthwise_len = Layout::compact(spec.expanded, height, width).len();
                    if spec.has_expand() {
                        chunk_len = workers * chunk_layout(geometry, chunk_blocks * BLOCK).len();
                    }
                }
            }
            Stage::Head | Stage::Pool | Stage::Top => {}
        }
        let chunk_request = planner.request(chunk_len, index, index);
        let depthwise_request = planner.request(depthwise_len, index, index);
        let bands_request = planner.request(bands.as_ref().map_or(0, Bands::len), index, index);
        requests.push([input_request, output_request, chunk_request, depthwise_request, bands_request]);
        let places = Places { input: 0..0, output: 0..0, chunk: 0..0, depthwise: 0..0, bands: 0..0 };
        let output = node.output;
        steps.push(Step { node, input, chunk_blocks, bands, stem, places });
        (input, input_request) = (output, output_request);
    }
    let (ranges, len) = planner.places();
    for (step, requests) in steps.iter_mut().zip(requests) {
        let [input, output, chunk, depthwise, bands] = requests.map(|request| ranges[request].clone());
        step.places = Places { input, output, chunk, depthwise, bands };
    }
    (steps, len)
}
