//! Depthwise convolutions: sizes around a tile, four paddings, block by block, and the net's.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    BLOCK, Blocked, ConvGeometry, Depthwise, Isa, Layout, PackedDepthwise, Pads, Task, depthwise, oracle,
};

use crate::arrays::{
    Expected, SEED, Values, absolute, around, bits, blocked, check_guards, draw, guarded, hwc, pads,
};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::{geometries, square};
use crate::subject::{Subject, finish};

/// A depthwise convolution with its inputs and the oracle's sums.
struct Problem {
    geometry: ConvGeometry,
    values: Values,
    weights: PackedDepthwise,
    from: Layout,
    input: Fenced<f32>,
    exact: Vec<f64>,
    magnitude: Vec<f64>,
}

impl Problem {
    fn draw(stream: &mut Stream, values: Values, geometry: ConvGeometry, channels: usize) -> Self {
        let (height, width) = geometry.input();
        let image = draw(stream, values, height * width * channels);
        let weights = draw(stream, values, 9 * channels);
        let bias = draw(stream, values, channels);
        let from = Layout::new(channels, height, width, geometry.pads());
        let (a, w, b) = (absolute(&image), absolute(&weights), absolute(&bias));
        let mut exact = oracle::depthwise(&geometry, &image, &weights, &bias);
        if values == Values::Reals {
            exact.iter_mut().for_each(|value| *value = oracle::relu6(*value));
        }
        Self {
            geometry,
            values,
            weights: PackedDepthwise::pack(&weights, &bias, channels),
            from,
            input: blocked(from, &image),
            exact,
            magnitude: match values {
                Values::Integers => Vec::new(),
                Values::Reals => oracle::depthwise(&geometry, &a, &w, &b),
            },
        }
    }

    fn check(&self, subject: &Subject) {
        let (channels, (rows, columns)) = (self.weights.channels(), self.geometry.output());
        let to = Layout::compact(channels, rows, columns);
        let words = format!("{:?} {channels} channels {:?}", self.geometry, self.values);
        subject.case(Task::Depthwise(self.geometry), &words, |isa, case| {
            let mut output = guarded(to.len());
            let input = Blocked::new(self.from, &self.input);
            depthwise(isa, &self.step(0..self.weights.blocks()), input, &mut output[..to.len()]);
            check_guards(&output, case);
            let expected = Expected { exact: &self.exact, magnitude: &self.magnitude, terms: 10 };
            expected.compare(&hwc(to, &output), self.values, case);
            self.check_block_by_block(isa, &output, case);
        });
    }

    /// A plan asks for some blocks at a time: they have the same bits as together.
    fn check_block_by_block(&self, isa: Isa, whole: &[f32], case: &str) {
        let (channels, (height, width)) = (self.weights.channels(), self.geometry.input());
        let plane = Layout::compact(channels, self.geometry.output().0, self.geometry.output().1).block_len();
        for block in 0..self.weights.blocks() {
            let lanes = BLOCK.min(channels - block * BLOCK);
            let part = Layout::new(lanes, height, width, self.geometry.pads());
            let input = Blocked::new(part, &self.input[block * part.len()..]);
            let mut alone = guarded(plane);
            depthwise(isa, &self.step(block..block + 1), input, &mut alone[..plane]);
            check_guards(&alone, case);
            assert_eq!(bits(&alone[..plane]), bits(&whole[block * plane..][..plane]), "{case}");
        }
    }

    fn step(&self, blocks: std::ops::Range<usize>) -> Depthwise<'_> {
        Depthwise {
            geometry: &self.geometry,
            weights: &self.weights,
            blocks,
            relu6: self.values == Values::Reals,
        }
    }
}

const PADDINGS: [(usize, usize, usize, usize); 4] = [(1, 1, 1, 1), (0, 1, 0, 1), (2, 0, 1, 2), (0, 0, 0, 0)];

/// Forces rows of one stride through shapes around their tiles, and through the net's.
pub(crate) fn check(rows: &[Subject], stride: usize) {
    let mut stream = Stream::new(SEED, Purpose::Test, 2, stride as u32);
    for row in rows {
        let (height, width) = row.tile();
        let outputs = around(height).into_iter().flat_map(|h| around(width).into_iter().map(move |w| (h, w)));
        for ((height, width), (top, bottom, left, right)) in
            outputs.flat_map(|output| PADDINGS.map(|pads| (output, pads)))
        {
            // The image whose convolution has so many outputs.
            let side = |outputs: usize, pads: usize| ((outputs - 1) * stride + 3).checked_sub(pads);
            let (Some(height), Some(width)) = (side(height, top + bottom), side(width, left + right)) else {
                continue;
            };
            let Ok(geometry) = ConvGeometry::new(height, width, stride, pads(top, bottom, left, right))
            else {
                continue;
            };
            if height == 0 || width == 0 {
                continue;
            }
            for (channels, values) in
                [1, 16, 24, 40].into_iter().flat_map(|c| [(c, Values::Integers), (c, Values::Reals)])
            {
                Problem::draw(&mut stream, values, geometry, channels).check(row);
            }
        }
    }
    each(rows, 22 + stride as u64, |draw, row| {
        let (values, geometry) = (draw.values(), draw.geometry(stride, (30, 30)));
        let channels = draw.size(60);
        Problem::draw(draw.0, values, geometry, channels).check(row);
    });
    for (side, channels, _) in geometries().depthwise.into_iter().filter(|shape| shape.2 == stride) {
        let problem = Problem::draw(&mut stream, Values::Integers, square(side, stride), channels);
        rows.iter().for_each(|row| problem.check(row));
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 2, 0);
    let sizes = [1, 2, 3, 5, 8].into_iter().flat_map(|h| [1, 2, 3, 4, 5, 7, 8, 11, 14, 17].map(|w| (h, w)));
    for (stride, (height, width)) in sizes.flat_map(|size| [(1, size), (2, size)]) {
        for (top, bottom, left, right) in PADDINGS {
            let pad: Pads = pads(top, bottom, left, right);
            let Ok(geometry) = ConvGeometry::new(height, width, stride, pad) else {
                continue;
            };
            for (channels, values) in
                [1, 8, 16, 24, 40].into_iter().flat_map(|c| [(c, Values::Integers), (c, Values::Reals)])
            {
                let problem = Problem::draw(&mut stream, values, geometry, channels);
                choices.iter().for_each(|choice| problem.check(choice));
            }
        }
    }
    finish(&choices, 1000);
}
