//! Projections: with and without what they add and keep, in bytes and with all bits.

use icecap_kernels::int8::{
    IntegerProject, IntegerWeights, PackedIntegers, Projected, Reading, eighths_len, project_integers,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{BLOCK, Rescale, Task, Threads};

use super::draw::{GUARD, Grouped, Read, eighth_at, packed_eighths, rescaled};
use crate::arrays::SEED;
use crate::drawn::{Draw, each};
use crate::subject::Subject;

pub(crate) fn check_project(rows: &[Subject]) {
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    each(rows, 13, |draw, subject| {
        let (pixels, channels, outputs) = (draw.size(90), draw.size(400), draw.size(100));
        let read = Read::draw(draw, pixels, channels);
        let (weights, bias) = (draw.weights(channels * outputs), draw.biases(outputs));
        let rescale = draw.rescales(outputs);
        let integers = IntegerWeights { weights: &weights, bias: &bias, reading: read.reading };
        let packed = PackedIntegers::rescaled(integers, &rescale);
        let zero = draw.below(256) as i16 * 8;
        let added = draw.chance().then(|| draw.eighths(pixels * outputs));
        let mut expected = rescaled(&read.sums(&weights, &bias), &rescale);
        expected.iter_mut().for_each(|value| *value = value.saturating_add(zero));
        if let Some(added) = &added {
            expected.iter_mut().zip(added).for_each(|(value, &added)| *value = value.saturating_add(added));
        }
        let writes = if draw.chance() { Reading::Fine } else { Reading::Bytes };
        let (keeps, threads) = (draw.chance(), &threads[draw.below(2)]);
        // In two calls, of which the second begins at a multiple of four.
        let middle = draw.below(pixels) / 4 * 4;
        let words = format!(
            "{pixels} pixels {channels}->{outputs} {:?} to {writes:?}, adds {}, keeps {keeps}, from {middle}, {} threads",
            read.reading,
            added.is_some(),
            threads.count()
        );
        let added = added.map(|added| packed_eighths(outputs, &added));
        subject.case(Task::IntegerProject(outputs), &words, |isa, case| {
            let block = eighths_len(pixels);
            let grouped = Grouped::new(isa, writes.groups(outputs), pixels);
            let mut output = vec![GUARD; grouped.len()];
            let mut eighths = vec![GUARD; packed.blocks() * block];
            for part in [(0, middle), (middle, pixels)].into_iter().filter(|part| part.0 < part.1) {
                let step =
                    IntegerProject { weights: &packed, pixels: part, zero, added: added.as_deref(), writes };
                let kept = keeps.then_some(&mut eighths[..]);
                let mut to = Projected { groups: &mut output, eighths: kept };
                project_integers(threads, isa, &step, &read.groups(isa), &mut to);
            }
            let wrote = Wrote { output: &output, grouped, eighths: keeps.then_some(&eighths[..]), writes };
            wrote.check(outputs, &expected, case);
        });
    });
}

/// What projections wrote.
struct Wrote<'a> {
    output: &'a [u8],
    grouped: Grouped,
    eighths: Option<&'a [u8]>,
    writes: Reading,
}

impl Wrote<'_> {
    fn check(&self, outputs: usize, expected: &[i16], case: &str) {
        let pixels = expected.len() / outputs;
        let (grouped, block) = (self.grouped, eighths_len(pixels));
        for (at, &value) in expected.iter().enumerate() {
            let (pixel, c) = (at / outputs, at % outputs);
            let place = eighth_at(block, pixel, c);
            if let Some(eighths) = self.eighths {
                let got = i16::from_ne_bytes([eighths[place], eighths[place + 1]]);
                assert_eq!(got, value, "{case}: eighths of pixel {pixel}, channel {c}");
            }
            let byte = |piece: usize, byte: usize| self.output[grouped.at(piece, pixel, byte)];
            if self.writes == Reading::Bytes {
                let coarse = (value.saturating_add(4) >> 3).clamp(0, 255) as u8;
                assert_eq!(byte(c / BLOCK, c % BLOCK), coarse, "{case}: pixel {pixel}, channel {c}");
            } else {
                let all = value.clamp(0, 2047);
                let both = ((all >> 3) as u8, (all & 7) as u8);
                assert_eq!(
                    (byte(c / 8, c % 8), byte(c / 8, 8 + c % 8)),
                    both,
                    "{case}: pixel {pixel}, channel {c}"
                );
            }
        }
        self.grouped.check_outside(self.output, 0..pixels, case);
    }
}

#[test]
fn a_rescaled_sum_is_the_nearest_value_but_for_one() {
    let mut stream = Stream::new(SEED, Purpose::Test, 0, 16);
    for _ in 0..100_000 {
        let mut draw = Draw(&mut stream);
        let rescale = draw.rescales(1)[0];
        let sum = draw.biases(1)[0];
        let got = f64::from(rescale.apply(sum.saturating_add(rescale.half())));
        let exact = f64::from(sum) * rescale.ratio();
        let most = 32767.0 * f64::from(rescale.multiplier()) / 32768.0;
        // The shift rounds, and the product rounds what the shift left.
        let bound = 0.51 + 0.5 * f64::from(rescale.multiplier()) / 32768.0;
        let kept = exact.clamp(-most - 1.0, most);
        assert!((got - kept).abs() <= bound + 1.0, "{rescale:?} of {sum}: {got}, not {exact}");
    }
    assert_eq!(Rescale::new(14, 0), None);
    assert_eq!(Rescale::new(0, -1), None);
}
