//! The forward pass of an f32 net: a plan's steps one after the other over one image.
//!
//! What is computed here is on one readable page in [`ReferencePlan`](crate::ReferencePlan), layer by layer. This file
//! is that page run fast: each step in the [`Mode`] that the plan chose for it, one method a mode.

use std::ops::Range;

use icecap_kernels::{
    Blocked, BlockedMut, ConvGeometry, Epilogue, Isa, Stem, Threads, dense, pointwise, pool, stem,
};

use crate::{
    arena::Arena,
    bands::{Bands, Source},
    chunks::{ChunkedBlock, Chunks},
    error::Error,
    float_plan::{FloatPlan, Mode, Step},
    input::{Input, Pixels},
    net::{FloatWeights, PackedBlock},
    stage::Stage,
    tap::Tap,
};

impl FloatPlan {
    /// Computes one image; `done` is called behind each step, with the tap behind it.
    ///
    /// # Errors
    /// [`Error::Precision`] if the net is in another one.
    pub(crate) fn image(
        &self,
        threads: &Threads,
        image: Input<'_>,
        output: &mut [f32],
        arena: &mut Arena,
        done: &mut dyn FnMut(Tap),
    ) -> Result<(), Error> {
        if let (Input::F32(values), Some(first)) = (image, self.steps.first())
            && !matches!(first.node.stage, Stage::Stem(_))
        {
            let mut entry = BlockedMut::new(first.input, &mut arena.values[first.places.input.clone()]);
            entry.read_hwc(values);
        }
        let pass = Pass { plan: self, weights: self.net.floats()?, threads, isa: self.isa, image };
        for step in &self.steps {
            if pass.step(step, arena) {
                done(step.node.section.tap);
            }
        }
        if let Some(last) = self.steps.last() {
            Blocked::new(last.node.output, &arena.values[last.places.output.clone()]).write_hwc(output);
        }
        Ok(())
    }
}

/// One image's way through a plan.
struct Pass<'a> {
    plan: &'a FloatPlan,
    weights: &'a FloatWeights,
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
            Stage::Block(index, _) => &self.weights.blocks[index],
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
        let step = Stem { geometry, weights: &self.weights.stem, relu6: true };
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
        let source = Source::Stem { pixels: self.pixels(), geometry, packed: &self.weights.stem };
        // A first block that adds its input is not joined: see `float_plan::joined_stem`.
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
        let step = self.weights.last.whole(Epilogue::Relu6);
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
