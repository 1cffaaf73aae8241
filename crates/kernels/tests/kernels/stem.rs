//! The first convolution: widths around a tile, and the net's.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    BlockedMut, ConvGeometry, Isa, Layout, PackedStem, Scale, Stem, Task, Threads, oracle, scale_pixels,
    scaled_len, stem,
};

use crate::arrays::{Expected, SEED, Values, around, check_guards, draw, guarded, hwc, pads, threads};
use crate::drawn::each;
use crate::geometries::{geometries, square};
use crate::subject::{Subject, finish};

/// A first convolution of integers, with the oracle's sums.
struct Problem {
    geometry: ConvGeometry,
    weights: PackedStem,
    scaled: Vec<f32>,
    exact: Vec<f64>,
}

impl Problem {
    fn draw(stream: &mut Stream, geometry: ConvGeometry, channels: usize) -> Self {
        let (height, width) = geometry.input();
        let (scale, shift) = ([0.25, 0.5, 2.0], [-1.0, 3.0, -2.0]);
        let pixels: Vec<u8> = (0..height * width * 3).map(|_| (stream.below(16) * 4) as u8).collect();
        let weights = draw(stream, Values::Integers, 27 * channels);
        let bias = draw(stream, Values::Integers, channels);
        let image: Vec<f32> =
            pixels.iter().enumerate().map(|(i, &v)| f32::from(v) * scale[i % 3] + shift[i % 3]).collect();
        let mut scaled = vec![f32::NAN; scaled_len(&geometry)];
        let step = Scale { geometry: &geometry, scale, shift };
        scale_pixels(&Threads::serial(), Isa::best(), &step, &pixels, &mut scaled);
        Self {
            exact: oracle::conv3x3(&geometry, &image, &weights, &bias),
            weights: PackedStem::pack(&weights, &bias, channels),
            scaled,
            geometry,
        }
    }

    fn task(&self) -> Task {
        Task::Stem { outputs: self.weights.outputs() }
    }

    fn check(&self, subject: &Subject, threads: &Threads) {
        let (channels, (rows, columns)) = (self.weights.outputs(), self.geometry.output());
        let to = Layout::new(channels, rows, columns, pads(1, 1, 1, 1));
        for relu6 in [false, true] {
            let words = format!("{:?} {channels} channels {threads:?} relu6: {relu6}", self.geometry);
            let act = |&v: &f64| if relu6 { oracle::relu6(v) } else { v };
            let exact: Vec<f64> = self.exact.iter().map(act).collect();
            subject.case(self.task(), &words, |isa, case| {
                let mut output = guarded(to.len());
                let mut view = BlockedMut::new(to, &mut output);
                let step = Stem { geometry: &self.geometry, weights: &self.weights, relu6 };
                stem(threads, isa, &step, &self.scaled, &mut view);
                check_guards(&output, case);
                let expected = Expected { exact: &exact, magnitude: &[], terms: 28 };
                expected.compare(&hwc(to, &output), Values::Integers, case);
            });
        }
    }
}

/// Forces rows through shapes around their tiles, and through the net's.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 3, 2);
    let threads = threads();
    for row in rows {
        let (pixels, lanes) = row.tile();
        for (width, channels) in
            around(pixels).into_iter().flat_map(|width| around(lanes).into_iter().map(move |c| (width, c)))
        {
            let geometry = ConvGeometry::new(5, 2 * width, 2, pads(0, 1, 0, 1)).unwrap();
            let problem = Problem::draw(&mut stream, geometry, channels);
            assert!(row.computes(problem.task()), "{}: channels come in whole panels", row.name);
            threads.iter().for_each(|threads| problem.check(row, threads));
        }
    }
    each(rows, 29, |draw, row| {
        let (geometry, channels) = (draw.geometry(2, (30, 60)), draw.size(64));
        Problem::draw(draw.0, geometry, channels).check(row, &threads[draw.below(2)]);
    });
    for (side, channels) in geometries().stem {
        let problem = Problem::draw(&mut stream, square(side, 2), channels);
        rows.iter().for_each(|row| problem.check(row, &threads[0]));
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 3, 0);
    let threads = [1, 2, 5].map(|count| Threads::new(count).unwrap());
    for (height, width) in [(2, 2), (3, 5), (8, 9), (33, 32), (7, 61)] {
        for channels in [8, 16, 24, 32, 48] {
            for pad in [pads(0, 1, 0, 1), pads(1, 1, 1, 1), pads(2, 1, 0, 3)] {
                let geometry = ConvGeometry::new(height, width, 2, pad).unwrap();
                let problem = Problem::draw(&mut stream, geometry, channels);
                for choice in &choices {
                    threads.iter().for_each(|threads| problem.check(choice, threads));
                }
            }
        }
    }
    finish(&choices, 100);
}
