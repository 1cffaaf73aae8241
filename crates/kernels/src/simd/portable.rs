//! Eight f32 by the `wide` crate: two SSE2 registers on plain x86-64, two NEON registers on Arm, arrays elsewhere.

use wide::f32x8;

use crate::simd::vector::{TINY, Vector};

#[derive(Clone, Copy)]
pub(crate) struct Portable8(f32x8);

impl Vector for Portable8 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(f32x8::splat(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises 8 readable values; an array of f32 needs only f32's alignment.
        Self(f32x8::new(unsafe { from.cast::<[f32; 8]>().read() }))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises 8 writable values; an array of f32 needs only f32's alignment.
        unsafe { to.cast::<[f32; 8]>().write(self.0.to_array()) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_add(factor.0, addend.0))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    #[inline(always)]
    fn relu6(self) -> Self {
        Self(self.0.fast_min(f32x8::splat(6.0)) & self.0.simd_ge(f32x8::splat(TINY)))
    }

    #[inline(always)]
    fn flush(self) -> Self {
        Self(self.0 & !self.0.abs().simd_lt(f32x8::splat(TINY)))
    }

    #[inline(always)]
    fn masked(self, output: Self) -> Self {
        Self(self.0 & output.0.simd_gt(f32x8::splat(0.0)) & output.0.simd_lt(f32x8::splat(6.0)))
    }
}
