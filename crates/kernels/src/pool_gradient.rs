//! The gradient of global average pooling, through the ReLU6 before it.
//!
//! ```text
//! d_features[p][c] = d_pooled[c] / P    where 0 < features[p][c] < 6, else 0
//! ```

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    blocked::Blocked,
    isa::{Isa, shells},
    line::BLOCK,
    row::{Kernel, pick, row, rows},
    simd::{Portable8, Vector},
};

/// The gradient of one channel's mean, features, pixels, 1 / pixels, the gradient of the features.
type SpreadFn = unsafe fn(*const f32, *const f32, usize, f32, *mut f32);

pub(crate) struct PoolGradientRow {
    pub(crate) kernel: Kernel,
    spread: SpreadFn,
}

row!(PoolGradientRow);

rows! { PoolGradientRow;
    #[cfg(target_arch = "x86_64")]
    poolgradient_f32_16c_avx512: PoolGradient, Avx512, { spread: spread_avx512 };
    #[cfg(target_arch = "x86_64")]
    poolgradient_f32_8c_avx2: PoolGradient, Avx2, { spread: spread_avx2 };
    poolgradient_f32_8c_portable: PoolGradient, Portable, { spread: spread_portable };
}

/// Writes the gradient of the features to `d_features`: that of their mean, divided by the number of pixels, where a feature
/// lies strictly between 0 and 6, and 0 elsewhere.
///
/// # Shapes
/// `d_pooled` `[C]`; `features` [C, H, W] without padding, what left the ReLU6; it may be a band. `d_features` has its
/// layout; what lies between a band's blocks is not written.
///
/// # Panics
/// If the shapes do not fit or the image has no pixel.
pub fn pool_gradient(isa: Isa, d_pooled: &[f32], features: Blocked<'_>, d_features: &mut [f32]) {
    let layout = features.layout();
    assert!(layout.is_compact() && layout.pixels() > 0, "pooling reads an image without padding");
    assert_eq!(d_pooled.len(), layout.channels(), "gradients of pooled channels");
    assert_eq!(d_features.len(), layout.len(), "gradients of features");
    let (spread, len) = (pick(ROWS, isa).spread, layout.pixels() * BLOCK);
    for (block, channels) in d_pooled.chunks(BLOCK).enumerate() {
        let mut gradients = [0.0; BLOCK];
        gradients[..channels.len()].copy_from_slice(channels);
        let at = block * layout.block_len();
        let (from, to) = (&features.data()[at..][..len], &mut d_features[at..][..len]);
        let share = 1.0 / layout.pixels() as f32;
        // SAFETY: both blocks hold 16 values a pixel, `gradients` sixteen; the row was selected by the token of an
        // instruction set that this processor runs.
        unsafe { spread(gradients.as_ptr(), from.as_ptr(), layout.pixels(), share, to.as_mut_ptr()) };
    }
}

/// # Safety
/// `gradients` holds 16 values, `features` and `output` `pixels` times 16; the processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector>(
    gradients: *const f32,
    features: *const f32,
    pixels: usize,
    share: f32,
    output: *mut f32,
) {
    for lane in (0..BLOCK).step_by(V::LANES) {
        // SAFETY: by the contract.
        let gradient = unsafe { V::load(gradients.add(lane)).mul(V::splat(share)).flush() };
        for at in (0..pixels).map(|pixel| pixel * BLOCK + lane) {
            // SAFETY: by the contract.
            unsafe { gradient.masked(V::load(features.add(at))).store(output.add(at)) };
        }
    }
}

shells! { [](gradients: *const f32, features: *const f32, pixels: usize, share: f32, output: *mut f32);
    avx512 spread_avx512 = body::<Avx512x16>;
    avx2 spread_avx2 = body::<Avx2x8>;
    portable spread_portable = body::<Portable8>;
}
