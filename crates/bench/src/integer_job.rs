//! An operation in integers made ready to run: drawn inputs, packed weights, room for the output, and the oracle's answer.
//! Sums are whole numbers, so the answer is equal in every bit or wrong.

use std::hint::black_box;

use icecap_kernels::int8::{
    Grouping, IntegerDepthwise, IntegerExpand, IntegerProject, IntegerStem, PackedIntegerDepthwise,
    PackedIntegerStem, PackedIntegers, Projected, Quads, Reading, depthwise_integers, eighths_len,
    expand_integers, last_integers, pad_image, padded_image_len, project_integers, stem_integers,
};
use icecap_kernels::{Blocked, BlockedMut, Buffer, ConvGeometry, Isa, Layout, Threads, integer_oracle};

use crate::drawn::{Draw, pixels};
use crate::integer_layout::{
    Groups, both, coarse, eighths, groups, groups_of_eighths, of_eighths, of_quads, quads,
};
use crate::integer_shape::{IntegerShape, reading};
use crate::integer_weights::Drawn;

/// An operation in integers that is ready to run, on one thread.
#[derive(Debug)]
pub(crate) struct IntegerJob {
    work: Work,
    image: Image,
    input: Buffer<u8>,
    output: Buffer<u8>,
    /// The pieces side by side in groups of many, as `input` and `output` have them: instruction sets with tiles have
    /// others. None before the first run.
    beside: usize,
    answer: Answer,
}

/// What is read in groups, [pixels, channels].
#[derive(Debug)]
enum Image {
    /// Nothing: what is read has one layout.
    Elsewhere,
    Bytes(Vec<u8>),
    Bottleneck(Vec<i16>),
}

#[derive(Debug)]
enum Work {
    Stem { geometry: ConvGeometry, next: ConvGeometry, weights: PackedIntegerStem },
    Expand { next: ConvGeometry, weights: PackedIntegers },
    Depthwise { geometry: ConvGeometry, weights: PackedIntegerDepthwise },
    Project { weights: PackedIntegers, added: Option<Buffer<u8>>, kept: Option<Buffer<u8>> },
    Last { weights: PackedIntegers, layout: Layout, real: Buffer },
}

/// What the oracle gives, [pixels, channels].
#[derive(Debug)]
enum Answer {
    Bytes(Vec<u8>),
    Eighths(Vec<i16>),
    Real(Vec<f32>),
}

impl Answer {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Eighths(values) => values.len(),
            Self::Real(values) => values.len(),
        }
    }
}

/// The zero of what leaves a projection that adds nothing, in eighths.
const ZERO: i16 = 8 * 128;
/// Pieces of so many that every layout shows.
const MANY: usize = 4;
/// What is in an output before a check: a kernel that leaves it there is wrong.
const UNWRITTEN: u8 = 0xA5;
impl IntegerJob {
    /// Draws the inputs of an operation and computes the answer with the oracle.
    pub(crate) fn draw(shape: IntegerShape) -> Self {
        match shape {
            IntegerShape::Stem { geometry, next, outputs } => Self::stem(geometry, next, outputs),
            IntegerShape::Expand { next, inputs, outputs } => Self::expand(next, inputs, outputs),
            IntegerShape::Depthwise { geometry, channels } => Self::depthwise(geometry, channels),
            IntegerShape::Project { height, width, inputs, outputs, adds, keeps } => {
                let job = Self::project(height * width, inputs, outputs);
                let job = if adds { job.adding(outputs) } else { job };
                if keeps { job.keeping() } else { job }
            }
            IntegerShape::Last { height, width, inputs, outputs } => {
                Self::last(Layout::compact(outputs, height, width), inputs, outputs)
            }
        }
    }

    fn new(work: Work, image: Image, answer: Answer) -> Self {
        Self { work, image, input: Buffer::zeros(0), output: Buffer::zeros(0), beside: 0, answer }
    }

    fn stem(geometry: ConvGeometry, next: ConvGeometry, outputs: usize) -> Self {
        let (height, width) = geometry.input();
        let (image, drawn) = (pixels(height * width * 3), Drawn::new(27, outputs, 9, 255.0));
        let sums = integer_oracle::conv3x3(&geometry, &image, &drawn.weights, &drawn.bias);
        let mut input = Buffer::zeros(padded_image_len(&geometry));
        pad_image(&geometry, |row, to| to.copy_from_slice(&image[row]), &mut input);
        let weights = PackedIntegerStem::pack(&drawn.weights, &drawn.bias, &drawn.rescale);
        let work = Work::Stem { geometry, next, weights };
        Self { input, ..Self::new(work, Image::Elsewhere, Answer::Bytes(drawn.clamped(&sums))) }
    }

    fn expand(next: ConvGeometry, inputs: usize, outputs: usize) -> Self {
        let (height, width) = next.input();
        let bottleneck = Draw::new().eighths(height * width * inputs);
        let (reading, drawn) = (reading(inputs), Drawn::new(inputs, outputs, 1, 255.0));
        let weights = PackedIntegers::rescaled(drawn.integers(reading), &drawn.rescale);
        let answer = Answer::Bytes(drawn.clamped(&drawn.sums(reading, &bottleneck)));
        Self::new(Work::Expand { next, weights }, Image::Bottleneck(bottleneck), answer)
    }

    fn depthwise(geometry: ConvGeometry, channels: usize) -> Self {
        let (height, width) = geometry.input();
        let (image, drawn) = (pixels(height * width * channels), Drawn::new(9, channels, 1, 255.0));
        let sums = integer_oracle::depthwise(&geometry, &image, &drawn.weights, &drawn.bias);
        let weights = PackedIntegerDepthwise::pack(&drawn.weights, &drawn.bias, &drawn.rescale);
        let (work, answer) = (Work::Depthwise { geometry, weights }, Answer::Bytes(drawn.clamped(&sums)));
        Self { input: quads(&geometry, channels, &image), ..Self::new(work, Image::Elsewhere, answer) }
    }

    fn project(area: usize, inputs: usize, outputs: usize) -> Self {
        let (image, drawn) = (pixels(area * inputs), Drawn::new(inputs, outputs, 1, 8.0 * 255.0));
        let sums = integer_oracle::pointwise(&image, &drawn.weights, &drawn.bias);
        let weights = PackedIntegers::rescaled(drawn.integers(Reading::Bytes), &drawn.rescale);
        let values = drawn.rescaled(&sums).into_iter().map(|value| value.saturating_add(ZERO));
        let answer = Answer::Eighths(values.collect());
        Self::new(Work::Project { weights, added: None, kept: None }, Image::Bytes(image), answer)
    }

    /// A projection that also adds what the block before gave.
    fn adding(mut self, outputs: usize) -> Self {
        if let (Work::Project { added, .. }, Answer::Eighths(values)) = (&mut self.work, &mut self.answer) {
            // What is added has a zero of its own.
            let before = Draw::new().eighths(values.len());
            *added = Some(eighths(outputs, &before));
            values.iter_mut().zip(before).for_each(|(value, added)| *value = value.saturating_add(added));
        }
        self
    }

    /// A projection that also writes what the next block adds.
    fn keeping(mut self) -> Self {
        if let (Work::Project { weights, kept, .. }, Answer::Eighths(values)) = (&mut self.work, &self.answer)
        {
            let pixels = values.len() / weights.outputs();
            *kept = Some(Buffer::zeros(weights.blocks() * eighths_len(pixels)));
        }
        self
    }

    fn last(layout: Layout, inputs: usize, outputs: usize) -> Self {
        let bottleneck = Draw::new().eighths(layout.pixels() * inputs);
        let (reading, drawn) = (reading(inputs), Drawn::new(inputs, outputs, 1, 6.0));
        let sums = drawn.sums(reading, &bottleneck);
        let real = sums.iter().zip(drawn.factors.iter().cycle());
        let real = real.map(|(&sum, factor)| (sum as f32 * factor).clamp(0.0, 6.0)).collect();
        let weights = PackedIntegers::real(drawn.integers(reading), &drawn.factors);
        let work = Work::Last { weights, layout, real: Buffer::zeros(layout.len()) };
        Self::new(work, Image::Bottleneck(bottleneck), Answer::Real(real))
    }

    /// Lays out what is read, and makes room for what is written, as `isa` has them.
    fn lay_out(&mut self, isa: Isa) {
        let quads = |blocks: usize, next: &ConvGeometry| blocks * Quads::new(next).block_len();
        let (channels, output) = match &self.work {
            Work::Stem { next, weights, .. } => (0, quads(weights.blocks(), next)),
            Work::Expand { next, weights } => (weights.inputs(), quads(weights.blocks(), next)),
            Work::Depthwise { geometry, weights } => {
                let (height, width) = geometry.output();
                (0, Grouping::new(isa, weights.blocks()).len(height * width))
            }
            Work::Project { weights, .. } => {
                let outputs = weights.outputs();
                let written = Grouping::new(isa, reading(outputs).groups(outputs));
                (weights.inputs(), written.len(self.answer.len() / outputs))
            }
            Work::Last { weights, .. } => (weights.inputs(), 0),
        };
        match &self.image {
            Image::Elsewhere => {}
            Image::Bytes(image) => self.input = groups(isa, channels, image),
            Image::Bottleneck(image) => {
                self.input = groups_of_eighths(isa, reading(channels), channels, image);
            }
        }
        self.output = Buffer::zeros(output);
    }

    /// Runs the operation once, with the kernels that `isa` selects.
    pub(crate) fn run(&mut self, isa: Isa) {
        let beside = Grouping::new(isa, MANY).beside();
        if self.beside != beside {
            self.lay_out(isa);
            self.beside = beside;
        }
        let (serial, input, output) = (Threads::serial(), black_box(&self.input[..]), &mut self.output);
        match &mut self.work {
            Work::Stem { geometry, next, weights } => {
                let (rows, quads) = (0..geometry.output().0, Quads::new(next));
                let step = IntegerStem { geometry, weights, rows, quads: &quads, at: 0 };
                stem_integers(&serial, isa, &step, input, output);
            }
            Work::Expand { next, weights } => {
                let (rows, quads, blocks) = (0..next.input().0, Quads::new(next), 0..weights.blocks());
                let step = IntegerExpand { weights, blocks, rows, quads: &quads, at: 0 };
                expand_integers(isa, &step, input, output);
            }
            Work::Depthwise { geometry, weights } => {
                let blocks = 0..weights.blocks();
                let step = IntegerDepthwise { geometry, weights, blocks, first_pixel: 0 };
                depthwise_integers(isa, &step, input, output);
            }
            Work::Project { weights, added, kept } => {
                let writes = reading(weights.outputs());
                let pixels = (0, self.answer.len() / weights.outputs());
                let step = IntegerProject { weights, pixels, zero: ZERO, added: added.as_deref(), writes };
                let mut to = Projected { groups: output, eighths: kept.as_deref_mut() };
                project_integers(&serial, isa, &step, input, &mut to);
            }
            Work::Last { weights, layout, real } => {
                last_integers(&serial, isa, weights, input, &mut BlockedMut::new(*layout, real));
            }
        }
    }

    /// Runs the operation into memory full of other values and compares the result with the oracle's answer, bit by bit.
    ///
    /// # Panics
    /// If they differ.
    pub(crate) fn check(&mut self, name: &str, isa: Isa) {
        // Once for the layout.
        self.run(isa);
        self.output.fill(UNWRITTEN);
        match &mut self.work {
            Work::Project { kept: Some(kept), .. } => kept.fill(UNWRITTEN),
            Work::Last { real, .. } => real.fill(f32::NAN),
            _ => {}
        }
        self.run(isa);
        let groups = |pixels: usize, pieces: usize| Groups::new(isa, pieces, pixels);
        match (&self.work, &self.answer) {
            (Work::Stem { next, .. } | Work::Expand { next, .. }, Answer::Bytes(expected)) => {
                same(name, &of_quads(next, expected.len(), &self.output), expected);
            }
            (Work::Depthwise { geometry, weights }, Answer::Bytes(expected)) => {
                let (height, width) = geometry.output();
                let groups = groups(height * width, weights.blocks());
                same(name, &groups.bytes(expected.len(), &self.output), expected);
            }
            (Work::Project { weights, kept, .. }, Answer::Eighths(expected)) => {
                let outputs = weights.outputs();
                let (writes, pixels) = (reading(outputs), expected.len() / outputs);
                let groups = groups(pixels, writes.groups(outputs));
                if writes == Reading::Bytes {
                    let expected: Vec<u8> = expected.iter().map(|&eighth| coarse(eighth)).collect();
                    same(name, &groups.bytes(expected.len(), &self.output), &expected);
                } else {
                    let expected: Vec<[u8; 2]> = expected.iter().map(|&eighth| both(eighth)).collect();
                    same(name, &groups.fine(expected.len(), &self.output), &expected);
                }
                if let Some(kept) = kept {
                    same(&format!("what {name} keeps"), &of_eighths(pixels, expected.len(), kept), expected);
                }
            }
            (Work::Last { layout, real, .. }, Answer::Real(expected)) => {
                let mut image = vec![f32::NAN; expected.len()];
                Blocked::new(*layout, real).write_hwc(&mut image);
                same(name, &image, expected);
            }
            (work, _) => unreachable!("an answer of another operation than {work:?}"),
        }
    }
}

/// # Panics
/// If the values differ.
fn same<T: PartialEq + std::fmt::Debug>(name: &str, got: &[T], expected: &[T]) {
    assert_eq!(got.len(), expected.len(), "values of {name}");
    if let Some(at) = got.iter().zip(expected).position(|(got, expected)| got != expected) {
        panic!("{name} is wrong: {:?} for {:?} at {at}", got[at], expected[at]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use icecap_kernels::Pads;

    #[test]
    fn answers_fill_their_range() {
        let geometry = |stride| {
            ConvGeometry::new(16, 16, stride, Pads { top: 1, bottom: 1, left: 1, right: 1 }).unwrap()
        };
        let shapes = [
            IntegerShape::Stem {
                geometry: geometry(2),
                next: ConvGeometry::new(8, 8, 1, geometry(1).pads()).unwrap(),
                outputs: 32,
            },
            IntegerShape::Expand { next: geometry(1), inputs: 24, outputs: 144 },
            IntegerShape::Expand { next: geometry(1), inputs: 64, outputs: 384 },
            IntegerShape::Depthwise { geometry: geometry(2), channels: 32 },
            IntegerShape::Project { height: 8, width: 8, inputs: 960, outputs: 24, adds: true, keeps: true },
            IntegerShape::Last { height: 8, width: 8, inputs: 320, outputs: 64 },
        ];
        for shape in shapes {
            // A kernel that always gave one value, or only the ends of the range, would be found out.
            let inside = |values: Vec<f64>, most: f64| {
                let inside = values.iter().filter(|&&value| value > 0.0 && value < most).count();
                assert!(4 * inside > values.len(), "{shape:?}: {inside} of {}", values.len());
            };
            match IntegerJob::draw(shape).answer {
                Answer::Bytes(values) => inside(values.into_iter().map(f64::from).collect(), 255.0),
                Answer::Eighths(values) => inside(values.into_iter().map(f64::from).collect(), 2040.0),
                Answer::Real(values) => inside(values.into_iter().map(f64::from).collect(), 6.0),
            }
        }
    }

    #[test]
    #[should_panic(expected = "is wrong")]
    fn a_wrong_bit_is_found() {
        let shape =
            IntegerShape::Project { height: 4, width: 4, inputs: 32, outputs: 24, adds: true, keeps: true };
        let mut job = IntegerJob::draw(shape);
        job.check("a projection", Isa::best());
        job.check("a projection in another layout", Isa::tile_machine());
        let Answer::Eighths(values) = &mut job.answer else { panic!("a projection gives eighths") };
        values[100] ^= 1;
        job.check("a projection", Isa::best());
    }
}
