//! Sixteen channels in two 256-bit registers.
//!
//! AVX2 has no exact product of four bytes: `vpmaddubsw` cuts off at 32767, and two products reach 64770. So bytes are
//! widened to 16 bits, the even ones of four apart from the odd ones, and `vpmaddwd` adds the products of two at a time.
//! AVX-VNNI has the exact product.

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// AVX2.
pub(crate) struct Avx2;

/// AVX2 with AVX-VNNI.
pub(crate) struct AvxVnni;

/// Two registers: channels 0 to 7 and 8 to 15, or the bytes 0 to 31 and 32 to 63.
type Pair = [__m256i; 2];

/// Four registers: of each of a pair the even bytes as 16 bits, and the odd ones.
type Widened = [Pair; 2];

/// Shifts for each channel; multipliers of four channels twice, as they lie in a half.
#[derive(Clone, Copy)]
pub(crate) struct Scales {
    shifts: Pair,
    multipliers: Pair,
}

/// # Safety
/// The processor has AVX2, and 64 bytes are readable.
#[inline(always)]
unsafe fn load(from: *const u8) -> Pair {
    // SAFETY: by the contract.
    unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())] }
}

/// # Safety
/// The processor has AVX2, and 64 bytes are writable.
#[inline(always)]
unsafe fn store(pair: Pair, to: *mut u8) {
    // SAFETY: by the contract.
    unsafe {
        _mm256_storeu_si256(to.cast(), pair[0]);
        _mm256_storeu_si256(to.add(32).cast(), pair[1]);
    }
}

/// The even and the odd bytes as unsigned numbers of 16 bits.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn widen_unsigned(bytes: __m256i) -> [__m256i; 2] {
    // SAFETY: by the contract.
    unsafe { [_mm256_and_si256(bytes, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16::<8>(bytes)] }
}

/// The even and the odd bytes as signed numbers of 16 bits.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn widen_signed(bytes: __m256i) -> [__m256i; 2] {
    // SAFETY: by the contract.
    unsafe { [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes)), _mm256_srai_epi16::<8>(bytes)] }
}

/// Sums with the products of two by two numbers of 16 bits added.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn add_products(sums: __m256i, values: [__m256i; 2], weights: [__m256i; 2]) -> __m256i {
    // SAFETY: by the contract. At most 4 * 255 * 127 is added: nothing saturates.
    unsafe {
        let even = _mm256_madd_epi16(values[0], weights[0]);
        let odd = _mm256_madd_epi16(values[1], weights[1]);
        _mm256_add_epi32(sums, _mm256_add_epi32(even, odd))
    }
}

/// Two halves as bytes, cut off at 0 and 255: of every four channels the four pixels.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn pack(first: Pair, second: Pair) -> Pair {
    // SAFETY: by the contract.
    unsafe { [_mm256_packus_epi16(first[0], second[0]), _mm256_packus_epi16(first[1], second[1])] }
}

/// Double words of two registers in turn: the first of each half of `a`, then of `b`, then the second of each, and so on.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn woven(a: __m256i, b: __m256i) -> Pair {
    // SAFETY: by the contract.
    unsafe {
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        [
            _mm256_permutevar8x32_epi32(_mm256_unpacklo_epi32(a, b), order),
            _mm256_permutevar8x32_epi32(_mm256_unpackhi_epi32(a, b), order),
        ]
    }
}

/// The even and the odd bytes of a pair. Like all here it is written without closures: a closure is compiled without the
/// instruction set of the function around it.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn widened_unsigned(bytes: Pair) -> Widened {
    // SAFETY: by the contract.
    unsafe { [widen_unsigned(bytes[0]), widen_unsigned(bytes[1])] }
}

/// As [`widened_unsigned`], of signed bytes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn widened_signed(bytes: Pair) -> Widened {
    // SAFETY: by the contract.
    unsafe { [widen_signed(bytes[0]), widen_signed(bytes[1])] }
}

/// The last two of four bytes, and the first two of the next four.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn joined(quad: __m256i, next: __m256i) -> __m256i {
    // SAFETY: by the contract.
    unsafe { _mm256_blend_epi16::<0b1010_1010>(_mm256_srli_epi32::<16>(quad), _mm256_slli_epi32::<16>(next)) }
}

/// Sums of two pixels as numbers of 16 bits.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn rescaled(first: __m256i, second: __m256i, shifts: __m256i, multipliers: __m256i) -> __m256i {
    // SAFETY: by the contract.
    unsafe {
        let packed = _mm256_packs_epi32(_mm256_srav_epi32(first, shifts), _mm256_srav_epi32(second, shifts));
        _mm256_mulhrs_epi16(packed, multipliers)
    }
}

/// Eighths rounded to steps.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn rounded(half: Pair) -> Pair {
    // SAFETY: by the contract.
    unsafe {
        let four = _mm256_set1_epi16(4);
        [
            _mm256_srai_epi16::<3>(_mm256_adds_epi16(half[0], four)),
            _mm256_srai_epi16::<3>(_mm256_adds_epi16(half[1], four)),
        ]
    }
}

/// Eighths kept in 0 to 2047.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn kept(half: Pair) -> Pair {
    // SAFETY: by the contract.
    unsafe {
        let (most, zero) = (_mm256_set1_epi16(2047), _mm256_setzero_si256());
        [
            _mm256_max_epi16(_mm256_min_epi16(half[0], most), zero),
            _mm256_max_epi16(_mm256_min_epi16(half[1], most), zero),
        ]
    }
}

/// What is above the lower three bits.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn upper_bits(half: Pair) -> Pair {
    // SAFETY: by the contract.
    unsafe { [_mm256_srli_epi16::<3>(half[0]), _mm256_srli_epi16::<3>(half[1])] }
}

/// The lower three bits.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn lower_bits(half: Pair) -> Pair {
    // SAFETY: by the contract.
    unsafe {
        let seven = _mm256_set1_epi16(7);
        [_mm256_and_si256(half[0], seven), _mm256_and_si256(half[1], seven)]
    }
}

/// Bytes that need not be widened.
#[inline(always)]
fn same(bytes: Pair) -> Pair {
    bytes
}

// SAFETY of the blocks below: the instruction set is promised by whoever makes a value, and proved by every value; memory is
// the caller's promise.
macro_rules! lanes {
    ($Type:ident, $Operand:ty, $dot:ident, $unsigned:ident, $signed:ident) => {
        impl Lanes for $Type {
            type Sums = Pair;
            type Weights = $Operand;
            type Pixel = $Operand;
            type Quad = Pair;
            type Scales = Scales;
            type Half = Pair;
            type Line = Pair;

            #[inline(always)]
            unsafe fn bias(from: *const i32) -> Pair {
                // SAFETY: by the contract.
                unsafe { load(from.cast()) }
            }

            #[inline(always)]
            unsafe fn weights(from: *const i8) -> $Operand {
                // SAFETY: by the contract.
                unsafe { $signed(load(from.cast())) }
            }

            #[inline(always)]
            unsafe fn broadcast(from: *const u8) -> $Operand {
                // SAFETY: by the contract.
                unsafe { $unsigned([_mm256_set1_epi32(from.cast::<i32>().read_unaligned()); 2]) }
            }

            #[inline(always)]
            unsafe fn quad(from: *const u8) -> Pair {
                // SAFETY: by the contract.
                unsafe { load(from) }
            }

            #[inline(always)]
            unsafe fn scales(shifts: *const i32, multipliers: *const i16) -> Scales {
                // SAFETY: by the contract.
                unsafe {
                    let sixteen = _mm256_loadu_si256(multipliers.cast());
                    let low = _mm256_permute4x64_epi64::<0b01_01_00_00>(sixteen);
                    let high = _mm256_permute4x64_epi64::<0b11_11_10_10>(sixteen);
                    Scales { shifts: load(shifts.cast()), multipliers: [low, high] }
                }
            }

            #[inline(always)]
            fn dot(sums: Pair, bytes: $Operand, weights: $Operand) -> Pair {
                // SAFETY: the instruction set is proved by the values, as above.
                unsafe { [$dot(sums[0], bytes[0], weights[0]), $dot(sums[1], bytes[1], weights[1])] }
            }

            #[inline(always)]
            fn dot_quad(sums: Pair, quad: Pair, weights: $Operand) -> Pair {
                // SAFETY: the instruction set is proved by the values, as above.
                #[allow(unused_unsafe, reason = "one of the two conversions is none")]
                let quad = unsafe { $unsigned(quad) };
                Self::dot(sums, quad, weights)
            }

            #[inline(always)]
            fn shifted(quad: Pair, next: Pair) -> Pair {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe { [joined(quad[0], next[0]), joined(quad[1], next[1])] }
            }

            #[inline(always)]
            fn rescale(scales: Scales, first: Pair, second: Pair) -> Pair {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe {
                    let Scales { shifts, multipliers } = scales;
                    [
                        rescaled(first[0], second[0], shifts[0], multipliers[0]),
                        rescaled(first[1], second[1], shifts[1], multipliers[1]),
                    ]
                }
            }

            #[inline(always)]
            unsafe fn load_half(from: *const u8) -> Pair {
                // SAFETY: by the contract.
                unsafe { load(from) }
            }

            #[inline(always)]
            unsafe fn splat_half(value: i16) -> Pair {
                // SAFETY: by the contract.
                unsafe { [_mm256_set1_epi16(value); 2] }
            }

            #[inline(always)]
            unsafe fn store_half(half: Pair, to: *mut u8) {
                // SAFETY: by the contract.
                unsafe { store(half, to) }
            }

            #[inline(always)]
            fn add(half: Pair, other: Pair) -> Pair {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe { [_mm256_adds_epi16(half[0], other[0]), _mm256_adds_epi16(half[1], other[1])] }
            }

            #[inline(always)]
            fn pixels(first: Pair, second: Pair) -> Pair {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe {
                    let packed = pack(first, second);
                    woven(packed[0], packed[1])
                }
            }

            #[inline(always)]
            fn transposed(first: Pair, second: Pair, keep: u8) -> Pair {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe {
                    let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(
                        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
                    ));
                    let byte = |pixel: u32| if keep >> pixel & 1 == 1 { 0xFFu32 << (8 * pixel) } else { 0 };
                    let mask = _mm256_set1_epi32((byte(0) | byte(1) | byte(2) | byte(3)).cast_signed());
                    let bytes = pack(first, second);
                    [
                        _mm256_and_si256(_mm256_shuffle_epi8(bytes[0], order), mask),
                        _mm256_and_si256(_mm256_shuffle_epi8(bytes[1], order), mask),
                    ]
                }
            }

            #[inline(always)]
            fn coarse(first: Pair, second: Pair) -> Pair {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe { Self::pixels(rounded(first), rounded(second)) }
            }

            #[inline(always)]
            fn fine(first: Pair, second: Pair) -> [Pair; 2] {
                // SAFETY: avx2 is proved by the values, as above.
                unsafe {
                    let (first, second) = (kept(first), kept(second));
                    let upper = pack(upper_bits(first), upper_bits(second));
                    let lower = pack(lower_bits(first), lower_bits(second));
                    [woven(upper[0], lower[0]), woven(upper[1], lower[1])]
                }
            }

            #[inline(always)]
            unsafe fn store(line: Pair, to: *mut u8) {
                // SAFETY: by the contract.
                unsafe { store(line, to) }
            }

            #[inline(always)]
            unsafe fn store_quarters(line: Pair, to: *mut u8, count: usize) {
                let mut bytes = [0u8; 64];
                // SAFETY: by the contract; a line has four quarters.
                unsafe {
                    store(line, bytes.as_mut_ptr());
                    to.copy_from_nonoverlapping(bytes.as_ptr(), count.min(4) * 16);
                }
            }

            #[inline(always)]
            unsafe fn store_real(sums: Pair, factors: *const f32, to: *mut f32) {
                for part in 0..2 {
                    // SAFETY: by the contract.
                    unsafe {
                        let factors = _mm256_loadu_ps(factors.add(part * 8));
                        let real = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[part]), factors);
                        let kept =
                            _mm256_min_ps(_mm256_max_ps(real, _mm256_setzero_ps()), _mm256_set1_ps(6.0));
                        _mm256_storeu_ps(to.add(part * 8), kept);
                    }
                }
            }
        }
    };
}

lanes!(Avx2, Widened, add_products, widened_unsigned, widened_signed);
lanes!(AvxVnni, Pair, _mm256_dpbusd_avx_epi32, same, same);
