//! The forward pass: a plan's steps one after the other over one image, and batches of images over threads.
//!
//! What is computed here is on one readable page in [`ReferencePlan`](crate::ReferencePlan), layer by layer. This file
//! is that page run fast: each step in the [`Mode`] that the plan chose for it, one method a mode.

use std::ops::Range;
use std::time::{Duration, Instant};

use icecap_kernels::{
    Blocked, BlockedMut, ConvGeometry, Epilogue, Isa, Stem, Threads, dense, pointwise, pool, stem,
};

use crate::{
    arena::Arena,
    bands::{Bands, Source},
    chunks::{ChunkedBlock, Chunks},
    error::Error,
    input::{Input, Pixels},
    net::PackedBlock,
    plan::{Mode, Plan, Step},
    stage::Stage,
    tap::Tap,
};

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
    /// [`Error::InputLength`] if `input` is not a whole number of images, is of u8 though the plan does not start with
    /// pixels, or does not fit `output`.
    ///
    /// # Panics
    /// If `arenas` is empty or one of them is another plan's.
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
            threads.enter(|| self.image(threads, input, output, &mut arenas[0], |_| {}));
            return Ok(());
        }
        let serial = Threads::serial();
        threads.for_each_chunk(arenas, output, output_len, |arena, index, output| {
            self.image(&serial, input.image(index, input_len), output, arena, |_| {});
        });
        Ok(())
    }

    /// Runs the plan over one image and returns what each of its steps took, with the tap behind the step.
    ///
    /// A step that is computed together with the next one is told with it. The result has the bits of [`Plan::run`].
    ///
    /// # Shapes
    /// `input` [`Plan::input_shape`], `output` [`Plan::output_shape`].
    ///
    /// # Errors
    /// [`Error::InputLength`] if `input` or `output` is not one image's, or `input` is of u8 though the plan does not
    /// start with pixels.
    pub fn profile(
        &self,
        threads: &Threads,
        input: Input<'_>,
        arena: &mut Arena,
        output: &mut [f32],
    ) -> Result<Vec<(Tap, Duration)>, Error> {
        self.check(input, 1, output)?;
        Ok(threads.enter(|| {
            let mut times = Vec::with_capacity(self.steps.len());
            let mut started = Instant::now();
            self.image(threads, input, output, arena, |step| {
                times.push((step.node.section.tap, started.elapsed()));
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
        output: &mut [f32],
        arena: &mut Arena,
        mut done: impl FnMut(&Step),
    ) {
        if let (Input::F32(values), Some(first), false) =
            (input, self.steps.first(), self.starts_with_pixels())
        {
            let mut entry = BlockedMut::new(first.input, &mut arena.values[first.places.input.clone()]);
            entry.read_hwc(values);
        }
        let pass = Pass { plan: self, threads, isa: self.isa, image: input };
        for step in &self.steps {
            if pass.step(step, arena) {
                done(step);
            }
        }
        if let Some(last) = self.steps.last() {
            Blocked::new(last.node.output, &arena.values[last.places.output.clone()]).write_hwc(output);
        }
    }
}

/// One image's way through a plan.
struct Pass<'a> {
    plan: &'a Plan,
    threads: &'a Threads,
    isa: Isa,
    image: Input<'a>,
}

/// A step's part of the arena.
struct Memory<'a> {
    input: &'a [f32],
    output: BlockedMut<'a>,
    chunk: &'a mut [f32],
    depthwise: &'a mut [f32],
    bands: &'a mut [f32],
}

impl Pass<'_> {
    /// Computes a step; returns false if it is left to the next one.
    fn step(&self, step: &Step, arena: &mut Arena) -> bool {
        let mode = if self.threads.count() == 1 { &step.alone } else { &step.shared };
        if matches!(mode, Mode::Ahead) {
            return false;
        }
        let places = &step.places;
        let parts = [&places.input, &places.output, &places.chunk, &places.depthwise, &places.bands];
        let Ok([input, output, chunk, depthwise, bands]) =
            arena.values.get_disjoint_mut(parts.map(Range::clone))
        else {
            panic!("an arena of another plan")
        };
        let output = BlockedMut::new(step.node.output, output);
        let memory = Memory { input, output, chunk, depthwise, bands };
        match mode {
            Mode::Stem(geometry) => self.stem(geometry, memory),
            Mode::Chunks(chunks) => self.chunks(step, chunks, memory),
            Mode::Bands(bands) => self.bands(step, bands, memory),
            Mode::Joined(bands, geometry) => self.joined(step, bands, geometry, memory),
            Mode::Last => self.last(step, memory),
            Mode::Pool => self.pool(step, memory),
            Mode::Top => self.top(step, memory),
            Mode::Ahead => {}
        }
        true
    }

    /// Returns the image with what the net expects of its pixels.
    fn pixels(&self) -> Pixels<'_> {
        Pixels { image: self.image, scaling: &self.plan.net.numerics.scaling }
    }

    /// Returns the packed weights of the block that a step computes.
    fn block(&self, step: &Step) -> &PackedBlock {
        match step.node.stage {
            Stage::Block(index, _) => &self.plan.net.blocks[index],
            _ => unreachable!("only blocks are planned by chunks and bands"),
        }
    }

    /// Returns what is added to a block's projection: its input if the block is residual, else nothing.
    fn added<'b>(&self, step: &Step, input: Blocked<'b>) -> Option<Blocked<'b>> {
        step.node.section.add.as_ref().map(|_| input)
    }

    /// The first convolution: scale all pixels, then convolve them.
    fn stem(&self, geometry: &ConvGeometry, memory: Memory<'_>) {
        let Memory { mut output, chunk: scaled, .. } = memory;
        self.pixels().scale(self.threads, self.isa, geometry, 0..geometry.input().0, scaled);
        output.clear_pads();
        let step = Stem { geometry, weights: &self.plan.net.stem, relu6: true };
        stem(self.threads, self.isa, &step, scaled, &mut output);
    }

    /// A block by chunks of channels: expand and convolve each, then project all of them at once.
    fn chunks(&self, step: &Step, chunks: &Chunks, memory: Memory<'_>) {
        let Memory { input, mut output, chunk, depthwise, .. } = memory;
        let (packed, input) = (self.block(step), Blocked::new(step.input, input));
        let block = ChunkedBlock { threads: self.threads, isa: self.isa, chunks, packed, input };
        block.run(chunk, depthwise);
        let convolved = Blocked::new(chunks.convolved(), depthwise);
        let epilogue = self.added(step, input).map_or(Epilogue::Linear, Epilogue::Add);
        pointwise(self.threads, self.isa, &packed.project.whole(epilogue), convolved, &mut output);
    }

    /// A block by bands of rows: expand, convolve and project each.
    fn bands(&self, step: &Step, bands: &Bands, memory: Memory<'_>) {
        let input = Blocked::new(step.input, memory.input);
        let Some(expand) = &self.block(step).expand else {
            unreachable!("bands are planned for blocks that expand")
        };
        let source = Source::Expand { input, expand };
        self.by_bands(step, bands, &source, self.added(step, input), memory);
    }

    /// The first convolution and the first block together, by bands of rows.
    fn joined(&self, step: &Step, bands: &Bands, geometry: &ConvGeometry, memory: Memory<'_>) {
        let source = Source::Stem { pixels: self.pixels(), geometry, packed: &self.plan.net.stem };
        // A first block that adds its input is not joined: see `plan::joined_stem`.
        self.by_bands(step, bands, &source, None, memory);
    }

    fn by_bands(
        &self,
        step: &Step,
        bands: &Bands,
        source: &Source<'_>,
        added: Option<Blocked<'_>>,
        memory: Memory<'_>,
    ) {
        let Memory { mut output, bands: scratch, .. } = memory;
        let packed = self.block(step);
        bands.run(self.isa, packed, source, scratch, |convolved, rows| {
            let added = added.map(|input| input.rows(rows.clone()));
            let epilogue = added.map_or(Epilogue::Linear, Epilogue::Add);
            let mut output = output.rows(rows);
            let step = packed.project.whole(epilogue);
            pointwise(&Threads::serial(), self.isa, &step, convolved, &mut output);
        });
    }

    /// The last convolution.
    fn last(&self, step: &Step, mut memory: Memory<'_>) {
        let input = Blocked::new(step.input, memory.input);
        let step = self.plan.net.last.whole(Epilogue::Relu6);
        pointwise(self.threads, self.isa, &step, input, &mut memory.output);
    }

    /// The mean over the image, and zeros up to a whole block of channels.
    fn pool(&self, step: &Step, mut memory: Memory<'_>) {
        let (means, rest) = memory.output.data_mut().split_at_mut(step.node.output.channels());
        pool(self.isa, Blocked::new(step.input, memory.input), means);
        rest.fill(0.0);
    }

    /// The classification top.
    fn top(&self, step: &Step, mut memory: Memory<'_>) {
        let Some(top) = &self.plan.net.top else { unreachable!("scores are planned for nets with a top") };
        let input = Blocked::new(step.input, memory.input);
        dense(self.isa, &input.data()[..top.inputs()], top, &mut memory.output.data_mut()[..top.outputs()]);
    }
}
