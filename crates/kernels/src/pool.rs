//! Global average pooling: the mean of each channel over all pixels.
//!
//! ```text
//! output[c] = (sum over p of input[p][c]) / P
//! ```
//!
//! A block of 16 channels is summed in one pass, pixels in order, so the sum is the same on every instruction set.

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    blocked::Blocked,
    isa::{Isa, shells},
    line::BLOCK,
    row::{Kernel, pick, row, rows},
    simd::{Portable8, Vector},
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

/// Computes the mean of each channel of one image.
///
/// # Shapes
/// `input` [C, H, W] without padding; `output` `[C]`.
///
/// # Panics
/// If the shapes do not fit or the image has no pixel.
pub fn pool(isa: Isa, input: Blocked<'_>, output: &mut [f32]) {
    let layout = input.layout();
    assert!(
        layout.is_compact() && layout.is_whole() && layout.pixels() > 0,
        "pooling reads an image without padding"
    );
    assert_eq!(output.len(), layout.channels(), "pooled channels");
    let mean = pick(ROWS, isa).mean;
    for (block, channels) in input.data().chunks_exact(layout.block_len()).zip(output.chunks_mut(BLOCK)) {
        let mut means = [0.0; BLOCK];
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
    for lane in (0..BLOCK).step_by(V::LANES) {
        // SAFETY: by the contract.
        let mut sum = unsafe { V::splat(0.0) };
        for pixel in 0..pixels {
            // SAFETY: by the contract.
            sum = sum.add(unsafe { V::load(input.add(pixel * BLOCK + lane)) });
        }
        // SAFETY: by the contract.
        unsafe { sum.mul(V::splat(1.0 / count)).store(output.add(lane)) };
    }
}

shells! { [](input: *const f32, pixels: usize, count: f32, output: *mut f32);
    avx512 mean_avx512 = body::<Avx512x16>;
    avx2 mean_avx2 = body::<Avx2x8>;
    portable mean_portable = body::<Portable8>;
}
