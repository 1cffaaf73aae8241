//! From coefficients to samples: the inverse cosine transform as libjpeg computes it by default.
//!
//! Loeffler, Ligtenberg and Moschytz, "Practical Fast 1-D DCT Algorithms with 11 Multiplications", 1989, with 13 bits
//! behind the point and two kept between the passes. Rounding as libjpeg does makes the samples the same to the bit.

use super::coefficients::Channel;

/// A number with 13 bits behind the point.
const fn fixed(value: f64) -> i64 {
    (value * 8192.0 + 0.5) as i64
}

const F0_298: i64 = fixed(0.298_631_336);
const F0_390: i64 = fixed(0.390_180_644);
const F0_541: i64 = fixed(0.541_196_100);
const F0_765: i64 = fixed(0.765_366_865);
const F0_899: i64 = fixed(0.899_976_223);
const F1_175: i64 = fixed(1.175_875_602);
const F1_501: i64 = fixed(1.501_321_110);
const F1_847: i64 = fixed(1.847_759_065);
const F1_961: i64 = fixed(1.961_570_560);
const F2_053: i64 = fixed(2.053_119_869);
const F2_562: i64 = fixed(2.562_915_447);
const F3_072: i64 = fixed(3.072_711_026);

/// The transform of eight values, which comes with 13 more bits behind the point.
fn transform(v: [i64; 8]) -> [i64; 8] {
    let z = (v[2] + v[6]) * F0_541;
    let (even2, even3) = (z - v[6] * F1_847, z + v[2] * F0_765);
    let (even0, even1) = ((v[0] + v[4]) << 13, (v[0] - v[4]) << 13);
    let even = [even0 + even3, even1 + even2, even1 - even2, even0 - even3];
    let z5 = (v[7] + v[3] + v[5] + v[1]) * F1_175;
    let z1 = -(v[7] + v[1]) * F0_899;
    let z2 = -(v[5] + v[3]) * F2_562;
    let z3 = z5 - (v[7] + v[3]) * F1_961;
    let z4 = z5 - (v[5] + v[1]) * F0_390;
    let odd =
        [v[1] * F1_501 + z1 + z4, v[3] * F3_072 + z2 + z3, v[5] * F2_053 + z2 + z4, v[7] * F0_298 + z1 + z3];
    std::array::from_fn(|at| if at < 4 { even[at] + odd[at] } else { even[7 - at] - odd[7 - at] })
}

fn rounded(value: i64, bits: u32) -> i64 {
    (value + (1 << (bits - 1))) >> bits
}

/// The samples of a block, in rows of 8.
fn block(coefficients: &[i16; 64], quantization: &[i32; 64]) -> [u8; 64] {
    let mut columns = [0i64; 64];
    for x in 0..8 {
        let column =
            std::array::from_fn(|y| i64::from(coefficients[y * 8 + x]) * i64::from(quantization[y * 8 + x]));
        for (y, value) in transform(column).into_iter().enumerate() {
            columns[y * 8 + x] = rounded(value, 11);
        }
    }
    let mut samples = [0; 64];
    for (row, out) in columns.as_chunks::<8>().0.iter().zip(samples.as_chunks_mut::<8>().0) {
        *out = transform(*row).map(|value| (rounded(value, 18) + 128).clamp(0, 255) as u8);
    }
    samples
}

/// The samples of a channel, `[down * 8, across * 8]`.
pub(super) fn samples(channel: &Channel) -> Vec<u8> {
    let stride = channel.across * 8;
    let mut out = vec![0; stride * channel.down * 8];
    for (index, coefficients) in channel.blocks.as_chunks::<64>().0.iter().enumerate() {
        let (row, column) = (index / channel.across, index % channel.across);
        for (y, line) in block(coefficients, &channel.quantization).as_chunks::<8>().0.iter().enumerate() {
            out[(row * 8 + y) * stride + column * 8..][..8].copy_from_slice(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use icecap_kernels::rng::{Purpose, Stream};

    use super::*;

    /// The definition (T.81, A.3.3), in f64.
    fn oracle(coefficients: &[i16; 64]) -> [f64; 64] {
        let c = |n: usize| if n == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
        let cosine =
            |at: usize, n: usize| ((2 * at + 1) as f64 * n as f64 * std::f64::consts::PI / 16.0).cos();
        std::array::from_fn(|place| {
            let (y, x) = (place / 8, place % 8);
            let sum: f64 = (0..64)
                .map(|n| {
                    let (v, u) = (n / 8, n % 8);
                    c(u) * c(v) * f64::from(coefficients[n]) * cosine(x, u) * cosine(y, v)
                })
                .sum();
            (sum / 4.0 + 128.0).clamp(0.0, 255.0)
        })
    }

    #[test]
    fn samples_are_those_of_the_definition_within_a_level() {
        for seed in 0..200 {
            let mut stream = Stream::new(seed, Purpose::Test, 0, 0);
            let coefficients = std::array::from_fn(|n| {
                let most = 1200 / (n as u32 + 1) + 1;
                stream.below(2 * most + 1) as i16 - most as i16
            });
            let exact = oracle(&coefficients);
            for (got, want) in block(&coefficients, &[1; 64]).iter().zip(exact) {
                assert!((f64::from(*got) - want).abs() < 1.0, "{got} {want}");
            }
        }
    }
}
