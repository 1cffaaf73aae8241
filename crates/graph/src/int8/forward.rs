//! The forward pass of a net in integers over one image. What is computed is on one readable page in
//! [`IntegerReference`](super::IntegerReference), bit by bit.

use std::ops::Range;

use icecap_kernels::int8::{
    Grouping, IntegerDepthwise, IntegerExpand, IntegerProject, IntegerStem, PackedIntegers, Projected, Quads,
    depthwise_integers, expand_integers, last_integers, pad_image, project_integers, stem_eighths,
    stem_integers,
};
use icecap_kernels::{Blocked, BlockedMut, ConvGeometry, Isa, Threads, dense, pool};

use super::{
    net::{PackedIntegerBlock, PackedIntegerNet, reading},
    plan::{BlockStep, IntegerPlan},
};
use crate::{arena::Arena, error::Error, input::Input, tap::Tap};

impl IntegerPlan {
    /// Computes one image; `done` is called behind each step, with the tap behind it.
    ///
    /// # Errors
    /// [`Error::Precision`] for a net in f32, [`Error::Pixel`] for a pixel that is no number.
    pub(crate) fn image(
        &self,
        threads: &Threads,
        image: Input<'_>,
        output: &mut [f32],
        arena: &mut Arena,
        done: &mut dyn FnMut(Tap),
    ) -> Result<(), Error> {
        let pass = Pass { plan: self, net: self.packed()?, threads, isa: self.isa };
        pass.stem(image, &mut arena.bytes)?;
        done(Tap::Stem);
        for step in &self.blocks {
            pass.block(step, &mut arena.bytes);
            done(Tap::Block(step.index));
        }
        pass.last(&arena.bytes, &mut arena.values, output, done);
        Ok(())
    }
}

/// One image's way through a plan.
struct Pass<'a> {
    plan: &'a IntegerPlan,
    net: &'a PackedIntegerNet,
    threads: &'a Threads,
    isa: Isa,
}

/// A block that expands.
#[derive(Clone, Copy)]
struct Wide<'a> {
    step: &'a BlockStep,
    packed: &'a PackedIntegerBlock,
    expand: &'a PackedIntegers,
}

/// Parts of the arena that do not overlap.
fn parts<'a, const N: usize>(arena: &'a mut [u8], places: [&Range<usize>; N]) -> [&'a mut [u8]; N] {
    match arena.get_disjoint_mut(places.map(Range::clone)) {
        Ok(parts) => parts,
        Err(_) => panic!("an arena of another plan"),
    }
}

impl Pass<'_> {
    /// The first convolution, over pixels rounded to bytes.
    fn stem(&self, image: Input<'_>, arena: &mut [u8]) -> Result<(), Error> {
        let step = &self.plan.stem;
        let [padded, output] = parts(arena, [&step.image, &step.output]);
        round(image, &step.geometry, padded)?;
        let quads = Quads::new(&step.next);
        quads.clear_around(output);
        let rows = 0..step.geometry.output().0;
        let stem =
            IntegerStem { geometry: &step.geometry, weights: &self.net.stem, rows, quads: &quads, at: 0 };
        stem_integers(self.threads, self.isa, &stem, padded, output);
        Ok(())
    }

    fn block(&self, step: &BlockStep, arena: &mut [u8]) {
        let packed = &self.net.blocks[step.index];
        let places = [&step.input, &step.added, &step.quads, &step.convolved, &step.output, &step.eighths];
        let [input, added, chunks, convolved, output, eighths] = parts(arena, places);
        match &packed.expand {
            Some(expand) => {
                let block = Wide { step, packed, expand };
                self.chunks(&block, input, chunks, convolved);
            }
            None => self.convolve(step, packed, input, convolved),
        }
        if step.index == 0 && step.adds {
            stem_eighths(&Quads::new(&step.geometry), self.net.outputs[0].relu6_shift(), input, added);
        }
        let (height, width) = step.geometry.output();
        let project = IntegerProject {
            weights: &packed.project,
            pixels: (0, height * width),
            zero: step.zero,
            added: step.adds.then_some(&*added),
            writes: reading(Some(self.net.outputs[step.index])),
        };
        let eighths = (!eighths.is_empty()).then_some(eighths);
        let mut output = Projected { groups: output, eighths };
        project_integers(self.threads, self.isa, &project, convolved, &mut output);
    }

    /// Expands and convolves chunk by chunk.
    fn chunks(&self, block: &Wide<'_>, input: &[u8], chunks: &mut [u8], convolved: &mut [u8]) {
        let Wide { step, packed, expand } = *block;
        let quads = Quads::new(&step.geometry);
        let buffer_len = step.chunk * quads.block_len();
        // A layer's zeros are where another one had values. The inside is written before it is read.
        quads.clear_around(chunks);
        let grouping = Grouping::new(self.isa, packed.depthwise.blocks());
        let group = convolved.len() / grouping.groups();
        self.threads.for_each_chunk_with(
            chunks,
            buffer_len,
            convolved,
            step.chunk.div_ceil(grouping.beside()) * group,
            |buffer, task, output| {
                let first = task * step.chunk;
                let blocks = first..expand.blocks().min(first + step.chunk);
                let buffer = &mut buffer[..blocks.len() * quads.block_len()];
                let rows = 0..step.geometry.input().0;
                let wide =
                    IntegerExpand { weights: expand, blocks: blocks.clone(), rows, quads: &quads, at: 0 };
                expand_integers(self.isa, &wide, input, buffer);
                self.depthwise(step, packed, blocks, buffer, output);
            },
        );
    }

    /// Convolves the input itself, group by group of channels.
    fn convolve(&self, step: &BlockStep, packed: &PackedIntegerBlock, input: &[u8], convolved: &mut [u8]) {
        let block_len = Quads::new(&step.geometry).block_len();
        let all = packed.depthwise.blocks();
        let grouping = Grouping::new(self.isa, all);
        let group = convolved.len() / grouping.groups();
        self.threads.for_each_chunk(
            &mut vec![(); self.threads.count()],
            convolved,
            group,
            |(), index, output| {
                let first = index * grouping.beside();
                let blocks = first..all.min(first + grouping.beside());
                let input = &input[first * block_len..blocks.end * block_len];
                self.depthwise(step, packed, blocks, input, output);
            },
        );
    }

    fn depthwise(
        &self,
        step: &BlockStep,
        packed: &PackedIntegerBlock,
        blocks: Range<usize>,
        input: &[u8],
        output: &mut [u8],
    ) {
        let (geometry, weights) = (&step.geometry, &packed.depthwise);
        let filter = IntegerDepthwise { geometry, weights, blocks, first_pixel: 0 };
        depthwise_integers(self.isa, &filter, input, output);
    }

    /// The last convolution, the mean and the classification top.
    fn last(&self, arena: &[u8], values: &mut [f32], output: &mut [f32], done: &mut dyn FnMut(Tap)) {
        let step = &self.plan.last;
        let (features, means) = values.split_at_mut(step.layout.len());
        let mut image = BlockedMut::new(step.layout, features);
        last_integers(self.threads, self.isa, &self.net.last, &arena[step.input.clone()], &mut image);
        done(Tap::Features);
        let features = Blocked::new(step.layout, features);
        match (self.plan.to, &self.plan.net.top) {
            (Tap::Features, _) => return features.write_hwc(output),
            (Tap::Classes, Some(top)) => {
                let means = &mut means[..top.inputs()];
                pool(self.isa, features, means);
                done(Tap::Pooled);
                dense(self.isa, means, top, output);
            }
            _ => pool(self.isa, features, output),
        }
        done(self.plan.to);
    }
}

/// Rounds pixels to bytes, ties to the even one, and puts them between zeros.
pub(crate) fn round(image: Input<'_>, geometry: &ConvGeometry, padded: &mut [u8]) -> Result<(), Error> {
    match image {
        Input::U8(pixels) => {
            pad_image(geometry, |row, to| to.copy_from_slice(&pixels[row]), padded);
        }
        Input::F32(pixels) => {
            if let Some(index) = pixels.iter().position(|pixel| pixel.is_nan()) {
                return Err(Error::Pixel { index });
            }
            // Values beyond a byte's become 0 or 255.
            let copy = |row: Range<usize>, to: &mut [u8]| {
                to.iter_mut().zip(&pixels[row]).for_each(|(to, pixel)| *to = pixel.round_ties_even() as u8);
            };
            pad_image(geometry, copy, padded);
        }
    }
    Ok(())
}
