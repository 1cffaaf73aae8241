//! Global average pooling: the mean of each channel over all pixels.
//!
//! ```text
//! output[c] = (sum over p of input[p][c]) / P
//! ```
//!
//! A block of 16 channels is summed in one pass, pixels in order, so the sum is the same on every instruction set.

use crate::{
    Blocked, Isa, LINE,
    registry::{Kernel, row, rows, select},
    simd::{Portable8, Vector},
};
#[cfg(target_arch = "x86_64")]
use crate::{
    isa::{shell_avx2, shell_avx512},
    simd::{Avx2x8, Avx512x16},
};

type SumFn = unsafe fn(*const f32, usize, f32, *mut f32);

pub(crate) struct PoolRow {
    pub(crate) kernel: Kernel,
    mean: SumFn,
}

row!(PoolRow);

rows! { PoolRow;
    #[cfg(target_arch = "x86_64")]
    pool_f32_16c_avx512: Pool, Avx512, { mean: mean_avx512 };
    #[cfg(target_arch = "x86_64")]
    pool_f32_8c_avx2: Pool, Avx2, { mean: mean_avx2 };
    pool_f32_8c_portable: Pool, Portable, { mean: mean_portable };
}

/// The mean of each channel of one image.
///
/// # Shapes
/// `input` [C, H, W] without padding; `output` `[C]`.
///
/// # Panics
/// Where the shapes do not fit or the image has no pixel.
pub fn pool(isa: Isa, input: Blocked<'_>, output: &mut [f32]) {
    let layout = input.layout();
    assert!(
        layout.is_compact() && layout.is_whole() && layout.pixels() > 0,
        "pooling reads an image without padding"
    );
    assert_eq!(output.len(), layout.channels(), "pooled channels");
    let mean = select(ROWS, isa)[0].mean;
    for (block, channels) in input.data().chunks_exact(layout.block_len()).zip(output.chunks_mut(LINE)) {
        let mut means = [0.0; LINE];
        // SAFETY: a block holds 16 values a pixel, `means` sixteen; the row was selected by the token of an
        // instruction set that this processor runs.
        unsafe { mean(block.as_ptr(), layout.pixels(), layout.pixels() as f32, means.as_mut_ptr()) };
        channels.copy_from_slice(&means[..channels.len()]);
    }
}

/// # Safety
/// `input` holds `pixels` times 16 values, `output` 16; the processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector>(input: *const f32, pixels: usize, count: f32, output: *mut f32) {
    for lane in (0..LINE).step_by(V::LANES) {
        // SAFETY: by the contract.
        let mut sum = unsafe { V::splat(0.0) };
        for pixel in 0..pixels {
            // SAFETY: by the contract.
            sum = sum.add(unsafe { V::load(input.add(pixel * LINE + lane)) });
        }
        // SAFETY: by the contract.
        unsafe { sum.mul(V::splat(1.0 / count)).store(output.add(lane)) };
    }
}

#[cfg(target_arch = "x86_64")]
shell_avx512! {
    unsafe fn mean_avx512(input: *const f32, pixels: usize, count: f32, output: *mut f32) {
        // SAFETY: the shell has the features; the rest is the caller's promise.
        unsafe { body::<Avx512x16>(input, pixels, count, output) }
    }
}

#[cfg(target_arch = "x86_64")]
shell_avx2! {
    unsafe fn mean_avx2(input: *const f32, pixels: usize, count: f32, output: *mut f32) {
        // SAFETY: the shell has the features; the rest is the caller's promise.
        unsafe { body::<Avx2x8>(input, pixels, count, output) }
    }
}

unsafe fn mean_portable(input: *const f32, pixels: usize, count: f32, output: *mut f32) {
    // SAFETY: the portable vector needs no feature; the rest is the caller's promise.
    unsafe { body::<Portable8>(input, pixels, count, output) }
}
