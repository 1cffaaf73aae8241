//! A block over one image by bands of rows, for images whose expanded channels do not fit a cache.
//!
//! ```text
//!   input rows --expand--> window of expanded rows --depthwise--> a band's rows --project--> output rows
//!                          (the last rows of a window are the first of the next)
//! ```
//!
//! 1. A window holds the expanded rows that one band of output rows reads. The one or two rows that the next band reads
//!    again are moved to its start, so nothing is computed twice.
//! 2. Rows above and below the image are rows of zeros in the window; the zeros beside it are written once.
//! 3. The first block has no expansion: its window holds rows of the first convolution, computed just before they are
//!    read, so that the largest map of the net never exists.
//!
//! Every value is the same as when each layer runs over the whole image: a band is only another order of outputs.

use std::ops::Range;

use icecap_kernels::{
    BLOCK, Blocked, BlockedMut, ConvGeometry, Depthwise, Epilogue, Isa, Layout, PackedPointwise, PackedStem,
    Pads, Pointwise, Stem, Threads, WINDOW, depthwise, pointwise, scaled_len, stem,
};

use crate::{input::Pixels, net::PackedBlock};

/// How many values the window and the depthwise rows of a band have together at most, unless a single row of output has
/// more: half of a second-level cache of 1 MiB.
const BAND_VALUES: usize = (512 << 10) / size_of::<f32>();

/// Blocks of 16 channels that are expanded and convolved together.
const TOGETHER: usize = 2;

/// A block's bands: how many output rows each has, and the memory they need.
#[derive(Clone, Debug)]
pub(crate) struct Bands {
    geometry: ConvGeometry,
    /// Output rows of a band; the last may have fewer.
    rows: usize,
    /// The window: as many rows as a band reads, with the zeros beside them.
    window: Layout,
    /// A band's depthwise rows.
    between: Layout,
    /// The number of scaled pixel values of a band; 0 if the first convolution is no part of it.
    scaled: usize,
}

impl Bands {
    /// Cuts a depthwise convolution of `channels` into bands that fit a cache.
    pub(crate) fn new(geometry: ConvGeometry, channels: usize) -> Self {
        let mut bands = Self::of_rows(geometry, channels, 1);
        for rows in 2..=geometry.output().0 {
            let more = Self::of_rows(geometry, channels, rows);
            if more.window.len() + more.between.len() > BAND_VALUES {
                break;
            }
            bands = more;
        }
        // As many bands, but of as equal heights as possible: a last band of one row would be a poor one.
        let (height, rows) = (geometry.output().0, bands.rows);
        Self::of_rows(geometry, channels, height.div_ceil(height.div_ceil(rows)))
    }

    fn of_rows(geometry: ConvGeometry, channels: usize, rows: usize) -> Self {
        let ((_, width), (_, output_width)) = (geometry.input(), geometry.output());
        let pads = Pads { top: 0, bottom: 0, ..geometry.pads() };
        let window = Layout::new(channels, (rows - 1) * geometry.stride() + WINDOW, width, pads);
        let between = Layout::compact(channels, rows, output_width);
        Self { geometry, rows, window, between, scaled: 0 }
    }

    /// Adds the memory in which the first convolution is computed band by band as well.
    pub(crate) fn with_stem(mut self, stem: &ConvGeometry) -> Self {
        let rows = self.window.height().min(stem.output().0);
        // The first band has the image's upper zeros, another one more rows of the image: either may be the larger.
        // What a band asks for, less the rows that are kept, is a part of one of these.
        self.scaled =
            (0..=stem.output().0 - rows).map(|y| scaled_len(&stem.band(y..y + rows).0)).max().unwrap_or(0);
        self
    }

    /// The number of values that the bands of one image need as memory.
    pub(crate) fn len(&self) -> usize {
        self.window.len() + self.between.len() + self.scaled
    }

    /// Runs the block `packed` over the rows that `source` gives, and hands `project` each band's depthwise rows with
    /// the output rows that they are for.
    pub(crate) fn run(
        &self,
        isa: Isa,
        packed: &PackedBlock,
        source: &Source<'_>,
        scratch: &mut [f32],
        mut project: impl FnMut(Blocked<'_>, Range<usize>),
    ) {
        let (window, rest) = scratch.split_at_mut(self.window.len());
        let (between, scaled) = rest.split_at_mut(self.between.len());
        // The zeros beside the rows: what is written later leaves them.
        BlockedMut::new(self.window, window).clear_pads();
        let (height, width) = self.geometry.output();
        let stride = self.geometry.stride();
        let blocks = self.window.blocks();
        let together = source.blocks_together(blocks);
        let mut filled = 0;
        for start in (0..height).step_by(self.rows) {
            let rows = start..height.min(start + self.rows);
            // The padded image's rows that these read; those below `filled` are at the end of the last window.
            let reads = rows.start * stride..(rows.end - 1) * stride + WINDOW;
            let kept = if start == 0 { 0 } else { filled - reads.start };
            let Ok(shape) =
                ConvGeometry::new(reads.len(), self.geometry.input().1, stride, self.window.pads())
            else {
                unreachable!("a band's window is as high as its rows need")
            };
            let plane = rows.len() * width * BLOCK;
            for first in (0..blocks).step_by(together) {
                let chunk = first..blocks.min(first + together);
                let layout = self.window.blocks_of(chunk.clone());
                let at = first * self.window.block_len();
                let mut own = BlockedMut::new(layout, &mut window[at..at + layout.len()]);
                if kept > 0 {
                    let last = self.rows * stride;
                    own.copy_rows(last..last + kept, 0);
                }
                self.fill(&mut own, kept, &reads, |rows, target| {
                    source.rows(isa, rows, chunk.clone(), scaled, target);
                });
                let to = &mut between[first * plane..chunk.end * plane];
                let step =
                    Depthwise { geometry: &shape, weights: &packed.depthwise, blocks: chunk, relu6: true };
                depthwise(isa, &step, own.rows(0..reads.len()).reborrow(), to);
            }
            filled = reads.end;
            project(Blocked::new(Layout::compact(self.between.channels(), rows.len(), width), between), rows);
        }
    }

    /// Fills a window that holds the rows `reads` of the padded image from its row `kept` on: zeros where the image
    /// does not reach, else what `compute` makes of the image's rows.
    fn fill(
        &self,
        window: &mut BlockedMut<'_>,
        kept: usize,
        reads: &Range<usize>,
        compute: impl FnOnce(Range<usize>, &mut BlockedMut<'_>),
    ) {
        let (top, height) = (self.geometry.pads().top, self.geometry.input().0);
        let new = reads.start + kept..reads.end;
        let start = new.start.max(top).min(new.end);
        let inside = start..new.end.min(top + height).max(start);
        let (above, below) = (new.start..inside.start, inside.end..new.end);
        for zeros in [above, below] {
            window.clear_rows(zeros.start - reads.start..zeros.end - reads.start);
        }
        if inside.is_empty() {
            return;
        }
        let mut target = window.rows(inside.start - reads.start..inside.end - reads.start);
        compute(inside.start - top..inside.end - top, &mut target);
    }
}

/// Where a band gets the rows that it convolves depthwise.
pub(crate) enum Source<'a> {
    /// The block's input, expanded.
    Expand { input: Blocked<'a>, expand: &'a PackedPointwise },
    /// The first convolution of an image.
    Stem { pixels: Pixels<'a>, geometry: &'a ConvGeometry, packed: &'a PackedStem },
}

impl Source<'_> {
    /// How many blocks of channels are made and convolved together.
    fn blocks_together(&self, blocks: usize) -> usize {
        match self {
            Self::Expand { .. } => TOGETHER,
            // The first convolution gives all of its channels at once.
            Self::Stem { .. } => blocks,
        }
    }

    /// Writes the rows `rows` of the blocks of channels `blocks` into `target`.
    fn rows(
        &self,
        isa: Isa,
        rows: Range<usize>,
        blocks: Range<usize>,
        scaled: &mut [f32],
        target: &mut BlockedMut<'_>,
    ) {
        let serial = Threads::serial();
        match self {
            Self::Expand { input, expand } => {
                let step = Pointwise { weights: expand, panels: blocks, epilogue: Epilogue::Relu6 };
                pointwise(&serial, isa, &step, input.rows(rows), target);
            }
            Self::Stem { pixels, geometry, packed } => {
                let (band, from) = geometry.band(rows);
                let scaled = &mut scaled[..scaled_len(&band)];
                pixels.scale(&serial, isa, &band, from, scaled);
                let step = Stem { geometry: &band, weights: packed, relu6: true };
                stem(&serial, isa, &step, scaled, target);
            }
        }
    }
}
