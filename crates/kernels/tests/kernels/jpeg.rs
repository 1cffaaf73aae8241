//! The steps of a JPEG decoder: near the formulas in f64, and the same bytes on every instruction set. That the bytes are
//! libjpeg's is held by the golden files of `icecap-data`.

use icecap_kernels::jpeg::{
    Dct, Dequantize, double_across, double_both_ways, double_down, inverse_dct, ycc_to_rgb,
};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Isa, Task, oracle};

use crate::arrays::{SEED, around};
use crate::drawn::cases;
use crate::fenced::Fenced;
use crate::subject::{Subject, finish};

/// Bytes behind an output, which nobody may write.
const GUARD: u8 = 0xA5;

fn bytes(stream: &mut Stream, len: usize) -> Fenced<u8> {
    Fenced::new(&(0..len).map(|_| stream.below(256) as u8).collect::<Vec<_>>())
}

/// Runs `work` into guarded memory on the subject's kernel and on the portable one: the same bytes.
fn same_bytes(
    subject: &Subject,
    task: Task,
    len: usize,
    words: &str,
    work: &dyn Fn(Isa, &mut [u8]),
) -> Option<Vec<u8>> {
    let mut result = None;
    subject.case(task, words, |isa, case| {
        let [mut got, mut portable] = [vec![GUARD; len + 64], vec![GUARD; len + 64]];
        work(isa, &mut got[..len]);
        work(Isa::named("portable").unwrap(), &mut portable[..len]);
        assert!(got[len..].iter().all(|&byte| byte == GUARD), "{case}: wrote behind its output");
        let differs = got.iter().zip(&portable).position(|(got, want)| got != want);
        assert_eq!(differs, None, "{case}: a byte differs from the portable form's");
        got.truncate(len);
        result = Some(got);
    });
    result
}

fn worst(got: &[u8], exact: &[f64]) -> f64 {
    assert_eq!(got.len(), exact.len());
    got.iter().zip(exact).map(|(&got, want)| (f64::from(got) - want).abs()).fold(0.0, f64::max)
}

/// Coefficients of a photo: the further from the mean, the smaller. The accurate transform is within a level of the
/// formula; the fast one, which keeps eight bits of its
/// factors, is some levels off: 13 in the worst of 100,000 draws.
fn photos_blocks_agree(subject: &Subject, stream: &mut Stream, count: usize) {
    let divisors = std::array::from_fn(|_| stream.below(12) as u16 + 1);
    let blocks: Vec<[i16; 64]> = (0..count)
        .map(|_| {
            std::array::from_fn(|n| {
                let most = 1000 / (n as u32 + 1) / u32::from(divisors[n]) + 1;
                stream.below(2 * most + 1) as i16 - most as i16
            })
        })
        .collect();
    for (dct, most, mean) in [(Dct::Accurate, 1.0, 0.3), (Dct::Fast, 20.0, 4.0)] {
        let dequantize = Dequantize::new(dct, &divisors);
        let stride = count * 8 + 3;
        let out = same_bytes(
            subject,
            Task::InverseDct,
            stride * 8,
            &format!("{count} blocks, {dct}"),
            &|isa, out| {
                inverse_dct(isa, &dequantize, blocks.as_flattened(), out, stride);
            },
        );
        let Some(out) = out else { return };
        for (index, block) in blocks.iter().enumerate() {
            let exact = oracle::inverse_dct(block, &divisors);
            let got: Vec<u8> = (0..64).map(|place| out[place / 8 * stride + index * 8 + place % 8]).collect();
            let off = worst(&got, &exact);
            let sum: f64 = got.iter().zip(&exact).map(|(&got, want)| f64::from(got) - want).sum();
            assert!(off < most && (sum / 64.0).abs() < mean, "{}: {dct} off by {off}, {sum}", subject.name);
        }
        // What lies between the rows is left alone.
        assert!(out.chunks(stride).all(|row| row[count * 8..].iter().all(|&byte| byte == GUARD)));
    }
}

/// Any coefficients and divisors, whose sums overflow: every instruction set wraps alike.
fn any_blocks_agree(subject: &Subject, stream: &mut Stream, count: usize) {
    let extreme = |stream: &mut Stream| match stream.below(4) {
        0 => i16::MIN,
        1 => i16::MAX,
        2 => 0,
        _ => stream.next_u32() as i16,
    };
    let divisors = std::array::from_fn(|_| extreme(stream) as u16);
    let coefficients: Vec<i16> = (0..count * 64).map(|_| extreme(stream)).collect();
    let coefficients = Fenced::new(&coefficients);
    for dct in [Dct::Accurate, Dct::Fast] {
        let dequantize = Dequantize::new(dct, &divisors);
        let words = format!("{count} blocks of anything, {dct}");
        same_bytes(subject, Task::InverseDct, count * 64, &words, &|isa, out| {
            inverse_dct(isa, &dequantize, &coefficients, out, count * 8);
        });
    }
}

/// Forces the rows of the transform.
pub(crate) fn check_inverse(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 8, 0);
    for subject in rows {
        for count in [1, 2, 3, 8, 63].into_iter().cycle().take(60.max(cases() / 4)) {
            photos_blocks_agree(subject, &mut stream, count);
            any_blocks_agree(subject, &mut stream, count);
        }
    }
}

/// Forces the rows of the triangle filter through widths around a vector.
pub(crate) fn check_triangle(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 8, 1);
    for subject in rows {
        let drawn = (0..cases() / 4).map(|case| 1 + case % 133);
        for width in around(32).into_iter().chain([1, 2, 3, 250]).chain(drawn) {
            let (own, near) = (bytes(&mut stream, width), bytes(&mut stream, width));
            let words = |how: &str| format!("{width} samples {how}");
            let close = |got: Option<Vec<u8>>, exact: &[f64]| {
                if let Some(got) = got {
                    let off = worst(&got, exact);
                    assert!(off <= 0.75, "{}: {width} samples, off by {off}", subject.name);
                }
            };
            let both = same_bytes(subject, Task::Triangle, width * 2, &words("both ways"), &|isa, out| {
                double_both_ways(isa, &own, &near, out);
            });
            close(both, &oracle::triangle(&own, &near));
            let across = same_bytes(subject, Task::Triangle, width * 2, &words("across"), &|isa, out| {
                double_across(isa, &own, out);
            });
            close(across, &oracle::triangle(&own, &own));
            for is_below in [false, true] {
                let down = same_bytes(subject, Task::Triangle, width, &words("down"), &|isa, out| {
                    double_down(isa, &own, &near, is_below, out);
                });
                let exact = own
                    .iter()
                    .zip(near.iter())
                    .map(|(&own, &near)| f64::from(own) * 0.75 + f64::from(near) * 0.25);
                close(down, &exact.collect::<Vec<_>>());
            }
        }
    }
}

/// Forces the rows of the color through widths around a vector, and through the corners of the cube.
pub(crate) fn check_color(rows: &[Subject]) {
    let mut stream = Stream::new(SEED, Purpose::Test, 8, 2);
    for subject in rows {
        let drawn = (0..cases()).map(|case| 1 + case % 133);
        for width in around(32).into_iter().chain([1, 250, 4096]).chain(drawn) {
            let mut planes = [0; 3].map(|_| bytes(&mut stream, width));
            for (corner, at) in (0..width.min(8)).enumerate() {
                for (bit, plane) in planes.iter_mut().enumerate() {
                    plane[at] = if corner >> bit & 1 == 1 { 255 } else { 0 };
                }
            }
            let [y, cb, cr] = &planes;
            let words = format!("{width} pixels");
            let got = same_bytes(subject, Task::YccToRgb, width * 3, &words, &|isa, out| {
                ycc_to_rgb(isa, [y, cb, cr], out);
            });
            let exact: Vec<f64> =
                (0..width).flat_map(|at| oracle::ycc_to_rgb(y[at], cb[at], cr[at])).collect();
            if let Some(got) = got {
                let off = worst(&got, &exact);
                assert!(off <= 0.51, "{}: off by {off}", subject.name);
            }
        }
    }
}

#[test]
fn every_instruction_sets_choice_agrees_with_the_formulas() {
    let choices = Subject::choices();
    check_inverse(&choices);
    check_triangle(&choices);
    check_color(&choices);
    finish(&choices, 200);
}

#[test]
#[should_panic(expected = "no blocks")]
fn refuses_coefficients_that_are_no_blocks() {
    let dequantize = Dequantize::new(Dct::Fast, &[1; 64]);
    inverse_dct(Isa::best(), &dequantize, &[0; 65], &mut [0; 64], 8);
}

#[test]
#[should_panic(expected = "rows of 2 pixels")]
fn refuses_planes_of_another_length() {
    ycc_to_rgb(Isa::best(), [&[0; 2], &[0; 1], &[0; 2]], &mut [0; 6]);
}
