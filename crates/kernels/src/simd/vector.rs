//! What a vector of f32 can do, whatever the instruction set.
//!
//! A kernel's body is generic over [`Vector`] and marked `inline(always)`; a shell in the kernel's file compiles it with
//! the features of one instruction set (see `isa.rs`), and only a row whose instruction set an
//! [`Isa`](crate::Isa) token proves is ever called.

/// `LANES` f32 values in registers. Making one asks for the instruction set; having one proves it, so what is done
/// with it is safe.
pub(crate) trait Vector: Copy {
    /// Values in one vector; divides 16.
    const LANES: usize;

    /// `value` in every lane.
    ///
    /// # Safety
    /// The processor runs the vector's instruction set.
    unsafe fn splat(value: f32) -> Self;

    /// The `LANES` values at `from`.
    ///
    /// # Safety
    /// `from` points to `LANES` readable f32, and the processor runs the vector's instruction set.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes the `LANES` values to `to`.
    ///
    /// # Safety
    /// `to` points to `LANES` writable f32, and the processor runs the vector's instruction set.
    unsafe fn store(self, to: *mut f32);

    /// `self * factor + addend`; rounded once if the instruction set has a fused form.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `self + other`.
    fn add(self, other: Self) -> Self;

    /// `self * other`.
    fn mul(self, other: Self) -> Self;

    /// `min(max(self, 0), 6)`, and 0 for what is below [`TINY`] or NaN.
    fn relu6(self) -> Self;

    /// `self`, and 0 for what is closer to zero than [`TINY`]. A NaN stays one.
    fn flush(self) -> Self;

    /// `self` where `output` lies strictly between 0 and 6, and 0 elsewhere, also where `output` is NaN: what ReLU6 hands
    /// back of the gradient of its output.
    fn masked(self, output: Self) -> Self;
}

/// The smallest magnitude of a packed weight, and of what a kernel writes, but for zero: 2^-80, some 8e-25.
///
/// A product or sum that is denormal takes an Intel core some 150 cycles: a net whose activations had shrunk to 1e-40
/// ran 60 to 90 times slower there, on every instruction set. The product of two such numbers is denormal only where
/// both are below 2^-46 (or one by as much as the other is above). Numbers so small are lost beside any other term of a
/// sum anyway. Two of them that nearly cancel leave a multiple of 2^-103, a normal f32, so a sum with a residual needs
/// no second look.
pub(crate) const TINY: f32 = f32::from_bits((127 - 80) << 23);

/// Asks for the cache line at `at` to be brought near, as far as the processor can; any address will do.
#[inline(always)]
pub(crate) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program could see, faults on no address, and every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
