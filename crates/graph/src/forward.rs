//! The forward pass: a plan's stages one after the other over one image, and batches of images over threads.

use std::ops::Range;
use std::time::{Duration, Instant};

use icecap_kernels::{
    BLOCK, Blocked, BlockedMut, ConvGeometry, Depthwise, Epilogue, Isa, Layout, Pointwise, Scale, Stem,
    Threads, dense, depthwise, pointwise, pool, scale_pixels, stem,
};

use crate::{
    Arena, Error, Plan, Scaling,
    bands::{Bands, Source},
    net::PackedBlock,
    plan::{Step, chunk_layout},
    spec::INPUT_CHANNELS,
    stage::Stage,
};

/// What enters a plan, for one image or for several one behind the other.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Pixels from 0 to 255, [N, H, W, 3].
    U8(&'a [u8]),
    /// Pixels from 0 to 255, unrounded, or the values of the layer that the plan starts at, [N, H, W, C].
    F32(&'a [f32]),
}

impl<'a> Input<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    fn image(&self, index: usize, len: usize) -> Self {
        match self {
            Self::U8(values) => Self::U8(&values[index * len..][..len]),
            Self::F32(values) => Self::F32(&values[index * len..][..len]),
        }
    }
}

impl Input<'_> {
    /// Scales some rows of an image, as `geometry` reads them, to what `scaling` says.
    pub(crate) fn scale(
        &self,
        threads: &Threads,
        isa: Isa,
        geometry: &ConvGeometry,
        rows: Range<usize>,
        scaling: &Scaling,
        scaled: &mut [f32],
    ) {
        let row = geometry.input().1 * INPUT_CHANNELS;
        let pixels = rows.start * row..rows.end * row;
        let step = Scale { geometry, scale: scaling.scale, shift: scaling.shift };
        match self {
            Self::U8(image) => scale_pixels(threads, isa, &step, &image[pixels], scaled),
            Self::F32(image) => scale_pixels(threads, isa, &step, &image[pixels], scaled),
        }
    }
}

impl Plan {
    /// Runs the plan over a batch.
    ///
    /// One image is shared by the threads that its arena was planned for; of several, each is computed by one thread,
    /// with one arena each. The result has the same bits for any batch, number of threads and number of arenas.
    ///
    /// # Shapes
    /// `input` N times [`Plan::input_shape`], `output` N times [`Plan::output_shape`].
    ///
    /// # Errors
    /// [`Error::InputLength`] where `input` is not a whole number of images, is of u8 where the plan does not start
    /// with pixels, or does not fit `output`.
    ///
    /// # Panics
    /// Where `arenas` is empty or of another plan.
    pub fn run(
        &self,
        threads: &Threads,
        input: Input<'_>,
        arenas: &mut [Arena],
        output: &mut [f32],
    ) -> Result<(), Error> {
        let (input_len, output_len) = (self.input_shape().elements(), self.output_shape().elements());
        let batch = output.len() / output_len;
        self.check(input, batch, output)?;
        if batch == 1 {
            threads.enter(|| self.image(threads, input, &mut arenas[0], output, |_| {}));
            return Ok(());
        }
        let serial = Threads::serial();
        threads.for_each_chunk(arenas, output, output_len, |arena, index, output| {
            self.image(&serial, input.image(index, input_len), arena, output, |_| {});
        });
        Ok(())
    }

    /// Runs the plan over one image and tells what each of its steps took, by the name of what leaves the step.
    ///
    /// # Shapes
    /// As [`Plan::run`] with a batch of one.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn profile(
        &self,
        threads: &Threads,
        input: Input<'_>,
        arena: &mut Arena,
        output: &mut [f32],
    ) -> Result<Vec<(String, Duration)>, Error> {
        self.check(input, 1, output)?;
        Ok(threads.enter(|| {
            let mut times = Vec::with_capacity(self.steps.len());
            let mut started = Instant::now();
            self.image(threads, input, arena, output, |step| {
                times.push((step.node.tap.layer(&self.net.spec), started.elapsed()));
                started = Instant::now();
            });
            times
        }))
    }

    fn check(&self, input: Input<'_>, batch: usize, output: &[f32]) -> Result<(), Error> {
        let (input_len, output_len) = (self.input_shape().elements(), self.output_shape().elements());
        let of_pixels = self.starts_with_pixels() || matches!(input, Input::F32(_));
        if !of_pixels || input.len() != batch * input_len || output.len() != batch * output_len {
            return Err(Error::InputLength { expected: self.input_shape(), got: input.len() });
        }
        Ok(())
    }

    fn image(
        &self,
        threads: &Threads,
        input: Input<'_>,
        arena: &mut Arena,
        output: &mut [f32],
        mut done: impl FnMut(&Step),
    ) {
        if let (Input::F32(values), Some(first), false) =
            (input, self.steps.first(), self.starts_with_pixels())
        {
            let mut entry = BlockedMut::new(first.input, &mut arena.values[first.places.input.clone()]);
            entry.read_hwc(values);
        }
        for step in &self.steps {
            if self.step(threads, step, input, arena) {
                done(step);
            }
        }
        if let Some(last) = self.steps.last() {
            Blocked::new(last.node.output, &arena.values[last.places.output.clone()]).write_hwc(output);
        }
    }

    /// Computes a step, unless the next one brings it along.
    fn step(&self, threads: &Threads, step: &Step, image: Input<'_>, arena: &mut Arena) -> bool {
        let alone = threads.count() == 1;
        if alone
            && matches!(step.node.stage, Stage::Stem(_))
            && self.steps.get(1).is_some_and(|next| next.stem.is_some())
        {
            return false;
        }
        let places = &step.places;
        let workers = arena.workers;
        let parts = [&places.input, &places.output, &places.chunk, &places.depthwise, &places.bands];
        let Ok([input, output, chunk, between, bands]) =
            arena.values.get_disjoint_mut(parts.map(Range::clone))
        else {
            panic!("an arena of another plan")
        };
        if let (true, Some(by), Stage::Block(index, _)) = (alone, &step.bands, &step.node.stage) {
            let packed = &self.net.blocks[*index];
            let output = BlockedMut::new(step.node.output, output);
            // The first block never adds its input when it takes the first convolution in: see `plan::place`.
            let (source, residual) = match (&step.stem, &packed.expand) {
                (Some(geometry), _) => (Source::Stem { net: &self.net, geometry, image }, None),
                (None, Some(expand)) => {
                    let input = Blocked::new(step.input, input);
                    let adds = self.net.spec.blocks()[*index].is_residual();
                    (Source::Expand { input, expand }, adds.then_some(input))
                }
                (None, None) => unreachable!("bands are planned for blocks that expand, or follow the stem"),
            };
            self.by_bands(by, packed, (&source, residual), bands, output);
            return true;
        }
        let input = Blocked::new(step.input, input);
        let mut output = BlockedMut::new(step.node.output, output);
        match &step.node.stage {
            Stage::Stem(geometry) => {
                let (rows, scaling) = (0..geometry.input().0, &self.net.numerics.scaling);
                image.scale(threads, self.isa, geometry, rows, scaling, chunk);
                output.clear_pads();
                let step = Stem { geometry, weights: &self.net.stem, relu6: true };
                stem(threads, self.isa, &step, chunk, &mut output);
            }
            Stage::Block(index, geometry) => {
                let block = Block {
                    plan: self,
                    threads,
                    packed: &self.net.blocks[*index],
                    geometry,
                    chunk_blocks: step.chunk_blocks,
                    workers,
                };
                block.run(input, chunk, between, &mut output, self.net.spec.blocks()[*index].is_residual());
            }
            Stage::Head => {
                let step = self.net.head.whole(Epilogue::Relu6);
                pointwise(threads, self.isa, &step, input, &mut output);
            }
            Stage::Pool => {
                let channels = step.node.output.channels();
                let values = output.data_mut();
                pool(self.isa, input, &mut values[..channels]);
                values[channels..].fill(0.0);
            }
            Stage::Top => {
                if let Some(top) = &self.net.top {
                    let inputs = top.inputs();
                    let values = output.data_mut();
                    dense(self.isa, &input.data()[..inputs], top, &mut values[..top.outputs()]);
                }
            }
        }
        true
    }

    /// A block by bands of rows, and what is added to each.
    fn by_bands(
        &self,
        bands: &Bands,
        packed: &PackedBlock,
        (source, residual): (&Source<'_>, Option<Blocked<'_>>),
        scratch: &mut [f32],
        mut output: BlockedMut<'_>,
    ) {
        let project = &packed.project;
        bands.run(self.isa, packed, source, scratch, |between, rows| {
            let epilogue = match residual {
                Some(input) => Epilogue::Add(input.rows(rows.clone())),
                None => Epilogue::Linear,
            };
            let mut output = output.rows(rows);
            pointwise(&Threads::serial(), self.isa, &project.whole(epilogue), between, &mut output);
        });
    }
}

/// One inverted residual block over one image.
struct Block<'a> {
    plan: &'a Plan,
    threads: &'a Threads,
    packed: &'a PackedBlock,
    geometry: &'a ConvGeometry,
    chunk_blocks: usize,
    workers: usize,
}

impl Block<'_> {
    fn run(
        &self,
        input: Blocked<'_>,
        chunks: &mut [f32],
        between: &mut [f32],
        output: &mut BlockedMut<'_>,
        residual: bool,
    ) {
        let (height, width) = self.geometry.output();
        let depthwise = &self.packed.depthwise;
        let block_len = height * width * BLOCK;
        let task_len = self.chunk_blocks * block_len;
        match &self.packed.expand {
            Some(_) => {
                let buffer_len = chunks.len() / self.workers;
                // A layer's zeros are where another one had values.
                chunks.chunks_exact_mut(buffer_len).for_each(|buffer| self.clear(buffer));
                let threads = self.threads;
                threads.for_each_chunk_with(chunks, buffer_len, between, task_len, |buffer, task, values| {
                    self.chunk(input, buffer, task, values);
                });
            }
            None => {
                let plane = input.layout().block_len();
                let isa = self.plan.isa;
                let mut states = vec![(); self.threads.count()];
                self.threads.for_each_chunk(&mut states, between, block_len, |(), block, values| {
                    let layout = chunk_layout(self.geometry, BLOCK);
                    let input = Blocked::new(layout, &input.data()[block * plane..][..plane]);
                    let step = Depthwise {
                        geometry: self.geometry,
                        weights: depthwise,
                        blocks: block..block + 1,
                        relu6: true,
                    };
                    icecap_kernels::depthwise(isa, &step, input, values);
                });
            }
        }
        let project = &self.packed.project;
        let between = Blocked::new(Layout::compact(depthwise.channels(), height, width), between);
        let epilogue = if residual { Epilogue::Add(input) } else { Epilogue::Linear };
        pointwise(self.threads, self.plan.isa, &project.whole(epilogue), between, output);
    }

    /// Sets the zeros around a chunk; its inside is written before it is read.
    fn clear(&self, buffer: &mut [f32]) {
        let layout = chunk_layout(self.geometry, self.chunk_blocks * BLOCK);
        BlockedMut::new(layout, buffer).clear_pads();
    }

    /// Expands and convolves the `task`-th chunk of channels.
    fn chunk(&self, input: Blocked<'_>, buffer: &mut [f32], task: usize, output: &mut [f32]) {
        let Some(expand) = &self.packed.expand else { return };
        let first = task * self.chunk_blocks;
        let last = expand.panels().min(first + self.chunk_blocks);
        let channels = expand.outputs().min(last * BLOCK) - first * BLOCK;
        let layout = chunk_layout(self.geometry, channels);
        let mut expanded = BlockedMut::new(layout, &mut *buffer);
        let (serial, isa) = (Threads::serial(), self.plan.isa);
        let step = Pointwise { weights: expand, panels: first..last, epilogue: Epilogue::Relu6 };
        pointwise(&serial, isa, &step, input, &mut expanded);
        let expanded = Blocked::new(layout, buffer);
        let step = Depthwise {
            geometry: self.geometry,
            weights: &self.packed.depthwise,
            blocks: first..last,
            relu6: true,
        };
        depthwise(isa, &step, expanded, output);
    }
}
