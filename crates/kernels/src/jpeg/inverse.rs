//! The inverse cosine transform of blocks of 8x8 coefficients, rounded as libjpeg does.
//!
//! ```text
//! for v, u:  s[v][u] = coefficient[v][u] * divisor[v][u]                             (16 bits)
//! for y, x:  sample[y][x] = 128 + sum over v, u of c(v) c(u) s[v][u] cos((2y + 1) v pi / 16) cos((2x + 1) u pi / 16) / 4
//! ```
//!
//! with `c(0) = 1 / sqrt(2)` and `c(n) = 1` otherwise. Columns first, then rows; how the sums are shortened and where
//! they are rounded is the transform's own ([`Dct`]).
//!
//! # Source
//! - Accurate: Loeffler, Ligtenberg and Moschytz, "Practical Fast 1-D DCT Algorithms with 11 Multiplications", 1989;
//!   13 bits behind the point, two kept between the passes.
//! - Fast: Arai, Agui and Nakajima, "A Fast DCT-SQ Scheme for Images", 1988: five products a row, the others folded
//!   into the divisors; eight bits behind the point, two kept, nothing rounded but the divisors.

use std::marker::PhantomData;

#[cfg(target_arch = "x86_64")]
use super::eight::{Avx2Short, Avx2Wide};
use super::{
    dct::Dct,
    eight::{Eight, PortableShort, PortableWide, Short, Wide},
};
use crate::{
    isa::{Isa, shells},
    row::{Kernel, pick, row, rows},
};

/// Values in a block.
const BLOCK: usize = 64;
/// Rows of a block, and values in each.
const SIDE: usize = 8;

/// What turns coefficients into the transform's input: the divisors of a channel, as a transform needs them.
#[derive(Clone, Debug)]
pub struct Dequantize {
    dct: Dct,
    divisors: [i16; BLOCK],
}

impl Dequantize {
    /// Prepares the divisors of a channel.
    ///
    /// # Shapes
    /// `divisors` in rows of 8, as the coefficients.
    #[must_use]
    pub fn new(dct: Dct, divisors: &[u16; BLOCK]) -> Self {
        // What the fast transform leaves out of its passes: cos(n pi / 16) sqrt(2), and 1 for n = 0.
        let factor = |n: usize| match n {
            0 => 1.0,
            _ => (n as f64 * std::f64::consts::PI / 16.0).cos() * std::f64::consts::SQRT_2,
        };
        let mut out = [0; BLOCK];
        for (at, (to, &divisor)) in out.iter_mut().zip(divisors).enumerate() {
            *to = match dct {
                Dct::Accurate => divisor as i16,
                Dct::Fast => {
                    // 14 bits behind the point in libjpeg's table, two of which stay.
                    let scaled = (factor(at / SIDE) * factor(at % SIDE) * 16_384.0).round() as i64;
                    ((i64::from(divisor) * scaled + (1 << 11)) >> 12) as i16
                }
            };
        }
        Self { dct, divisors: out }
    }
}

/// Turns a row of blocks into samples.
///
/// # Shapes
/// `coefficients` `[blocks, 64]`, each block in rows of 8; `out` eight rows of samples, `stride` apart, of which
/// `blocks * 8` are written.
///
/// # Panics
/// If the lengths do not fit.
///
/// # Cost
/// About 25 ns a block with AVX2, 150 ns without.
pub fn inverse_dct(isa: Isa, dequantize: &Dequantize, coefficients: &[i16], out: &mut [u8], stride: usize) {
    let (blocks, rest) = coefficients.as_chunks::<BLOCK>();
    assert!(rest.is_empty(), "{} coefficients are no blocks", coefficients.len());
    assert!(stride >= blocks.len() * SIDE, "{} blocks in rows of {stride} samples", blocks.len());
    assert!(out.len() >= stride * SIDE, "{} samples for rows of {stride}", out.len());
    let row = pick(ROWS, isa);
    let transform = match dequantize.dct {
        Dct::Accurate => row.accurate,
        Dct::Fast => row.fast,
    };
    // SAFETY: the row was selected by the token of an instruction set that this processor runs.
    unsafe { transform(blocks, &dequantize.divisors, out, stride) }
}

type InverseFn = unsafe fn(&[[i16; BLOCK]], &[i16; BLOCK], &mut [u8], usize);

pub(crate) struct InverseRow {
    pub(crate) kernel: Kernel,
    accurate: InverseFn,
    fast: InverseFn,
}

row!(InverseRow);

rows! { InverseRow;
    #[cfg(target_arch = "x86_64")]
    inverse_dct_i16_8x8_avx2: InverseDct, Avx2, { accurate: accurate_avx2, fast: fast_avx2 };
    inverse_dct_i16_8x8_portable: InverseDct, Portable, { accurate: accurate_portable, fast: fast_portable };
}

shells! { [](blocks: &[[i16; BLOCK]], divisors: &[i16; BLOCK], out: &mut [u8], stride: usize);
    avx2 accurate_avx2 = blocks_of::<Accurate<Avx2Wide>>;
    avx2 fast_avx2 = blocks_of::<Fast<Avx2Short>>;
    portable accurate_portable = blocks_of::<Accurate<PortableWide>>;
    portable fast_portable = blocks_of::<Fast<PortableShort>>;
}

/// Block by block.
///
/// # Safety
/// The processor runs the instruction set of the transform's numbers.
#[inline(always)]
unsafe fn blocks_of<T: Transform>(
    blocks: &[[i16; BLOCK]],
    divisors: &[i16; BLOCK],
    out: &mut [u8],
    stride: usize,
) {
    let divisors = divisors.as_chunks::<SIDE>().0;
    for (index, block) in blocks.iter().enumerate() {
        let block = block.as_chunks::<SIDE>().0;
        // SAFETY: by the contract.
        let rows = unsafe {
            [
                T::Numbers::dequantize(&block[0], &divisors[0]),
                T::Numbers::dequantize(&block[1], &divisors[1]),
                T::Numbers::dequantize(&block[2], &divisors[2]),
                T::Numbers::dequantize(&block[3], &divisors[3]),
                T::Numbers::dequantize(&block[4], &divisors[4]),
                T::Numbers::dequantize(&block[5], &divisors[5]),
                T::Numbers::dequantize(&block[6], &divisors[6]),
                T::Numbers::dequantize(&block[7], &divisors[7]),
            ]
        };
        let samples = T::Numbers::samples(T::rows(T::Numbers::transposed(T::columns(rows))));
        for (y, samples) in samples.iter().enumerate() {
            out[y * stride + index * SIDE..][..SIDE].copy_from_slice(samples);
        }
    }
}

/// A transform of eight numbers for eight columns, or rows, at once.
trait Transform {
    type Numbers: Eight;

    /// The first pass.
    fn columns(v: [Self::Numbers; 8]) -> [Self::Numbers; 8];
    /// The second pass, to samples less 128.
    fn rows(v: [Self::Numbers; 8]) -> [Self::Numbers; 8];
}

/// A number with 13 bits behind the point.
const fn fixed(value: f64) -> i32 {
    (value * 8192.0 + 0.5) as i32
}

struct Accurate<E>(PhantomData<E>);

impl<E: Wide> Accurate<E> {
    /// The sums of both passes have 13 more bits behind the point; they are rounded by `BITS`.
    #[inline(always)]
    fn pass<const BITS: i32>(v: [E; 8]) -> [E; 8] {
        let z = v[2].add(v[6]).times(const { fixed(0.541_196_100) });
        let even2 = z.sub(v[6].times(const { fixed(1.847_759_065) }));
        let even3 = z.add(v[2].times(const { fixed(0.765_366_865) }));
        let even0 = v[0].add(v[4]).up::<13>().plus(1 << (BITS - 1));
        let even1 = v[0].sub(v[4]).up::<13>().plus(1 << (BITS - 1));
        let even = [even0.add(even3), even1.add(even2), even1.sub(even2), even0.sub(even3)];
        let (z3, z4) = (v[7].add(v[3]), v[5].add(v[1]));
        let z5 = z3.add(z4).times(const { fixed(1.175_875_602) });
        let z1 = v[7].add(v[1]).times(const { -fixed(0.899_976_223) });
        let z2 = v[5].add(v[3]).times(const { -fixed(2.562_915_447) });
        let z3 = z5.add(z3.times(const { -fixed(1.961_570_560) }));
        let z4 = z5.add(z4.times(const { -fixed(0.390_180_644) }));
        let odd0 = v[1].times(const { fixed(1.501_321_110) }).add(z1).add(z4);
        let odd1 = v[3].times(const { fixed(3.072_711_026) }).add(z2).add(z3);
        let odd2 = v[5].times(const { fixed(2.053_119_869) }).add(z2).add(z4);
        let odd3 = v[7].times(const { fixed(0.298_631_336) }).add(z1).add(z3);
        [
            even[0].add(odd0).down::<BITS>(),
            even[1].add(odd1).down::<BITS>(),
            even[2].add(odd2).down::<BITS>(),
            even[3].add(odd3).down::<BITS>(),
            even[3].sub(odd3).down::<BITS>(),
            even[2].sub(odd2).down::<BITS>(),
            even[1].sub(odd1).down::<BITS>(),
            even[0].sub(odd0).down::<BITS>(),
        ]
    }
}

impl<E: Wide> Transform for Accurate<E> {
    type Numbers = E;

    #[inline(always)]
    fn columns(v: [E; 8]) -> [E; 8] {
        Self::pass::<11>(v)
    }

    #[inline(always)]
    fn rows(v: [E; 8]) -> [E; 8] {
        Self::pass::<18>(v)
    }
}

struct Fast<E>(PhantomData<E>);

/// A factor with eight bits behind the point, for numbers that come times four: their product's upper half has none.
const fn factor(eighth_bits: i16) -> i16 {
    eighth_bits << 6
}

impl<E: Short> Transform for Fast<E> {
    type Numbers = E;

    #[inline(always)]
    fn columns(v: [E; 8]) -> [E; 8] {
        let (sum, difference) = (v[0].add(v[4]), v[0].sub(v[4]));
        let cross = v[2].add(v[6]);
        // 1.414
        let turned = v[2].sub(v[6]).scaled(const { factor(362) }).sub(cross);
        let even = [sum.add(cross), difference.add(turned), difference.sub(turned), sum.sub(cross)];
        let (z13, z10) = (v[5].add(v[3]), v[5].sub(v[3]));
        let (z11, z12) = (v[1].add(v[7]), v[1].sub(v[7]));
        let odd0 = z11.add(z13);
        // 1.848
        let z5 = z10.add(z12).scaled(const { factor(473) });
        // 2.613, which does not fit: 1.613, and once more.
        let odd1 = z10.scaled(const { factor(-413) }).sub(z10).add(z5).sub(odd0);
        let odd2 = z11.sub(z13).scaled(const { factor(362) }).sub(odd1);
        // 1.082
        let odd3 = z12.scaled(const { factor(277) }).sub(z5).add(odd2);
        [
            even[0].add(odd0),
            even[1].add(odd1),
            even[2].add(odd2),
            even[3].sub(odd3),
            even[3].add(odd3),
            even[2].sub(odd2),
            even[1].sub(odd1),
            even[0].sub(odd0),
        ]
    }

    #[inline(always)]
    fn rows(v: [E; 8]) -> [E; 8] {
        let [a, b, c, d, e, f, g, h] = Self::columns(v);
        [
            a.down::<5>(),
            b.down::<5>(),
            c.down::<5>(),
            d.down::<5>(),
            e.down::<5>(),
            f.down::<5>(),
            g.down::<5>(),
            h.down::<5>(),
        ]
    }
}
