//! Eight whole numbers side by side: the few operations that the inverse cosine transforms are written in. The accurate
//! one works with 32 bits, the fast one with 16, as libjpeg's vector code does for it; sums and products wrap.

/// Eight numbers of an instruction set.
///
/// # Safety of calling
/// Whoever makes values (`dequantize`) runs the instruction set; every other method has values that it made.
pub(super) trait Eight: Copy {
    /// Eight coefficients times their divisors, the product cut to its lower 16 bits.
    unsafe fn dequantize(coefficients: &[i16; 8], divisors: &[i16; 8]) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    /// `number / 2^BITS`, rounded down.
    fn down<const BITS: i32>(self) -> Self;
    /// Number `n` of row `m` becomes number `m` of row `n`.
    fn transposed(rows: [Self; 8]) -> [Self; 8];
    /// Number `n` of row `m`, plus 128 and cut off at 0 and 255, becomes byte `m` of row `n`.
    fn samples(rows: [Self; 8]) -> [[u8; 8]; 8];
}

/// Numbers of 32 bits.
pub(super) trait Wide: Eight {
    /// Each number times `factor`.
    fn times(self, factor: i32) -> Self;
    /// `number * 2^BITS`.
    fn up<const BITS: i32>(self) -> Self;
    /// Each number plus `value`.
    fn plus(self, value: i32) -> Self;
}

/// Numbers of 16 bits.
pub(super) trait Short: Eight {
    /// `4 * number`, cut to 16 bits, times `factor`: the upper 16 bits of the product.
    fn scaled(self, factor: i16) -> Self;
}

/// Every processor's, of 32 bits.
#[derive(Clone, Copy)]
pub(super) struct PortableWide([i32; 8]);

/// Every processor's, of 16 bits.
#[derive(Clone, Copy)]
pub(super) struct PortableShort([i16; 8]);

/// What does not depend on the width of the numbers.
macro_rules! portable {
    ($Name:ident of $number:ty) => {
        impl Eight for $Name {
            #[inline(always)]
            unsafe fn dequantize(coefficients: &[i16; 8], divisors: &[i16; 8]) -> Self {
                let mut out = [0; 8];
                for i in 0..8 {
                    out[i] = <$number>::from(coefficients[i].wrapping_mul(divisors[i]));
                }
                Self(out)
            }

            #[inline(always)]
            fn add(mut self, other: Self) -> Self {
                for i in 0..8 {
                    self.0[i] = self.0[i].wrapping_add(other.0[i]);
                }
                self
            }

            #[inline(always)]
            fn sub(mut self, other: Self) -> Self {
                for i in 0..8 {
                    self.0[i] = self.0[i].wrapping_sub(other.0[i]);
                }
                self
            }

            #[inline(always)]
            fn down<const BITS: i32>(mut self) -> Self {
                for i in 0..8 {
                    self.0[i] >>= BITS;
                }
                self
            }

            #[inline(always)]
            fn transposed(rows: [Self; 8]) -> [Self; 8] {
                let mut out = [Self([0; 8]); 8];
                for (m, row) in rows.iter().enumerate() {
                    for (n, &number) in row.0.iter().enumerate() {
                        out[n].0[m] = number;
                    }
                }
                out
            }

            #[inline(always)]
            fn samples(rows: [Self; 8]) -> [[u8; 8]; 8] {
                let mut out = [[0; 8]; 8];
                for (m, row) in rows.iter().enumerate() {
                    for (n, &number) in row.0.iter().enumerate() {
                        out[n][m] = (number.clamp(-128, 127) + 128) as u8;
                    }
                }
                out
            }
        }
    };
}

portable!(PortableWide of i32);
portable!(PortableShort of i16);

impl Wide for PortableWide {
    #[inline(always)]
    fn times(mut self, factor: i32) -> Self {
        for i in 0..8 {
            self.0[i] = self.0[i].wrapping_mul(factor);
        }
        self
    }

    #[inline(always)]
    fn up<const BITS: i32>(mut self) -> Self {
        for i in 0..8 {
            self.0[i] <<= BITS;
        }
        self
    }

    #[inline(always)]
    fn plus(mut self, value: i32) -> Self {
        for i in 0..8 {
            self.0[i] = self.0[i].wrapping_add(value);
        }
        self
    }
}

impl Short for PortableShort {
    #[inline(always)]
    fn scaled(mut self, factor: i16) -> Self {
        for i in 0..8 {
            self.0[i] = ((i32::from(self.0[i] << 2) * i32::from(factor)) >> 16) as i16;
        }
        self
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2Short, Avx2Wide};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Eight, Short, Wide};

    /// A vector of AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2Wide(__m256i);

    /// Half a vector of AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2Short(__m128i);

    /// Columns of two halves of a block become its rows: of each four numbers in `top` and `low`, bytes of eight rows.
    ///
    /// # Safety
    /// The processor runs AVX2.
    #[inline(always)]
    unsafe fn store_samples(ab: __m256i, cd: __m256i, ef: __m256i, gh: __m256i) -> [[u8; 8]; 8] {
        let mut out = [[0u8; 8]; 8];
        // SAFETY: by the contract; 64 bytes are written into 64.
        unsafe {
            let middle = _mm256_set1_epi8(-128);
            // Signed bytes first: adding 128 then wraps to unsigned ones.
            let abcd = _mm256_add_epi8(_mm256_packs_epi16(ab, cd), middle);
            let efgh = _mm256_add_epi8(_mm256_packs_epi16(ef, gh), middle);
            // Columns of four rows, then of eight.
            let order = _mm256_setr_epi8(
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14,
                3, 7, 11, 15,
            );
            let [top, low] = [_mm256_shuffle_epi8(abcd, order), _mm256_shuffle_epi8(efgh, order)];
            let [first, second] = [_mm256_unpacklo_epi32(top, low), _mm256_unpackhi_epi32(top, low)];
            let to = out.as_mut_ptr().cast::<__m256i>();
            _mm256_storeu_si256(to, _mm256_permute2x128_si256::<0x20>(first, second));
            _mm256_storeu_si256(to.add(1), _mm256_permute2x128_si256::<0x31>(first, second));
        }
        out
    }

    impl Eight for Avx2Wide {
        #[inline(always)]
        unsafe fn dequantize(coefficients: &[i16; 8], divisors: &[i16; 8]) -> Self {
            // SAFETY: the caller runs AVX2; both arrays have the 16 bytes that are read.
            unsafe {
                let coefficients = _mm_loadu_si128(coefficients.as_ptr().cast());
                let divisors = _mm_loadu_si128(divisors.as_ptr().cast());
                Self(_mm256_cvtepi16_epi32(_mm_mullo_epi16(coefficients, divisors)))
            }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm256_add_epi32(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm256_sub_epi32(self.0, other.0) })
        }

        #[inline(always)]
        fn down<const BITS: i32>(self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm256_srai_epi32::<BITS>(self.0) })
        }

        #[inline(always)]
        fn transposed(rows: [Self; 8]) -> [Self; 8] {
            let [a, b, c, d, e, f, g, h] = rows;
            // SAFETY: whoever made the values runs AVX2.
            unsafe {
                // Pairs, then fours in each half, then the halves.
                let [ab0, ab1] = [_mm256_unpacklo_epi32(a.0, b.0), _mm256_unpackhi_epi32(a.0, b.0)];
                let [cd0, cd1] = [_mm256_unpacklo_epi32(c.0, d.0), _mm256_unpackhi_epi32(c.0, d.0)];
                let [ef0, ef1] = [_mm256_unpacklo_epi32(e.0, f.0), _mm256_unpackhi_epi32(e.0, f.0)];
                let [gh0, gh1] = [_mm256_unpacklo_epi32(g.0, h.0), _mm256_unpackhi_epi32(g.0, h.0)];
                let [top0, top1] = [_mm256_unpacklo_epi64(ab0, cd0), _mm256_unpackhi_epi64(ab0, cd0)];
                let [top2, top3] = [_mm256_unpacklo_epi64(ab1, cd1), _mm256_unpackhi_epi64(ab1, cd1)];
                let [low0, low1] = [_mm256_unpacklo_epi64(ef0, gh0), _mm256_unpackhi_epi64(ef0, gh0)];
                let [low2, low3] = [_mm256_unpacklo_epi64(ef1, gh1), _mm256_unpackhi_epi64(ef1, gh1)];
                [
                    Self(_mm256_permute2x128_si256::<0x20>(top0, low0)),
                    Self(_mm256_permute2x128_si256::<0x20>(top1, low1)),
                    Self(_mm256_permute2x128_si256::<0x20>(top2, low2)),
                    Self(_mm256_permute2x128_si256::<0x20>(top3, low3)),
                    Self(_mm256_permute2x128_si256::<0x31>(top0, low0)),
                    Self(_mm256_permute2x128_si256::<0x31>(top1, low1)),
                    Self(_mm256_permute2x128_si256::<0x31>(top2, low2)),
                    Self(_mm256_permute2x128_si256::<0x31>(top3, low3)),
                ]
            }
        }

        #[inline(always)]
        fn samples(rows: [Self; 8]) -> [[u8; 8]; 8] {
            let [a, b, c, d, e, f, g, h] = rows;
            // SAFETY: whoever made the values runs AVX2.
            unsafe {
                // Each half has four columns: row a of them, then row b.
                store_samples(
                    _mm256_packs_epi32(a.0, b.0),
                    _mm256_packs_epi32(c.0, d.0),
                    _mm256_packs_epi32(e.0, f.0),
                    _mm256_packs_epi32(g.0, h.0),
                )
            }
        }
    }

    impl Wide for Avx2Wide {
        #[inline(always)]
        fn times(self, factor: i32) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm256_mullo_epi32(self.0, _mm256_set1_epi32(factor)) })
        }

        #[inline(always)]
        fn up<const BITS: i32>(self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm256_slli_epi32::<BITS>(self.0) })
        }

        #[inline(always)]
        fn plus(self, value: i32) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm256_add_epi32(self.0, _mm256_set1_epi32(value)) })
        }
    }

    impl Eight for Avx2Short {
        #[inline(always)]
        unsafe fn dequantize(coefficients: &[i16; 8], divisors: &[i16; 8]) -> Self {
            // SAFETY: the caller runs AVX2; both arrays have the 16 bytes that are read.
            unsafe {
                let coefficients = _mm_loadu_si128(coefficients.as_ptr().cast());
                Self(_mm_mullo_epi16(coefficients, _mm_loadu_si128(divisors.as_ptr().cast())))
            }
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm_add_epi16(self.0, other.0) })
        }

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm_sub_epi16(self.0, other.0) })
        }

        #[inline(always)]
        fn down<const BITS: i32>(self) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm_srai_epi16::<BITS>(self.0) })
        }

        #[inline(always)]
        fn transposed(rows: [Self; 8]) -> [Self; 8] {
            let [a, b, c, d, e, f, g, h] = rows;
            // SAFETY: whoever made the values runs AVX2.
            unsafe {
                // Pairs, then fours, then eights.
                let [ab0, ab1] = [_mm_unpacklo_epi16(a.0, b.0), _mm_unpackhi_epi16(a.0, b.0)];
                let [cd0, cd1] = [_mm_unpacklo_epi16(c.0, d.0), _mm_unpackhi_epi16(c.0, d.0)];
                let [ef0, ef1] = [_mm_unpacklo_epi16(e.0, f.0), _mm_unpackhi_epi16(e.0, f.0)];
                let [gh0, gh1] = [_mm_unpacklo_epi16(g.0, h.0), _mm_unpackhi_epi16(g.0, h.0)];
                let [top0, top1] = [_mm_unpacklo_epi32(ab0, cd0), _mm_unpackhi_epi32(ab0, cd0)];
                let [top2, top3] = [_mm_unpacklo_epi32(ab1, cd1), _mm_unpackhi_epi32(ab1, cd1)];
                let [low0, low1] = [_mm_unpacklo_epi32(ef0, gh0), _mm_unpackhi_epi32(ef0, gh0)];
                let [low2, low3] = [_mm_unpacklo_epi32(ef1, gh1), _mm_unpackhi_epi32(ef1, gh1)];
                [
                    Self(_mm_unpacklo_epi64(top0, low0)),
                    Self(_mm_unpackhi_epi64(top0, low0)),
                    Self(_mm_unpacklo_epi64(top1, low1)),
                    Self(_mm_unpackhi_epi64(top1, low1)),
                    Self(_mm_unpacklo_epi64(top2, low2)),
                    Self(_mm_unpackhi_epi64(top2, low2)),
                    Self(_mm_unpacklo_epi64(top3, low3)),
                    Self(_mm_unpackhi_epi64(top3, low3)),
                ]
            }
        }

        #[inline(always)]
        fn samples(rows: [Self; 8]) -> [[u8; 8]; 8] {
            let [a, b, c, d, e, f, g, h] = rows;
            // SAFETY: whoever made the values runs AVX2.
            unsafe {
                // Each half has four columns: row a of them, then row b.
                store_samples(
                    _mm256_setr_m128i(_mm_unpacklo_epi64(a.0, b.0), _mm_unpackhi_epi64(a.0, b.0)),
                    _mm256_setr_m128i(_mm_unpacklo_epi64(c.0, d.0), _mm_unpackhi_epi64(c.0, d.0)),
                    _mm256_setr_m128i(_mm_unpacklo_epi64(e.0, f.0), _mm_unpackhi_epi64(e.0, f.0)),
                    _mm256_setr_m128i(_mm_unpacklo_epi64(g.0, h.0), _mm_unpackhi_epi64(g.0, h.0)),
                )
            }
        }
    }

    impl Short for Avx2Short {
        #[inline(always)]
        fn scaled(self, factor: i16) -> Self {
            // SAFETY: whoever made the value runs AVX2.
            Self(unsafe { _mm_mulhi_epi16(_mm_slli_epi16::<2>(self.0), _mm_set1_epi16(factor)) })
        }
    }
}
