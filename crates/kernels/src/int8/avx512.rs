//! Sixteen channels in a 512-bit register, with products of four bytes at once.

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// AVX-512 with VNNI.
pub(crate) struct Avx512Vnni;

/// The same with VBMI2, which shifts two registers as one.
pub(crate) struct Avx512Vbmi2;

/// Shifts for each channel; multipliers of four channels twice, as they lie in a half.
#[derive(Clone, Copy)]
pub(crate) struct Scales {
    shifts: __m512i,
    multipliers: __m512i,
}

// SAFETY of the blocks below: the instruction set is promised by whoever makes a value, and proved by every value; memory is
// the caller's promise.
macro_rules! lanes {
    ($Type:ident, |$quad:ident, $next:ident| $shifted:expr) => {
        impl Lanes for $Type {
            type Sums = __m512i;
            type Weights = __m512i;
            type Pixel = __m512i;
            type Quad = __m512i;
            type Scales = Scales;
            type Half = __m512i;
            type Line = __m512i;

            #[inline(always)]
            unsafe fn bias(from: *const i32) -> __m512i {
                // SAFETY: by the contract.
                unsafe { _mm512_loadu_si512(from.cast()) }
            }

            #[inline(always)]
            unsafe fn weights(from: *const i8) -> __m512i {
                // SAFETY: by the contract.
                unsafe { _mm512_loadu_si512(from.cast()) }
            }

            #[inline(always)]
            unsafe fn broadcast(from: *const u8) -> __m512i {
                // SAFETY: by the contract.
                unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
            }

            #[inline(always)]
            unsafe fn quad(from: *const u8) -> __m512i {
                // SAFETY: by the contract.
                unsafe { _mm512_loadu_si512(from.cast()) }
            }

            #[inline(always)]
            unsafe fn scales(shifts: *const i32, multipliers: *const i16) -> Scales {
                // SAFETY: by the contract.
                unsafe {
                    let sixteen = _mm512_castsi256_si512(_mm256_loadu_si256(multipliers.cast()));
                    let twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), sixteen);
                    Scales { shifts: _mm512_loadu_si512(shifts.cast()), multipliers: twice }
                }
            }

            #[inline(always)]
            fn dot(sums: __m512i, pixel: __m512i, weights: __m512i) -> __m512i {
                // SAFETY: avx512vnni is proved by the values, as above.
                unsafe { _mm512_dpbusd_epi32(sums, pixel, weights) }
            }

            #[inline(always)]
            fn dot_quad(sums: __m512i, quad: __m512i, weights: __m512i) -> __m512i {
                // SAFETY: avx512vnni is proved by the values, as above.
                unsafe { _mm512_dpbusd_epi32(sums, quad, weights) }
            }

            #[inline(always)]
            fn shifted($quad: __m512i, $next: __m512i) -> __m512i {
                // SAFETY: the instruction set is proved by the values, as above.
                unsafe { $shifted }
            }

            #[inline(always)]
            fn rescale(scales: Scales, first: __m512i, second: __m512i) -> __m512i {
                // SAFETY: avx512bw is proved by the values, as above.
                unsafe {
                    let first = _mm512_srav_epi32(first, scales.shifts);
                    let second = _mm512_srav_epi32(second, scales.shifts);
                    _mm512_mulhrs_epi16(_mm512_packs_epi32(first, second), scales.multipliers)
                }
            }

            #[inline(always)]
            unsafe fn load_half(from: *const u8) -> __m512i {
                // SAFETY: by the contract.
                unsafe { _mm512_loadu_si512(from.cast()) }
            }

            #[inline(always)]
            unsafe fn splat_half(value: i16) -> __m512i {
                // SAFETY: by the contract.
                unsafe { _mm512_set1_epi16(value) }
            }

            #[inline(always)]
            unsafe fn store_half(half: __m512i, to: *mut u8) {
                // SAFETY: by the contract.
                unsafe { _mm512_storeu_si512(to.cast(), half) }
            }

            #[inline(always)]
            fn add(half: __m512i, other: __m512i) -> __m512i {
                // SAFETY: avx512bw is proved by the values, as above.
                unsafe { _mm512_adds_epi16(half, other) }
            }

            #[inline(always)]
            fn pixels(first: __m512i, second: __m512i) -> __m512i {
                // SAFETY: avx512bw is proved by the values, as above.
                unsafe { _mm512_permutexvar_epi32(pixel_order(), _mm512_packus_epi16(first, second)) }
            }

            #[inline(always)]
            fn transposed(first: __m512i, second: __m512i, keep: u8) -> __m512i {
                // SAFETY: avx512bw is proved by the values, as above.
                unsafe {
                    let order = _mm512_broadcast_i32x4(_mm_setr_epi8(
                        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
                    ));
                    let quad = _mm512_shuffle_epi8(_mm512_packus_epi16(first, second), order);
                    if keep == 0b1111 {
                        return quad;
                    }
                    let byte = |pixel: u32| if keep >> pixel & 1 == 1 { 0xFFu32 << (8 * pixel) } else { 0 };
                    let mask = byte(0) | byte(1) | byte(2) | byte(3);
                    _mm512_and_si512(quad, _mm512_set1_epi32(mask.cast_signed()))
                }
            }

            #[inline(always)]
            fn coarse(first: __m512i, second: __m512i) -> __m512i {
                // SAFETY: avx512bw is proved by the values, as above.
                unsafe {
                    let half = _mm512_set1_epi16(4);
                    let first = _mm512_srai_epi16::<3>(_mm512_adds_epi16(first, half));
                    let second = _mm512_srai_epi16::<3>(_mm512_adds_epi16(second, half));
                    _mm512_permutexvar_epi32(pixel_order(), _mm512_packus_epi16(first, second))
                }
            }

            #[inline(always)]
            fn fine(first: __m512i, second: __m512i) -> [__m512i; 2] {
                // SAFETY: avx512bw is proved by the values, as above.
                unsafe {
                    let (most, zero, seven) =
                        (_mm512_set1_epi16(2047), _mm512_setzero_si512(), _mm512_set1_epi16(7));
                    let first = _mm512_max_epi16(_mm512_min_epi16(first, most), zero);
                    let second = _mm512_max_epi16(_mm512_min_epi16(second, most), zero);
                    let upper =
                        _mm512_packus_epi16(_mm512_srli_epi16::<3>(first), _mm512_srli_epi16::<3>(second));
                    let lower =
                        _mm512_packus_epi16(_mm512_and_si512(first, seven), _mm512_and_si512(second, seven));
                    // Of pixel p, channels 4 l and on are the double word 4 l + p.
                    let eight = |l: i32| {
                        let of = |p: i32| (4 * l + p, 4 * l + 4 + p, 16 + 4 * l + p, 16 + 4 * l + 4 + p);
                        let (a, b, c, d) = (of(0), of(1), of(2), of(3));
                        _mm512_setr_epi32(
                            a.0, a.1, a.2, a.3, b.0, b.1, b.2, b.3, c.0, c.1, c.2, c.3, d.0, d.1, d.2, d.3,
                        )
                    };
                    [
                        _mm512_permutex2var_epi32(upper, eight(0), lower),
                        _mm512_permutex2var_epi32(upper, eight(2), lower),
                    ]
                }
            }

            #[inline(always)]
            unsafe fn store(line: __m512i, to: *mut u8) {
                // SAFETY: by the contract.
                unsafe { _mm512_storeu_si512(to.cast(), line) }
            }

            #[inline(always)]
            unsafe fn store_quarters(line: __m512i, to: *mut u8, count: usize) {
                let mask = if count >= 4 { u16::MAX } else { (1 << (4 * count)) - 1 };
                // SAFETY: by the contract; double words outside the mask are not touched.
                unsafe { _mm512_mask_storeu_epi32(to.cast(), mask, line) }
            }

            #[inline(always)]
            unsafe fn store_apart(line: __m512i, to: *mut u8, apart: usize, count: usize) {
                // SAFETY: by the contract.
                unsafe {
                    let quarters = [
                        _mm512_castsi512_si128(line),
                        _mm512_extracti32x4_epi32::<1>(line),
                        _mm512_extracti32x4_epi32::<2>(line),
                        _mm512_extracti32x4_epi32::<3>(line),
                    ];
                    if count >= 4 {
                        // Written out: the usual case has no other branch.
                        _mm_storeu_si128(to.cast(), quarters[0]);
                        _mm_storeu_si128(to.add(apart).cast(), quarters[1]);
                        _mm_storeu_si128(to.add(2 * apart).cast(), quarters[2]);
                        _mm_storeu_si128(to.add(3 * apart).cast(), quarters[3]);
                        return;
                    }
                    for (quarter, bytes) in quarters.into_iter().enumerate().take(count) {
                        _mm_storeu_si128(to.add(quarter * apart).cast(), bytes);
                    }
                }
            }

            #[inline(always)]
            unsafe fn store_real(sums: __m512i, factors: *const f32, to: *mut f32) {
                // SAFETY: by the contract.
                unsafe {
                    let real = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(factors));
                    let kept = _mm512_min_ps(_mm512_max_ps(real, _mm512_setzero_ps()), _mm512_set1_ps(6.0));
                    _mm512_storeu_ps(to, kept);
                }
            }
        }
    };
}

/// The order of double words that makes pixels of what a pack gives: of four channels all pixels, then the next four's.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn pixel_order() -> __m512i {
    // SAFETY: by the contract.
    unsafe { _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15) }
}

lanes!(Avx512Vnni, |quad, next| {
    let next = _mm512_slli_epi32::<16>(next);
    _mm512_mask_blend_epi16(0xAAAA_AAAA, _mm512_srli_epi32::<16>(quad), next)
});
lanes!(Avx512Vbmi2, |quad, next| _mm512_shrdi_epi32::<16>(quad, next));

/// Eight channels in a 256-bit register, for what is left over of sixteen: half the work where a product of 512 bits takes
/// two of 256. What becomes of the sums is done with sixteen, of which the others are never read.
pub(crate) struct Avx512VnniHalf;

/// Sixteen sums whose upper eight are 0.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn widened(sums: __m256i) -> __m512i {
    // SAFETY: by the contract.
    unsafe { _mm512_zextsi256_si512(sums) }
}

// SAFETY of the blocks below: as above.
impl Lanes for Avx512VnniHalf {
    type Sums = __m256i;
    type Weights = __m256i;
    type Pixel = __m256i;
    type Quad = __m256i;
    type Scales = Scales;
    type Half = __m512i;
    type Line = __m512i;

    #[inline(always)]
    unsafe fn bias(from: *const i32) -> __m256i {
        // SAFETY: by the contract.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn weights(from: *const i8) -> __m256i {
        // SAFETY: by the contract.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> __m256i {
        // SAFETY: by the contract.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn quad(from: *const u8) -> __m256i {
        // SAFETY: by the contract.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn scales(shifts: *const i32, multipliers: *const i16) -> Scales {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::scales(shifts, multipliers) }
    }

    #[inline(always)]
    fn dot(sums: __m256i, pixel: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: avx512vnni is proved by the values, as above.
        unsafe { _mm256_dpbusd_epi32(sums, pixel, weights) }
    }

    #[inline(always)]
    fn dot_quad(sums: __m256i, quad: __m256i, weights: __m256i) -> __m256i {
        Self::dot(sums, quad, weights)
    }

    #[inline(always)]
    fn shifted(quad: __m256i, next: __m256i) -> __m256i {
        // SAFETY: avx512bw is proved by the values, as above.
        unsafe {
            let next = _mm256_slli_epi32::<16>(next);
            _mm256_blend_epi16::<0b1010_1010>(_mm256_srli_epi32::<16>(quad), next)
        }
    }

    #[inline(always)]
    fn rescale(scales: Scales, first: __m256i, second: __m256i) -> __m512i {
        // SAFETY: avx512 is proved by the values, as above.
        Avx512Vnni::rescale(scales, unsafe { widened(first) }, unsafe { widened(second) })
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u8) -> __m512i {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::load_half(from) }
    }

    #[inline(always)]
    unsafe fn splat_half(value: i16) -> __m512i {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::splat_half(value) }
    }

    #[inline(always)]
    unsafe fn store_half(half: __m512i, to: *mut u8) {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::store_half(half, to) }
    }

    #[inline(always)]
    fn add(half: __m512i, other: __m512i) -> __m512i {
        Avx512Vnni::add(half, other)
    }

    #[inline(always)]
    fn pixels(first: __m512i, second: __m512i) -> __m512i {
        Avx512Vnni::pixels(first, second)
    }

    #[inline(always)]
    fn transposed(first: __m512i, second: __m512i, keep: u8) -> __m512i {
        Avx512Vnni::transposed(first, second, keep)
    }

    #[inline(always)]
    fn coarse(first: __m512i, second: __m512i) -> __m512i {
        Avx512Vnni::coarse(first, second)
    }

    #[inline(always)]
    fn fine(first: __m512i, second: __m512i) -> [__m512i; 2] {
        Avx512Vnni::fine(first, second)
    }

    #[inline(always)]
    unsafe fn store(line: __m512i, to: *mut u8) {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::store(line, to) }
    }

    #[inline(always)]
    unsafe fn store_quarters(line: __m512i, to: *mut u8, count: usize) {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::store_quarters(line, to, count) }
    }

    #[inline(always)]
    unsafe fn store_real(sums: __m256i, factors: *const f32, to: *mut f32) {
        // SAFETY: by the contract.
        unsafe { Avx512Vnni::store_real(widened(sums), factors, to) }
    }
}
