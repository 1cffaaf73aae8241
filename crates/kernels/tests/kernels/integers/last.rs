//! The last convolution: real numbers, equal in every bit.

use icecap_kernels::int8::{IntegerWeights, PackedIntegers, last_integers};
use icecap_kernels::{Blocked, BlockedMut, Layout, Task, Threads};

use super::draw::Read;
use crate::drawn::each;
use crate::subject::Subject;

pub(crate) fn check_last(rows: &[Subject]) {
    let threads = [Threads::serial(), Threads::new(3).unwrap()];
    each(rows, 14, |draw, subject| {
        let (height, width, channels, outputs) = (draw.size(6), draw.size(9), draw.size(330), draw.size(100));
        let pixels = height * width;
        let read = Read::draw(draw, pixels, channels);
        let (weights, bias) = (draw.weights(channels * outputs), draw.biases(outputs));
        let mut factors: Vec<f32> = (0..outputs).map(|_| draw.0.range(0.0, 1e-4)).collect();
        // A channel that says nothing, whose sums may be below zero: its zeros have no sign.
        factors[draw.size(outputs) - 1] = 0.0;
        let integers = IntegerWeights { weights: &weights, bias: &bias, reading: read.reading };
        let packed = PackedIntegers::real(integers, &factors);
        let real = |(&sum, factor): (&i32, &f32)| (sum as f32 * factor).clamp(0.0, 6.0) + 0.0;
        let expected: Vec<f32> =
            read.sums(&weights, &bias).iter().zip(factors.iter().cycle()).map(real).collect();
        let threads = &threads[draw.below(2)];
        let words =
            format!("{height}x{width} {channels}->{outputs} {:?}, {} threads", read.reading, threads.count());
        subject.case(Task::IntegerLast(outputs), &words, |isa, case| {
            let layout = Layout::compact(outputs, height, width);
            let mut output = vec![f32::NAN; layout.len()];
            last_integers(
                threads,
                isa,
                &packed,
                &read.groups(isa),
                &mut BlockedMut::new(layout, &mut output),
            );
            let mut plain = vec![f32::NAN; pixels * outputs];
            Blocked::new(layout, &output).write_hwc(&mut plain);
            let wrong =
                plain.iter().zip(&expected).position(|(got, expected)| got.to_bits() != expected.to_bits());
            assert_eq!(wrong, None, "{case}");
        });
    });
}
