//! A plan of a net in integers: the place of every byte that an inference needs, for one input size.
//!
//! A block is computed by chunks of channels, as in f32: expand some blocks of channels over the whole image into quads,
//! convolve them, keep the result, go on; then project all of it.

use std::ops::Range;
use std::sync::Arc;

use icecap_kernels::int8::{Grouping, Quads, eighths_len, padded_image_len};
use icecap_kernels::{BLOCK, ConvGeometry, Isa, Layout};

use super::{
    integers::{Bottleneck, EIGHTHS},
    net::{PackedIntegerNet, reading},
};
use crate::{
    arena::Planner,
    chunks::most_even,
    error::Error,
    net::{Net, Weights},
    precision::Precision,
    spec::Spec,
    stage::{self, Node, Stage},
    tap::Tap,
};

/// Bytes that a place in the arena is measured in.
const UNIT: usize = size_of::<f32>();

/// A chunk of quads is kept below this where few blocks of channels allow it, so that what is written is read again from a
/// first-level cache.
const CHUNK_BYTES: usize = 24 << 10;

/// A block of the net as it is computed.
#[derive(Clone, Debug)]
pub(crate) struct BlockStep {
    pub(crate) index: usize,
    pub(crate) geometry: ConvGeometry,
    /// Blocks of channels of a chunk; of a block without an expansion, of the whole.
    pub(crate) chunk: usize,
    /// What is added to every value that leaves, in eighths.
    pub(crate) zero: i16,
    /// Whether what the block before gave is added.
    pub(crate) adds: bool,
    /// What entered, in groups; of the first block, quads.
    pub(crate) input: Range<usize>,
    /// What entered in eighths, if it is added.
    pub(crate) added: Range<usize>,
    /// A chunk of quads for each worker.
    pub(crate) quads: Range<usize>,
    /// Groups behind the depthwise convolution.
    pub(crate) convolved: Range<usize>,
    /// What leaves, in groups.
    pub(crate) output: Range<usize>,
    /// What leaves in eighths, if the next block adds it.
    pub(crate) eighths: Range<usize>,
}

impl BlockStep {
    /// Its parts of the arena.
    fn ranges(&mut self) -> [&mut Range<usize>; 6] {
        [
            &mut self.input,
            &mut self.added,
            &mut self.quads,
            &mut self.convolved,
            &mut self.output,
            &mut self.eighths,
        ]
    }
}

/// The first convolution as it is computed.
#[derive(Clone, Debug)]
pub(crate) struct StemStep {
    pub(crate) geometry: ConvGeometry,
    /// The depthwise convolution that reads it.
    pub(crate) next: ConvGeometry,
    pub(crate) image: Range<usize>,
    pub(crate) output: Range<usize>,
}

/// The last convolution as it is computed.
#[derive(Clone, Debug)]
pub(crate) struct LastStep {
    /// What leaves it.
    pub(crate) layout: Layout,
    pub(crate) input: Range<usize>,
}

/// A net in integers for one input size, from the image to a tap behind the last convolution.
#[derive(Debug)]
pub(crate) struct IntegerPlan {
    pub(crate) net: Arc<Net>,
    pub(crate) isa: Isa,
    pub(crate) to: Tap,
    pub(crate) stem: StemStep,
    pub(crate) blocks: Vec<BlockStep>,
    pub(crate) last: LastStep,
    arena_len: usize,
}

impl IntegerPlan {
    /// Plans the net from the image of `size` to `to`, for `workers` threads that share an image.
    pub(crate) fn new(
        net: &Arc<Net>,
        isa: Isa,
        size: [usize; 2],
        to: Tap,
        workers: usize,
    ) -> Result<Self, Error> {
        let packed = packed(net)?;
        let nodes = stage::chain(&net.spec, net.numerics.padding, None, size)?;
        let mut requests = Requests::default();
        let asked = ask(
            Sized { spec: &net.spec, outputs: &packed.outputs },
            &nodes,
            Runner { isa, workers },
            &mut requests,
        );
        let (places, arena_len) = requests.planner.places();
        let place = |request: usize| {
            places[request].start * UNIT..places[request].start * UNIT + requests.bytes[request]
        };
        let Asked { mut stem, mut blocks, mut last } = asked;
        let of_blocks = blocks.iter_mut().flat_map(BlockStep::ranges);
        let all = [&mut stem.image, &mut stem.output, &mut last.input].into_iter().chain(of_blocks);
        all.for_each(|range| *range = place(range.start));
        Ok(Self { net: Arc::clone(net), isa, to, stem, blocks, last, arena_len: arena_len * UNIT })
    }

    /// Returns the number of bytes that the arena holds.
    pub(crate) fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// Returns the number of real values that the arena holds: the features, and their means.
    pub(crate) fn arena_values(&self) -> usize {
        self.last.layout.len() + self.last.layout.channels()
    }

    /// Returns the packed integers.
    ///
    /// # Errors
    /// [`Error::Precision`] for a net in f32.
    pub(crate) fn packed(&self) -> Result<&PackedIntegerNet, Error> {
        packed(&self.net)
    }
}

fn packed(net: &Net) -> Result<&PackedIntegerNet, Error> {
    match &net.weights {
        Weights::Int8(packed) => Ok(packed),
        Weights::F32(_) => Err(Error::Precision { needed: Precision::Int8, got: Precision::F32 }),
    }
}

/// Places asked for, in bytes. A step holds the number of its request as the start of a range until places are given.
#[derive(Default)]
struct Requests {
    planner: Planner,
    bytes: Vec<usize>,
}

impl Requests {
    /// Asks for so many bytes from step `first` to step `last`.
    fn ask(&mut self, bytes: usize, first: usize, last: usize) -> Range<usize> {
        let request = self.planner.request(bytes.div_ceil(UNIT), first, last);
        self.bytes.push(bytes);
        request..request
    }
}

/// The steps with the numbers of their requests.
struct Asked {
    stem: StemStep,
    blocks: Vec<BlockStep>,
    last: LastStep,
}

/// What a plan must know of a net.
#[derive(Clone, Copy)]
struct Sized<'a> {
    spec: &'a Spec,
    /// What leaves each block.
    outputs: &'a [Bottleneck],
}

fn ask(net: Sized<'_>, nodes: &[Node], runner: Runner, requests: &mut Requests) -> Asked {
    let geometry = |index: usize| match &nodes[index].stage {
        Stage::Stem(geometry) | Stage::Block(_, geometry) => *geometry,
        _ => unreachable!("the first convolution and the blocks come first"),
    };
    let stem_blocks = net.spec.stem_channels().div_ceil(BLOCK);
    let stem_quads = stem_blocks * Quads::new(&geometry(1)).block_len();
    let stem = StemStep {
        geometry: geometry(0),
        next: geometry(1),
        image: requests.ask(padded_image_len(&geometry(0)), 0, 0),
        output: requests.ask(stem_quads, 0, 1),
    };
    let mut entered = Entered { values: stem.output.clone(), eighths: requests.ask(0, 0, 0) };
    let mut blocks = Vec::with_capacity(net.outputs.len());
    for index in 0..net.outputs.len() {
        let block =
            ask_block(net, index, &Around { geometry: geometry(index + 1), entered, runner }, requests);
        entered = Entered { values: block.output.clone(), eighths: block.eighths.clone() };
        blocks.push(block);
    }
    let last = LastStep { layout: nodes[blocks.len() + 1].output, input: entered.values };
    Asked { stem, blocks, last }
}

/// What is known of a block beside the net.
struct Around {
    geometry: ConvGeometry,
    entered: Entered,
    runner: Runner,
}

/// Who runs a plan.
#[derive(Clone, Copy)]
struct Runner {
    isa: Isa,
    workers: usize,
}

/// What enters a block.
struct Entered {
    values: Range<usize>,
    eighths: Range<usize>,
}

fn ask_block(net: Sized<'_>, index: usize, around: &Around, requests: &mut Requests) -> BlockStep {
    let Around { geometry, entered, runner: Runner { isa, workers } } = around;
    let (spec, step) = (&net.spec.blocks()[index], index + 1);
    let pixels = geometry.output().0 * geometry.output().1;
    let expanded = spec.expanded.div_ceil(BLOCK);
    let block_len = Quads::new(geometry).block_len();
    let convolved = Grouping::new(*isa, expanded);
    let writes = reading(Some(net.outputs[index]));
    let written = Grouping::new(*isa, writes.groups(spec.output));
    let (chunk, quads) = if spec.has_expand() {
        let tile = match convolved.beside() {
            // Rows of few pixels are computed three blocks at a time, others two.
            1 if geometry.input().1 <= 8 => 3,
            1 => 2,
            beside => beside,
        };
        let chunk = blocks_in_chunk(expanded, block_len, tile, *workers);
        (chunk, (*workers).min(expanded.div_ceil(chunk)) * chunk * block_len)
    } else {
        (expanded, 0)
    };
    // The first block's input is no eighths: they are made of it where it is added.
    let adds_stem = index == 0 && spec.is_residual();
    let added = match adds_stem {
        true => requests.ask(spec.input.div_ceil(BLOCK) * eighths_len(pixels), step, step),
        false => entered.eighths.clone(),
    };
    let kept = net.spec.blocks().get(step).is_some_and(|next| next.is_residual());
    let eighths = if kept { spec.output.div_ceil(BLOCK) * eighths_len(pixels) } else { 0 };
    let zero = i16::from(net.outputs[index].zero) * EIGHTHS as i16;
    BlockStep {
        index,
        geometry: *geometry,
        chunk,
        zero: if spec.is_residual() && !adds_stem { 0 } else { zero },
        adds: spec.is_residual(),
        input: entered.values.clone(),
        added,
        quads: requests.ask(quads, step, step),
        convolved: requests.ask(convolved.len(pixels), step, step),
        output: requests.ask(written.len(pixels), step, step + 1),
        eighths: requests.ask(eighths, step, step + 1),
    }
}

/// Blocks of channels of a chunk: as many as fit into the cache, in whole tiles of so many, unless one of the workers gets much more
/// to do than another.
fn blocks_in_chunk(blocks: usize, block_len: usize, tile: usize, workers: usize) -> usize {
    let most = (CHUNK_BYTES / block_len / tile * tile).max(tile).min(blocks);
    let whole = (1..=most).filter(|size| size.is_multiple_of(tile) || *size == blocks);
    most_even(whole, blocks, workers).unwrap_or(most)
}
