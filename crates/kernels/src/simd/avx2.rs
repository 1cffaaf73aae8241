//! Eight f32 in a 256-bit register.

use std::arch::x86_64::{
    __m256, _CMP_GE_OQ, _CMP_GT_OQ, _CMP_LT_OQ, _CMP_NLT_UQ, _mm256_add_ps, _mm256_and_ps, _mm256_andnot_ps,
    _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_storeu_ps,
};

use crate::simd::vector::{TINY, Vector};

#[derive(Clone, Copy)]
pub(crate) struct Avx2x8(__m256);

// SAFETY of the blocks below: `splat` and `load` ask their caller for the instruction set, and every other method has
// a vector that one of them made.
impl Vector for Avx2x8 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: avx2 and fma are proved by the caller, who also promises 8 readable values.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: avx2 and fma are proved by the caller, who also promises 8 writable values.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn relu6(self) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe {
            let keep = _mm256_cmp_ps::<_CMP_GE_OQ>(self.0, _mm256_set1_ps(TINY));
            _mm256_and_ps(_mm256_min_ps(self.0, _mm256_set1_ps(6.0)), keep)
        })
    }

    #[inline(always)]
    fn flush(self) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe {
            let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0);
            _mm256_and_ps(self.0, _mm256_cmp_ps::<_CMP_NLT_UQ>(magnitude, _mm256_set1_ps(TINY)))
        })
    }

    #[inline(always)]
    fn masked(self, output: Self) -> Self {
        // SAFETY: avx2 and fma are proved by the vector, as above.
        Self(unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(output.0, _mm256_setzero_ps());
            let below = _mm256_cmp_ps::<_CMP_LT_OQ>(output.0, _mm256_set1_ps(6.0));
            _mm256_and_ps(self.0, _mm256_and_ps(above, below))
        })
    }
}
