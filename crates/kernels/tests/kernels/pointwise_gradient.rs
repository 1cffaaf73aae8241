//! The gradients of a pointwise convolution's weights: channels and pixels around a tile, and the net's.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{BLOCK, Blocked, Layout, PointwiseGradient, Task, oracle, pointwise_gradient};

use crate::arrays::{
    Expected, GUARDS, SEED, Values, absolute, around, bits, blocked, check_guards, clamped, draw, guarded,
};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::geometries;
use crate::subject::{Subject, finish};

/// What a call of the kernel adds to.
#[derive(Clone, PartialEq)]
struct Sums {
    kernel: Vec<f32>,
    bias: Vec<f32>,
}

/// A convolution's input and the gradient of its output, with the oracle's sums.
struct Problem {
    values: Values,
    pixels: usize,
    k: usize,
    n: usize,
    /// Blocked; the lanes above K are not read: they hold NaN.
    input: Fenced<f32>,
    d_output: Fenced<f32>,
    /// What the gradients are added to.
    before: [Vec<f32>; 2],
    exact: [Vec<f64>; 2],
    magnitude: [Vec<f64>; 2],
}

impl Problem {
    fn draw(stream: &mut Stream, values: Values, pixels: usize, [k, n]: [usize; 2]) -> Self {
        let (image, d_output) = (clamped(stream, values, pixels * k), draw(stream, values, pixels * n));
        let before = [draw(stream, values, k * n), draw(stream, values, n)];
        let layout = Layout::compact(k, pixels, 1);
        let mut input = blocked(layout, &image);
        for (at, value) in input[..layout.len()].iter_mut().enumerate() {
            if at / layout.block_len() * BLOCK + at % BLOCK >= k {
                *value = f32::NAN;
            }
        }
        let sums = |[mut kernel, mut bias]: [Vec<f64>; 2], before: &[Vec<f32>; 2]| {
            kernel.iter_mut().zip(&before[0]).for_each(|(sum, &value)| *sum += f64::from(value));
            bias.iter_mut().zip(&before[1]).for_each(|(sum, &value)| *sum += f64::from(value));
            [kernel, bias]
        };
        let absolutes = [absolute(&before[0]), absolute(&before[1])];
        Self {
            values,
            pixels,
            k,
            n,
            input,
            d_output: blocked(Layout::compact(n, pixels, 1), &d_output),
            exact: sums(oracle::pointwise_gradients(&image, &d_output, n), &before),
            magnitude: sums(oracle::pointwise_gradients(&image, &absolute(&d_output), n), &absolutes),
            before,
        }
    }

    fn panels(&self) -> usize {
        self.n.div_ceil(BLOCK)
    }

    /// A row-major [rows, N] matrix in panels, `[N/16][rows][16]`, with guards behind it.
    fn panelled(&self, matrix: &[f32], rows: usize) -> Vec<f32> {
        let mut data = guarded(self.panels() * rows * BLOCK);
        data[..self.panels() * rows * BLOCK].fill(0.0);
        for (at, &value) in matrix.iter().enumerate() {
            let (row, c) = (at / self.n, at % self.n);
            data[(c / BLOCK * rows + row) * BLOCK + c % BLOCK] = value;
        }
        data
    }

    /// What lies in panels as a row-major matrix. The lanes above N are zeros.
    fn plain(&self, panels: &[f32], rows: usize, case: &str) -> Vec<f32> {
        let at = |row: usize, c: usize| panels[(c / BLOCK * rows + row) * BLOCK + c % BLOCK];
        for (row, c) in (0..rows).flat_map(|row| (self.n..self.panels() * BLOCK).map(move |c| (row, c))) {
            assert_eq!(at(row, c), 0.0, "{case}: row {row} of lane {c}");
        }
        (0..rows * self.n).map(|index| at(index / self.n, index % self.n)).collect()
    }

    fn before(&self) -> Sums {
        Sums { kernel: self.panelled(&self.before[0], self.k), bias: self.panelled(&self.before[1], 1) }
    }

    fn check(&self, subject: &Subject) {
        let words = format!("{} pixels {}->{} {:?}", self.pixels, self.k, self.n, self.values);
        subject.case(Task::PointwiseGradient, &words, |isa, case| {
            let mut whole = self.before();
            self.add(isa, 0..self.panels(), 0..self.pixels, &mut whole);
            check_guards(&whole.kernel, case);
            check_guards(&whole.bias, case);
            let parts = [(&whole.kernel, self.k), (&whole.bias, 1)];
            for (index, (got, rows)) in parts.into_iter().enumerate() {
                let expected = Expected {
                    exact: &self.exact[index],
                    magnitude: &self.magnitude[index],
                    terms: self.pixels + 1,
                };
                expected.compare(&self.plain(got, rows, case), self.values, case);
            }
            let mut parts = self.before();
            let third = self.pixels / 3;
            for pixels in [0..third, third..third, third..self.pixels] {
                for panel in 0..self.panels() {
                    self.add(isa, panel..panel + 1, pixels.clone(), &mut parts);
                }
            }
            assert_eq!(bits(&parts.kernel), bits(&whole.kernel), "{case}: in parts");
            assert_eq!(bits(&parts.bias), bits(&whole.bias), "{case}: in parts");
        });
    }

    /// Adds the gradients of some panels over some pixels.
    fn add(
        &self,
        isa: icecap_kernels::Isa,
        panels: std::ops::Range<usize>,
        pixels: std::ops::Range<usize>,
        to: &mut Sums,
    ) {
        let image = |channels| Layout::compact(channels, self.pixels, 1);
        let step = PointwiseGradient {
            input: Blocked::new(image(self.k), &self.input).rows(pixels.clone()),
            d_output: Blocked::new(image(self.n), &self.d_output).rows(pixels),
            panels: panels.clone(),
        };
        let of = |len: usize| panels.start * len..panels.end * len;
        let (kernel, bias) = (of(self.k * BLOCK), of(BLOCK));
        pointwise_gradient(isa, &step, &mut to.kernel[kernel], &mut to.bias[bias]);
        assert!(to.bias.len() == self.panels() * BLOCK + GUARDS);
    }
}

/// Forces rows through shapes around their tiles, and through the net's.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 7, 1);
    for row in rows {
        let (inputs, lanes) = row.tile();
        for pixels in [1, 2, 25, 40] {
            for (k, n) in
                around(inputs).into_iter().flat_map(|k| around(lanes).into_iter().map(move |n| (k, n)))
            {
                for values in [Values::Integers, Values::Reals] {
                    Problem::draw(&mut stream, values, pixels, [k, n]).check(row);
                }
            }
        }
    }
    each(rows, 28, |draw, row| {
        let (values, pixels) = (draw.values(), draw.size(200));
        let channels = [draw.size(100), draw.size(100)];
        Problem::draw(draw.0, values, pixels, channels).check(row);
    });
    let shapes = geometries().pointwise.into_iter().filter(|shape| shape.side <= 7);
    for shape in shapes {
        let pixels = shape.side * shape.side;
        let problem = Problem::draw(&mut stream, Values::Integers, pixels, [shape.k, shape.n]);
        rows.iter().for_each(|row| problem.check(row));
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 7, 0);
    for pixels in [1, 9, 200] {
        for (k, n) in [1, 3, 16, 24, 27, 33, 80].into_iter().flat_map(|k| [1, 8, 16, 40, 70].map(|n| (k, n)))
        {
            for values in [Values::Integers, Values::Reals] {
                let problem = Problem::draw(&mut stream, values, pixels, [k, n]);
                choices.iter().for_each(|choice| problem.check(choice));
            }
        }
    }
    finish(&choices, 200);
}
