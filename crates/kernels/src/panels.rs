//! Packed weights: panels of 16 output channels, `[N/16][K][16]`, with the bias beside them.
//!
//! One format serves every instruction set and tile: an AVX-512 kernel of two vectors walks two panels, an AVX2
//! kernel sees two vectors in one panel. The inner loop reads them front to back. Lanes above N are zero, and so is
//! every value closer to zero than [`TINY`].

use crate::{Buffer, LINE, simd::TINY};

/// The version of what packed weights hold, and in which order. Files of packed weights state it; it changes too where
/// folding BatchNorm would give other bits.
pub const PACK_VERSION: u32 = 2;

/// Weights of a product with K inputs and N outputs.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    pub(crate) k: usize,
    pub(crate) n: usize,
    weights: Buffer,
    bias: Buffer,
}

impl Panels {
    /// Packs row-major weights [K, N] and a bias [N].
    ///
    /// # Panics
    /// Where the lengths do not fit.
    pub(crate) fn pack(weights: &[f32], bias: &[f32], k: usize, n: usize) -> Self {
        assert_eq!(k.checked_mul(n), Some(weights.len()), "weights of {k} inputs and {n} outputs");
        assert_eq!(bias.len(), n, "a bias for {n} outputs");
        let panels = n.div_ceil(LINE);
        let mut packed = Buffer::zeros(panels * k * LINE);
        for (panel, values) in packed.chunks_exact_mut((k * LINE).max(1)).enumerate() {
            let first = panel * LINE;
            let lanes = LINE.min(n - first);
            for (row, lane) in values.chunks_exact_mut(LINE).enumerate() {
                let from = &weights[row * n + first..][..lanes];
                for (to, &value) in lane.iter_mut().zip(from) {
                    *to = flush(value);
                }
            }
        }
        let mut padded = Buffer::zeros(panels * LINE);
        for (to, &value) in padded.iter_mut().zip(bias) {
            *to = flush(value);
        }
        Self { k, n, weights: packed, bias: padded }
    }

    /// What [`Panels::values`] gave, taken up again: `take` gives the next buffer, of as many values as it is asked for.
    /// None where it does.
    pub(crate) fn unpack(k: usize, n: usize, take: &mut dyn FnMut(usize) -> Option<Buffer>) -> Option<Self> {
        let panels = n.div_ceil(LINE);
        let weights = take(panels.checked_mul(k)?.checked_mul(LINE)?)?;
        let bias = take(panels * LINE)?;
        let fits = weights.len() == panels * k * LINE && bias.len() == panels * LINE;
        fits.then_some(Self { k, n, weights, bias })
    }

    /// All that is packed, in the order of memory.
    pub(crate) fn values(&self) -> [&[f32]; 2] {
        [&self.weights, &self.bias]
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(LINE)
    }

    /// Values in one panel.
    pub(crate) fn panel_len(&self) -> usize {
        self.k * LINE
    }

    pub(crate) fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias
    }
}

/// `value`, or zero where it is closer to that than [`TINY`].
pub(crate) fn flush(value: f32) -> f32 {
    if value.abs() < TINY { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_in_panels_of_sixteen_and_flushes_what_is_tiny() {
        let (k, n) = (3, 20);
        let mut weights: Vec<f32> = (0..k * n).map(|v| v as f32 + 1.0).collect();
        weights[0] = -1e-25;
        let panels = Panels::pack(&weights, &vec![0.5; n], k, n);
        assert_eq!((panels.count(), panels.panel_len()), (2, 48));
        assert_eq!(panels.weights()[0], 0.0);
        assert_eq!(panels.weights()[LINE + 2], weights[n + 2]);
        assert_eq!(panels.weights()[48 + 3], weights[19]);
        assert_eq!(panels.weights()[48 + 4], 0.0);
        assert_eq!(panels.bias()[19], 0.5);
        assert_eq!(panels.bias()[20], 0.0);
    }
}
