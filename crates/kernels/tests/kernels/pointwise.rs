//! Pointwise convolutions: sizes around a tile with every end and padding, ranges of panels, any number of threads.

use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{
    BLOCK, Blocked, BlockedMut, Epilogue, Isa, Layout, PackedPointwise, Pointwise, Size, Task, Threads,
    oracle, pointwise,
};

use crate::arrays::{
    Expected, SEED, Values, absolute, around, at_the_kinks, bits, blocked, check_guards, draw, guarded, hwc,
    pads, threads,
};
use crate::drawn::each;
use crate::fenced::Fenced;
use crate::geometries::{End, geometries};
use crate::subject::{Subject, finish};

/// Input and output channels.
#[derive(Clone, Copy)]
struct Channels {
    k: usize,
    n: usize,
}

/// A 1x1 convolution with its inputs and the oracle's sums.
struct Problem {
    height: usize,
    width: usize,
    values: Values,
    weights: PackedPointwise,
    /// Blocked; the lanes above K are not read: they hold NaN.
    input: Fenced<f32>,
    added: Vec<f32>,
    /// What decides which sums are kept, where they are masked.
    mask: Vec<f32>,
    exact: Vec<f64>,
    magnitude: Vec<f64>,
}

impl Problem {
    fn draw(stream: &mut Stream, values: Values, size: Size, channels: Channels) -> Self {
        let (Size { height, width }, Channels { k, n }) = (size, channels);
        let pixels = height * width;
        let image = draw(stream, values, pixels * k);
        let weights = draw(stream, values, k * n);
        let bias = draw(stream, values, n);
        let added = draw(stream, values, pixels * n);
        let from = Layout::compact(k, height, width);
        let mut input = blocked(from, &image);
        for (at, value) in input[..from.len()].iter_mut().enumerate() {
            if at / from.block_len() * BLOCK + at % BLOCK >= k {
                *value = f32::NAN;
            }
        }
        let mut magnitude = Vec::new();
        if values == Values::Reals {
            magnitude = oracle::pointwise(&absolute(&image), &absolute(&weights), &absolute(&bias));
            magnitude.iter_mut().zip(&added).for_each(|(sum, added)| *sum += f64::from(added.abs()));
        }
        Self {
            height,
            width,
            values,
            input,
            exact: oracle::pointwise(&image, &weights, &bias),
            weights: PackedPointwise::pack(&weights, &bias, k, n),
            added,
            mask: at_the_kinks(stream, pixels * n),
            magnitude,
        }
    }

    fn task(&self) -> Task {
        Task::Pointwise { inputs: self.weights.inputs(), outputs: self.weights.outputs() }
    }

    /// Computes it, with zeros around the output and around what is added if it is `padded`.
    fn check(&self, subject: &Subject, threads: &Threads, padded: bool, end: End) {
        let (k, n) = (self.weights.inputs(), self.weights.outputs());
        let Self { height, width, values, .. } = *self;
        let words = format!("{height}x{width} {k}->{n} {values:?} {end:?} padded: {padded}");
        let (pad, beside) = if padded { (pads(1, 2, 1, 3), pads(0, 1, 1, 2)) } else { Default::default() };
        let (to, around) = (Layout::new(n, height, width, pad), Layout::new(n, height, width, beside));
        let residual = blocked(around, if end == End::Masked { &self.mask } else { &self.added });
        let epilogue = match end {
            End::Linear => Epilogue::Linear,
            End::Relu6 => Epilogue::Relu6,
            End::Add => Epilogue::Add(Blocked::new(around, &residual)),
            End::Masked => Epilogue::Masked(Blocked::new(around, &residual)),
        };
        let ended = |at: usize| match end {
            End::Linear => self.exact[at],
            End::Relu6 => oracle::relu6(self.exact[at]),
            End::Add => self.exact[at] + f64::from(self.added[at]),
            End::Masked => oracle::relu6_gradient(self.exact[at], self.mask[at]),
        };
        let exact: Vec<f64> = (0..self.exact.len()).map(ended).collect();
        subject.case(self.task(), &words, |isa, case| {
            let mut output = guarded(to.len());
            let mut view = BlockedMut::new(to, &mut output);
            view.clear_pads();
            let input = Blocked::new(Layout::compact(k, height, width), &self.input);
            pointwise(threads, isa, &self.weights.whole(epilogue), input, &mut view);
            check_guards(&output, case);
            let expected = Expected { exact: &exact, magnitude: &self.magnitude, terms: k + 2 };
            expected.compare(&hwc(to, &output), values, case);
            let outside = to.blocks() * (to.block_len() - height * width * BLOCK);
            let zeros = output[..to.len()].iter().filter(|v| v.to_bits() == 0).count();
            assert!(zeros >= outside, "{case}: wrote into the padding");
        });
    }
}

/// Forces rows through shapes around their tiles, and through the net's.
pub(crate) fn check(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 1);
    let threads = threads();
    for row in rows {
        let (pixels, lanes) = row.tile();
        let widths = around(pixels).into_iter().map(|width| (1, width));
        for (height, width) in widths.chain([(5, 5), (3, pixels + 1)]) {
            let size = Size { height, width };
            for (k, n) in
                [3, 16, 33, 80].into_iter().flat_map(|k| around(lanes).into_iter().map(move |n| (k, n)))
            {
                for (values, padded) in [(Values::Integers, false), (Values::Reals, true)] {
                    let problem = Problem::draw(&mut stream, values, size, Channels { k, n });
                    // The row takes part wherever its tile fits, alone where the channels are a multiple of it.
                    assert_eq!(row.computes(problem.task()), n.next_multiple_of(8) >= lanes, "{}", row.name);
                    for end in [End::Linear, End::Relu6, End::Add, End::Masked] {
                        problem.check(row, &threads[usize::from(padded)], padded, end);
                    }
                }
            }
        }
    }
    each(rows, 21, |draw, row| {
        let (values, size) = (draw.values(), draw.image(30));
        let channels = Channels { k: draw.size(100), n: draw.size(100) };
        let end = [End::Linear, End::Relu6, End::Add, End::Masked][draw.below(4)];
        let problem = Problem::draw(draw.0, values, size, channels);
        problem.check(row, &threads[draw.below(2)], draw.chance(), end);
    });
    for shape in geometries().pointwise {
        let size = Size { height: shape.side, width: shape.side };
        let channels = Channels { k: shape.k, n: shape.n };
        let problem = Problem::draw(&mut stream, Values::Integers, size, channels);
        for row in rows {
            problem.check(row, &threads[0], false, shape.end);
        }
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_oracle() {
    let choices = Subject::choices();
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 0);
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    let sizes = around(14).into_iter().map(|w| (1, w)).chain([(5, 5), (7, 3), (13, 2), (2, 17)]);
    for (height, width) in sizes {
        let size = Size { height, width };
        for (k, n) in
            [1, 3, 8, 16, 24, 33, 80].into_iter().flat_map(|k| [1, 8, 16, 24, 32, 48, 70].map(|n| (k, n)))
        {
            for (values, padded) in [Values::Integers, Values::Reals]
                .into_iter()
                .flat_map(|values| [(values, false), (values, true)])
            {
                let problem = Problem::draw(&mut stream, values, size, Channels { k, n });
                for choice in &choices {
                    for end in [End::Linear, End::Relu6, End::Add, End::Masked] {
                        problem.check(choice, &threads[usize::from(padded)], padded, end);
                    }
                }
            }
        }
    }
    finish(&choices, 1000);
}

#[test]
fn a_range_of_panels_and_any_number_of_threads_give_the_same_bits() {
    let mut stream = Stream::new(SEED, Purpose::Test, 1, 0);
    for isa in Isa::available() {
        for (side, k, n) in [(5, 40, 150), (9, 24, 144), (20, 16, 24), (3, 200, 320)] {
            let layout = Layout::compact(k, side, side);
            let input = blocked(layout, &draw(&mut stream, Values::Reals, side * side * k));
            let packed = PackedPointwise::pack(
                &draw(&mut stream, Values::Reals, k * n),
                &draw(&mut stream, Values::Reals, n),
                k,
                n,
            );
            let input = Blocked::new(layout, &input);
            let to = Layout::compact(n, side, side);
            let mut whole = guarded(to.len());
            let mut view = BlockedMut::new(to, &mut whole);
            pointwise(&Threads::serial(), isa, &packed.whole(Epilogue::Relu6), input, &mut view);
            for count in [2, 3, 4] {
                let mut other = guarded(to.len());
                let mut view = BlockedMut::new(to, &mut other);
                let threads = Threads::new(count).unwrap();
                pointwise(&threads, isa, &packed.whole(Epilogue::Relu6), input, &mut view);
                assert_eq!(bits(&whole), bits(&other), "{isa}, {count} threads");
            }
            for step in [1, 2, 3] {
                for first in (0..packed.panels()).step_by(step) {
                    let range = first..packed.panels().min(first + step);
                    let part = Layout::compact(n.min(range.end * BLOCK) - first * BLOCK, side, side);
                    let mut output = guarded(part.len());
                    let mut view = BlockedMut::new(part, &mut output);
                    pointwise(
                        &Threads::serial(),
                        isa,
                        &Pointwise { weights: &packed, panels: range.clone(), epilogue: Epilogue::Relu6 },
                        input,
                        &mut view,
                    );
                    let expected = &whole[first * to.block_len()..][..part.len()];
                    assert_eq!(bits(&output[..part.len()]), bits(expected), "{isa}, panels {range:?}");
                }
            }
        }
    }
}

/// Shares of a narrow padded image start in the middle of rows.
#[test]
fn narrow_images_have_the_same_bits_for_any_number_of_threads() {
    let mut stream = Stream::new(SEED, Purpose::Test, 6, 0);
    let pools: Vec<Threads> = (1..=8).map(|count| Threads::new(count).unwrap()).collect();
    for isa in Isa::available() {
        for (width, (k, n)) in (1..=9).flat_map(|width| [(20, 40), (70, 48), (33, 200)].map(|kn| (width, kn)))
        {
            let height = 7;
            let image = draw(&mut stream, Values::Reals, height * width * k);
            let weights = draw(&mut stream, Values::Reals, k * n);
            let packed = PackedPointwise::pack(&weights, &draw(&mut stream, Values::Reals, n), k, n);
            let (from, to) =
                (Layout::compact(k, height, width), Layout::new(n, height, width, pads(1, 1, 1, 1)));
            let input = blocked(from, &image);
            let added = blocked(to, &draw(&mut stream, Values::Reals, height * width * n));
            let mut first: Option<Vec<u32>> = None;
            for threads in &pools {
                let mut output = vec![0.0; to.len()];
                let (input, epilogue) = (Blocked::new(from, &input), Epilogue::Add(Blocked::new(to, &added)));
                let mut view = BlockedMut::new(to, &mut output);
                pointwise(threads, isa, &packed.whole(epilogue), input, &mut view);
                let got = bits(&output);
                let expected = first.get_or_insert_with(|| got.clone());
                assert!(got == *expected, "{isa} {height}x{width} {k}->{n}, {threads:?}");
            }
        }
    }
}
