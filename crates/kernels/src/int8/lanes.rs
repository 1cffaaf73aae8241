//! The few operations that the int8 kernels are written in, once for each instruction set: sixteen output channels at a time.

use crate::line::LINE_BYTES;

/// Sixteen channels of an instruction set.
///
/// # Safety of calling
/// Whoever makes a value (`bias`, `weights`, `broadcast`, `quad`, `scales`, `load_half`, `zero_half`) runs the instruction
/// set and gives a pointer to as many values as are named; every other method has a value that one of these made.
pub(crate) trait Lanes {
    /// Sums of sixteen channels, 32 bits each.
    type Sums: Copy;
    /// Weights of sixteen channels, four each.
    type Weights: Copy;
    /// Four bytes of a pixel, for all channels the same.
    type Pixel: Copy;
    /// Four bytes of each of sixteen channels: four pixels side by side.
    type Quad: Copy;
    /// How sums of sixteen channels become values.
    type Scales: Copy;
    /// Values of two pixels by sixteen channels, 16 bits each: of every four channels those of the first pixel, then those
    /// of the second.
    type Half: Copy;
    /// 64 bytes.
    type Line: Copy;

    /// Sixteen starts of sums.
    unsafe fn bias(from: *const i32) -> Self::Sums;
    /// Sixteen times four weights.
    unsafe fn weights(from: *const i8) -> Self::Weights;
    /// Four bytes.
    unsafe fn broadcast(from: *const u8) -> Self::Pixel;
    /// Sixteen times four bytes.
    unsafe fn quad(from: *const u8) -> Self::Quad;
    /// Sixteen shifts and sixteen multipliers.
    unsafe fn scales(shifts: *const i32, multipliers: *const i16) -> Self::Scales;

    /// `sums[c] + pixel[0] * weights[c][0] + … + pixel[3] * weights[c][3]`.
    fn dot(sums: Self::Sums, pixel: Self::Pixel, weights: Self::Weights) -> Self::Sums;
    /// `sums[c] + quad[c][0] * weights[c][0] + … + quad[c][3] * weights[c][3]`.
    fn dot_quad(sums: Self::Sums, quad: Self::Quad, weights: Self::Weights) -> Self::Sums;
    /// The four pixels from the third of `quad` on; the last two are the first of `next`.
    fn shifted(quad: Self::Quad, next: Self::Quad) -> Self::Quad;

    /// Rescales the sums of two pixels.
    fn rescale(scales: Self::Scales, first: Self::Sums, second: Self::Sums) -> Self::Half;
    /// Reads 64 bytes that [`Lanes::store_half`] wrote.
    unsafe fn load_half(from: *const u8) -> Self::Half;
    /// The same value everywhere.
    unsafe fn splat_half(value: i16) -> Self::Half;
    /// Writes 64 bytes.
    unsafe fn store_half(half: Self::Half, to: *mut u8);
    /// The sum, kept in the range of 16 bits.
    fn add(half: Self::Half, other: Self::Half) -> Self::Half;

    /// Four pixels of bytes, cut off at 0 and 255: the sixteen channels of a pixel, then the next pixel's.
    fn pixels(first: Self::Half, second: Self::Half) -> Self::Line;
    /// Four pixels of bytes, cut off at 0 and 255: the four pixels of a channel, then the next channel's. Pixels that
    /// `keep` has no bit for are 0.
    fn transposed(first: Self::Half, second: Self::Half, keep: u8) -> Self::Line;
    /// Eighths rounded to bytes, as [`Lanes::pixels`].
    fn coarse(first: Self::Half, second: Self::Half) -> Self::Line;
    /// Eighths with all of their bits: of each of four pixels the upper bits of eight channels, then the lower bits of the
    /// same; the first line has the first eight channels, the second the others.
    fn fine(first: Self::Half, second: Self::Half) -> [Self::Line; 2];

    /// Writes 64 bytes.
    unsafe fn store(line: Self::Line, to: *mut u8);
    /// Writes the first `count` quarters of 64 bytes.
    unsafe fn store_quarters(line: Self::Line, to: *mut u8, count: usize);
    /// Writes the first `count` quarters of 64 bytes, `apart` bytes from one to the next.
    #[inline(always)]
    unsafe fn store_apart(line: Self::Line, to: *mut u8, apart: usize, count: usize) {
        let mut bytes = [0u8; LINE_BYTES];
        // SAFETY: by the contract; a line has four quarters.
        unsafe {
            Self::store(line, bytes.as_mut_ptr());
            for (quarter, bytes) in bytes.chunks_exact(LINE_BYTES / 4).enumerate().take(count) {
                to.add(quarter * apart).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            }
        }
    }
    /// Writes sixteen reals: each sum times its factor, kept in 0 to 6.
    unsafe fn store_real(sums: Self::Sums, factors: *const f32, to: *mut f32);
}
