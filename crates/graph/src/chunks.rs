//! A block over one image by chunks of channels.
//!
//! ```text
//!   input --expand--> a chunk of expanded channels, zeros around them --depthwise--> the same channels, compact
//!                     (a buffer of each thread, in its cache)                         (all of them, for the projection)
//! ```
//!
//! Expand a few channels over the whole image, convolve them depthwise, keep the result, go on. The expanded image, six
//! times the block's input, never exists as a whole. Threads take chunks, each with a buffer of its own.
//!
//! The first block has no expansion: what it reads has the zeros around it already, and is convolved where it lies.

use icecap_kernels::{
    BLOCK, Blocked, BlockedMut, ConvGeometry, Depthwise, Epilogue, Isa, Layout, PackedPointwise, Pointwise,
    Threads, depthwise, pointwise,
};

use crate::net::PackedBlock;

/// A chunk's buffer is kept below this where two blocks of channels allow it: what a first-level cache of 32 KiB holds
/// beside the tile's inputs and outputs, doubled, since half of it is written while the other half is read.
const CHUNK_BYTES: usize = 48 << 10;

/// Blocks of 16 channels that a chunk has at least: one AVX-512 tile of 32 channels.
const CHUNK_BLOCKS: usize = 2;

/// How a block is cut into chunks.
#[derive(Clone, Debug)]
pub(crate) struct Chunks {
    /// The depthwise convolution.
    geometry: ConvGeometry,
    /// Channels of the whole expanded image.
    channels: usize,
    /// Blocks of 16 channels in a chunk; the last may have fewer.
    blocks: usize,
    /// Whether the block starts with an expansion.
    expands: bool,
}

impl Chunks {
    /// Cuts the expanded image of a block, `channels` convolved depthwise by `geometry`, for `workers` threads.
    pub(crate) fn new(geometry: ConvGeometry, channels: usize, expands: bool, workers: usize) -> Self {
        let bytes = chunk_layout(&geometry, BLOCK).len() * size_of::<f32>();
        let blocks = blocks_in_chunk(channels.div_ceil(BLOCK), CHUNK_BYTES / bytes, workers);
        Self { geometry, channels, blocks, expands }
    }

    /// Returns whether the block starts with an expansion.
    pub(crate) fn expands(&self) -> bool {
        self.expands
    }

    /// Returns the length of one chunk's buffer.
    pub(crate) fn buffer_len(&self) -> usize {
        chunk_layout(&self.geometry, self.blocks * BLOCK).len()
    }

    /// Returns the layout of what leaves the depthwise convolution.
    pub(crate) fn convolved(&self) -> Layout {
        let (height, width) = self.geometry.output();
        Layout::compact(self.channels, height, width)
    }
}

/// Returns the layout of `channels` expanded channels over the whole image, with the zeros around them that `depthwise`
/// reads.
pub(crate) fn chunk_layout(depthwise: &ConvGeometry, channels: usize) -> Layout {
    let (height, width) = depthwise.input();
    Layout::new(channels, height, width, depthwise.pads())
}

/// Returns how many of `blocks` blocks of channels make a chunk if `fits` of them go into the cache: as many as fit in
/// whole tiles, unless that leaves one of the workers with much less to do than another.
fn blocks_in_chunk(blocks: usize, fits: usize, workers: usize) -> usize {
    let most = (fits / CHUNK_BLOCKS * CHUNK_BLOCKS).max(CHUNK_BLOCKS).min(blocks);
    most_even(1..=most, blocks, workers).unwrap_or(most)
}

/// Returns of these sizes of a chunk the one with which the worker that has most of `blocks` to do has least, and of equal
/// ones the largest.
pub(crate) fn most_even(sizes: impl Iterator<Item = usize>, blocks: usize, workers: usize) -> Option<usize> {
    let longest = |size: usize| blocks.div_ceil(size).div_ceil(workers) * size;
    sizes.min_by_key(|&size| (longest(size), std::cmp::Reverse(size)))
}

/// A block about to be computed for one image.
pub(crate) struct ChunkedBlock<'a> {
    pub(crate) threads: &'a Threads,
    pub(crate) isa: Isa,
    pub(crate) chunks: &'a Chunks,
    pub(crate) packed: &'a PackedBlock,
    pub(crate) input: Blocked<'a>,
}

impl ChunkedBlock<'_> {
    /// Expands and convolves the whole image.
    ///
    /// # Shapes
    /// `buffers` holds a chunk's buffer for each thread that may take part; `output` is laid out as
    /// [`Chunks::convolved`].
    pub(crate) fn run(&self, buffers: &mut [f32], output: &mut [f32]) {
        let Some(expand) = &self.packed.expand else { return self.convolve(output) };
        let Chunks { geometry, blocks, .. } = self.chunks;
        // A layer's zeros are where another one had values. The inside is written before it is read.
        let (layout, buffer_len) = (chunk_layout(geometry, blocks * BLOCK), self.chunks.buffer_len());
        for buffer in buffers.chunks_exact_mut(buffer_len) {
            BlockedMut::new(layout, buffer).clear_pads();
        }
        let task_len = blocks * self.chunks.convolved().block_len();
        self.threads.for_each_chunk_with(buffers, buffer_len, output, task_len, |buffer, task, output| {
            self.chunk(expand, task, buffer, output);
        });
    }

    /// Expands and convolves the `task`-th chunk of channels.
    fn chunk(&self, expand: &PackedPointwise, task: usize, buffer: &mut [f32], output: &mut [f32]) {
        let Chunks { geometry, blocks, .. } = self.chunks;
        let first = task * blocks;
        let last = expand.panels().min(first + blocks);
        let channels = expand.outputs().min(last * BLOCK) - first * BLOCK;
        let layout = chunk_layout(geometry, channels);
        let mut expanded = BlockedMut::new(layout, &mut *buffer);
        let step = Pointwise { weights: expand, panels: first..last, epilogue: Epilogue::Relu6 };
        pointwise(&Threads::serial(), self.isa, &step, self.input, &mut expanded);
        let (weights, blocks) = (&self.packed.depthwise, first..last);
        let step = Depthwise { geometry, weights, blocks, relu6: true };
        depthwise(self.isa, &step, Blocked::new(layout, buffer), output);
    }

    /// Convolves the input itself, block by block of channels.
    fn convolve(&self, output: &mut [f32]) {
        let geometry = &self.chunks.geometry;
        let (plane, layout) = (self.input.layout().block_len(), chunk_layout(geometry, BLOCK));
        let mut states = vec![(); self.threads.count()];
        let block_len = self.chunks.convolved().block_len();
        self.threads.for_each_chunk(&mut states, output, block_len, |(), block, output| {
            let input = Blocked::new(layout, &self.input.data()[block * plane..][..plane]);
            let (weights, blocks) = (&self.packed.depthwise, block..block + 1);
            let step = Depthwise { geometry, weights, blocks, relu6: true };
            depthwise(self.isa, &step, input, output);
        });
    }
}
