//! Sixteen f32 in a 512-bit register.

use std::arch::x86_64::{
    __m512, _CMP_GE_OQ, _CMP_NLT_UQ, _mm512_abs_ps, _mm512_add_ps, _mm512_castps_si512, _mm512_cmp_ps_mask,
    _mm512_cmplt_epu32_mask, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_min_ps, _mm512_maskz_mov_ps,
    _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_storeu_ps, _mm512_sub_epi32,
};

use crate::simd::vector::{TINY, Vector};

#[derive(Clone, Copy)]
pub(crate) struct Avx512x16(__m512);

// SAFETY of the blocks below: `splat` and `load` ask their caller for the instruction set, and every other method has
// a vector that one of them made.
impl Vector for Avx512x16 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: avx512f is proved by the caller, who also promises 16 readable values.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: avx512f is proved by the caller, who also promises 16 writable values.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn relu6(self) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe {
            let keep = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, _mm512_set1_ps(TINY));
            _mm512_maskz_min_ps(keep, self.0, _mm512_set1_ps(6.0))
        })
    }

    #[inline(always)]
    fn flush(self) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe {
            let keep = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(_mm512_abs_ps(self.0), _mm512_set1_ps(TINY));
            _mm512_maskz_mov_ps(keep, self.0)
        })
    }

    #[inline(always)]
    fn masked(self, output: Self) -> Self {
        // SAFETY: avx512f is proved by the vector, as above.
        Self(unsafe {
            // The bits of the numbers between 0 and 6 lie between those of 0 and 6; as whole numbers without a sign all other
            // bits are larger, and so are those of 0 once 1 is taken away. One comparison instead of two.
            let less = _mm512_sub_epi32(_mm512_castps_si512(output.0), _mm512_set1_epi32(1));
            let inside = _mm512_cmplt_epu32_mask(less, _mm512_set1_epi32(6f32.to_bits() as i32 - 1));
            _mm512_maskz_mov_ps(inside, self.0)
        })
    }
}
