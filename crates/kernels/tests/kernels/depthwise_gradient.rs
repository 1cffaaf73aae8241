//! The gradients of depthwise convolutions: sizes around a tile, paddings, block by block, and the net's.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    BLOCK, Blocked, ConvGeometry, DepthwiseGradient, Isa, Layout, PackedDepthwise, Task, depthwise_gradient,
    oracle,
};

use crate::arrays::{
    Expected, SEED, Values, absolute, at_the_kinks, bits, blocked, check_guards, clamped, draw, guarded, hwc,
    pads,
};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::{geometries, square};
use crate::subject::{Subject, finish};

/// A depthwise convolution's input and the gradient of its output, with the oracle's gradients.
struct Problem {
    geometry: ConvGeometry,
    values: Values,
    weights: PackedDepthwise,
    input: Fenced<f32>,
    d_output: Fenced<f32>,
    exact: oracle::DepthwiseGradients,
    magnitude: oracle::DepthwiseGradients,
}

/// What a call of the kernel writes, and what it adds to, each with guards behind it.
struct Gradients {
    input: Vec<f32>,
    kernel: Vec<f32>,
    bias: Vec<f32>,
}

impl Gradients {
    fn new(blocks: usize, plane: usize) -> Self {
        let mut gradients = Self {
            input: guarded(blocks * plane),
            kernel: guarded(blocks * 9 * BLOCK),
            bias: guarded(blocks * BLOCK),
        };
        gradients.kernel[..blocks * 9 * BLOCK].fill(1.0);
        gradients.bias[..blocks * BLOCK].fill(2.0);
        gradients
    }
}

impl Problem {
    fn draw(stream: &mut Stream, values: Values, geometry: ConvGeometry, channels: usize) -> Self {
        let ((height, width), (rows, columns)) = (geometry.input(), geometry.output());
        let image = clamped(stream, values, height * width * channels);
        let weights = draw(stream, values, 9 * channels);
        let d_output = draw(stream, values, rows * columns * channels);
        let mut exact = oracle::depthwise_gradients(&geometry, &image, &weights, &d_output);
        exact.kernel.iter_mut().for_each(|sum| *sum += 1.0);
        exact.bias.iter_mut().for_each(|sum| *sum += 2.0);
        let (w, d) = (absolute(&weights), absolute(&d_output));
        let mut magnitude = oracle::depthwise_gradients(&geometry, &image, &w, &d);
        magnitude.kernel.iter_mut().for_each(|sum| *sum += 1.0);
        magnitude.bias.iter_mut().for_each(|sum| *sum += 2.0);
        let from = Layout::new(channels, height, width, geometry.pads());
        Self {
            geometry,
            values,
            weights: PackedDepthwise::pack(&weights, &vec![f32::NAN; channels], channels),
            input: blocked(from, &image),
            d_output: blocked(Layout::new(channels, rows, columns, pads(1, 1, 1, 1)), &d_output),
            exact,
            magnitude,
        }
    }

    fn plane(&self) -> usize {
        self.geometry.input().0 * self.geometry.input().1 * BLOCK
    }

    fn check(&self, subject: &Subject) {
        let (channels, (height, width)) = (self.weights.channels(), self.geometry.input());
        let words = format!("{:?} {channels} channels {:?}", self.geometry, self.values);
        subject.case(Task::DepthwiseGradient(self.geometry), &words, |isa, case| {
            let mut got = Gradients::new(self.weights.blocks(), self.plane());
            self.add(isa, 0, self.weights.blocks(), &mut got);
            for written in [&got.input, &got.kernel, &got.bias] {
                check_guards(written, case);
            }
            let layouts = [(height, width), (3, 3), (1, 1)].map(|(h, w)| Layout::compact(channels, h, w));
            let outputs = self.geometry.output().0 * self.geometry.output().1;
            for (layout, got, exact, magnitude, terms) in [
                (layouts[0], &got.input, &self.exact.input, &self.magnitude.input, 9),
                (layouts[1], &got.kernel, &self.exact.kernel, &self.magnitude.kernel, outputs + 1),
                (layouts[2], &got.bias, &self.exact.bias, &self.magnitude.bias, outputs + 1),
            ] {
                Expected { exact, magnitude, terms }.compare(&hwc(layout, got), self.values, case);
            }
            for block in 0..self.weights.blocks() {
                let mut alone = Gradients::new(1, self.plane());
                self.add(isa, block, 1, &mut alone);
                let of = |values: &[f32], len: usize| bits(&values[block * len..][..len]);
                for (alone, whole, len) in [
                    (&alone.input, &got.input, self.plane()),
                    (&alone.kernel, &got.kernel, 9 * BLOCK),
                    (&alone.bias, &got.bias, BLOCK),
                ] {
                    check_guards(alone, case);
                    assert_eq!(bits(&alone[..len]), of(whole, len), "{case}: block {block} alone");
                }
            }
        });
    }

    /// Computes the gradients of some blocks.
    fn add(&self, isa: Isa, first: usize, count: usize, to: &mut Gradients) {
        let ((height, width), (rows, columns)) = (self.geometry.input(), self.geometry.output());
        let lanes = self.weights.channels().min((first + count) * BLOCK) - first * BLOCK;
        let from = Layout::new(lanes, height, width, self.geometry.pads());
        let output = Layout::new(lanes, rows, columns, pads(1, 1, 1, 1));
        let step = DepthwiseGradient {
            geometry: &self.geometry,
            weights: &self.weights,
            blocks: first..first + count,
            input: Blocked::new(from, &self.input[first * from.block_len()..]),
            d_output: Blocked::new(output, &self.d_output[first * output.block_len()..]),
        };
        let (input, kernel) = (&mut to.input[..count * self.plane()], &mut to.kernel[..count * 9 * BLOCK]);
        depthwise_gradient(isa, &step, input, kernel, &mut to.bias[..count * BLOCK]);
    }
}

/// Keras' and PyTorch's, and some of which inputs at the edge are met by fewer windows, or by none.
const PADDINGS: [(usize, usize, usize, usize); 6] =
    [(1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 1, 2), (0, 0, 0, 0), (1, 0, 0, 1), (3, 3, 2, 4)];

/// Forces rows of one stride through small images, and through the net's.
pub(crate) fn check(rows: &[Subject], stride: usize) {
    let mut stream = Stream::new(SEED, Purpose::Test, 8, stride as u32);
    let sizes = [1, 2, 3, 5, 8].into_iter().flat_map(|h| [1, 2, 3, 4, 5, 6, 7, 10, 13].map(|w| (h, w)));
    for ((height, width), (top, bottom, left, right)) in
        sizes.flat_map(|size| PADDINGS.map(|pads| (size, pads)))
    {
        let Ok(geometry) = ConvGeometry::new(height, width, stride, pads(top, bottom, left, right)) else {
            continue;
        };
        for (channels, values) in
            [1, 16, 24, 40].into_iter().flat_map(|c| [(c, Values::Integers), (c, Values::Reals)])
        {
            let problem = Problem::draw(&mut stream, values, geometry, channels);
            rows.iter().for_each(|row| problem.check(row));
        }
    }
    each(rows, 25 + stride as u64, |draw, row| {
        let (values, geometry) = (draw.values(), draw.geometry(stride, (20, 20)));
        let channels = draw.size(50);
        Problem::draw(draw.0, values, geometry, channels).check(row);
    });
    for (side, channels, _) in geometries().depthwise.into_iter().filter(|shape| shape.2 == stride) {
        let channels = channels.min(56);
        let problem = Problem::draw(&mut stream, Values::Integers, square(side, stride), channels);
        rows.iter().for_each(|row| problem.check(row));
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    for stride in [1, 2] {
        check(&choices, stride);
    }
    finish(&choices, 1000);
}

/// At 0, at 6 and where the input is NaN nothing goes through the ReLU6; what others get does not depend on it.
#[test]
fn inputs_at_the_kinks_get_nothing() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 8, 3);
    for (stride, side) in [(1, 5), (1, 8), (2, 7), (2, 10)] {
        for channels in [16, 24] {
            let geometry = square(side, stride);
            let mut problem = Problem::draw(&mut stream, Values::Integers, geometry, channels);
            let kinks = at_the_kinks(&mut stream, side * side * channels);
            let inside = vec![1.0; kinks.len()];
            let from = Layout::new(channels, side, side, geometry.pads());
            for choice in &choices {
                let words = format!("{geometry:?}, {channels} channels");
                choice.case(Task::DepthwiseGradient(geometry), &words, |isa, case| {
                    let mut written = [&kinks, &inside].map(|image| {
                        problem.input = blocked(from, image);
                        let mut got = Gradients::new(problem.weights.blocks(), problem.plane());
                        problem.add(isa, 0, problem.weights.blocks(), &mut got);
                        hwc(Layout::compact(channels, side, side), &got.input)
                    });
                    for (value, kink) in written[1].iter_mut().zip(&kinks) {
                        *value = oracle::relu6_gradient(f64::from(*value), *kink) as f32;
                    }
                    assert!(written[1].contains(&0.0) && written[1].iter().any(|value| *value != 0.0));
                    assert_eq!(bits(&written[0]), bits(&written[1]), "{case}");
                });
            }
        }
    }
    finish(&choices, 8);
}
