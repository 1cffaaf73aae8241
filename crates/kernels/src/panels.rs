//! Packed weights: panels of 16 output channels, `[N/16][K][16]`, with the bias beside them.
//!
//! One format serves every instruction set and tile: an AVX-512 kernel of two vectors walks two panels, an AVX2
//! kernel sees two vectors in one panel. The inner loop reads them front to back. Lanes above N are zero, and so is
//! every real value closer to zero than 2^-80 ([`Element::flush`]).

use crate::{buffer::Buffer, element::Element, line::BLOCK};

/// The version of what packed weights hold, and in which order. Files of packed weights state it. It also changes when
/// folding BatchNorm would give other bits.
pub const PACK_VERSION: u32 = 2;

/// Weights of a product with K inputs and N outputs. The bias is f32 whatever the weights are: it is added to sums.
#[derive(Clone, Debug)]
pub(crate) struct Panels<T: Element = f32> {
    pub(crate) k: usize,
    pub(crate) n: usize,
    weights: Buffer<T>,
    bias: Buffer,
}

impl<T: Element> Panels<T> {
    /// Packs row-major weights [K, N] and a bias [N].
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub(crate) fn pack(weights: &[T], bias: &[f32], k: usize, n: usize) -> Self {
        assert_eq!(k.checked_mul(n), Some(weights.len()), "weights of {k} inputs and {n} outputs");
        assert_eq!(bias.len(), n, "a bias for {n} outputs");
        let panels = n.div_ceil(BLOCK);
        let mut packed: Buffer<T> = Buffer::zeros(panels * k * BLOCK);
        for (panel, values) in packed.chunks_exact_mut((k * BLOCK).max(1)).enumerate() {
            let first = panel * BLOCK;
            let lanes = BLOCK.min(n - first);
            for (row, lane) in values.chunks_exact_mut(BLOCK).enumerate() {
                let from = &weights[row * n + first..][..lanes];
                for (to, &value) in lane.iter_mut().zip(from) {
                    *to = value.flush();
                }
            }
        }
        let mut padded: Buffer = Buffer::zeros(panels * BLOCK);
        for (to, &value) in padded.iter_mut().zip(bias) {
            *to = value.flush();
        }
        Self { k, n, weights: packed, bias: padded }
    }

    /// How many panels there are.
    pub(crate) fn count(&self) -> usize {
        self.n.div_ceil(BLOCK)
    }

    /// Values in one panel.
    pub(crate) fn panel_len(&self) -> usize {
        self.k * BLOCK
    }

    pub(crate) fn weights(&self) -> &[T] {
        &self.weights
    }

    pub(crate) fn bias(&self) -> &[f32] {
        &self.bias
    }
}

impl Panels {
    /// Panels of buffers that hold what [`Panels::values`] gave: `take` gives the next buffer, of as many values as it is
    /// asked for. Returns `None` as soon as `take` does, or if a buffer has another length.
    pub(crate) fn unpack(k: usize, n: usize, take: &mut dyn FnMut(usize) -> Option<Buffer>) -> Option<Self> {
        let panels = n.div_ceil(BLOCK);
        let weights = take(panels.checked_mul(k)?.checked_mul(BLOCK)?)?;
        let bias = take(panels * BLOCK)?;
        let fits = weights.len() == panels * k * BLOCK && bias.len() == panels * BLOCK;
        fits.then_some(Self { k, n, weights, bias })
    }

    /// The packed weights and the packed bias, in the order of memory.
    pub(crate) fn values(&self) -> [&[f32]; 2] {
        [&self.weights, &self.bias]
    }

    /// Panels of zeros.
    ///
    /// # Panics
    /// If they would not fit the address space.
    pub(crate) fn zeros(k: usize, n: usize) -> Self {
        let len = n.checked_next_multiple_of(BLOCK).and_then(|lanes| lanes.checked_mul(k));
        let Some(len) = len else {
            panic!("weights of {k} inputs and {n} outputs are larger than the address space")
        };
        Self { k, n, weights: Buffer::zeros(len), bias: Buffer::zeros(n.div_ceil(BLOCK) * BLOCK) }
    }

    /// The packed weights and the packed bias for writing, in the order of memory.
    pub(crate) fn values_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.weights, &mut self.bias]
    }

    /// Writes the transpose of the weights to `to`, squares of sixteen at a time. Lanes of `to` above K stay as they are.
    ///
    /// # Panics
    /// If `to` has other sizes than the transpose.
    pub(crate) fn transpose_into(&self, to: &mut Self) {
        let (k, n) = (self.k, self.n);
        assert_eq!((to.k, to.n), (n, k), "inputs and outputs of the transpose of {k} inputs and {n} outputs");
        for (panel, rows) in self.weights.chunks_exact((k * BLOCK).max(1)).enumerate() {
            let lanes = BLOCK.min(n - panel * BLOCK);
            for (block, square) in rows.chunks(BLOCK * BLOCK).enumerate() {
                let written = &mut to.weights[(block * n + panel * BLOCK) * BLOCK..][..lanes * BLOCK];
                for (lane, row) in written.chunks_exact_mut(BLOCK).enumerate() {
                    for (value, from) in row.iter_mut().zip(square.chunks_exact(BLOCK)) {
                        *value = from[lane];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Bf16;

    /// Each weight is where the layout says, lanes above N are zero, and each panel starts on as many lines as it has.
    fn packs<T: Element>(value: impl Fn(usize) -> T) {
        for (k, n) in [(1, 1), (3, 20), (7, 16), (5, 33)] {
            let weights: Vec<T> = (0..k * n).map(|at| value(at % 97 + 1)).collect();
            let panels = Panels::pack(&weights, &vec![0.5; n], k, n);
            let mut zeros = 0;
            for (at, &packed) in panels.weights().iter().enumerate() {
                let (panel, row, lane) =
                    (at / panels.panel_len(), at % panels.panel_len() / BLOCK, at % BLOCK);
                let output = panel * BLOCK + lane;
                let expected = if output < n { weights[row * n + output] } else { T::default() };
                zeros += usize::from(output >= n);
                assert_eq!(packed, expected, "{} {k}x{n}: input {row}, output {output}", T::NAME);
            }
            assert_eq!(zeros, k * (panels.count() * BLOCK - n), "{}", T::NAME);
        }
    }

    #[test]
    fn every_element_is_packed_in_panels_of_sixteen() {
        packs(|v| v as f32);
        packs(|v| Bf16::from_f32(v as f32));
        packs(|v| v as u8);
        packs(|v| -(v as i8));
        packs(|v| v as i32 * 1_000_000);
    }

    #[test]
    fn a_transpose_has_each_weight_in_its_place_and_keeps_its_bias() {
        for (k, n) in [(1, 1), (3, 20), (16, 16), (20, 3), (40, 24), (16, 70), (0, 5), (5, 0)] {
            let weights: Vec<f32> = (0..k * n).map(|at| at as f32 + 1.0).collect();
            let turned: Vec<f32> = (0..k * n).map(|at| weights[at % k * n + at / k]).collect();
            let mut to = Panels::zeros(n, k);
            assert!(to.values().iter().all(|values| values.iter().all(|value| value.to_bits() == 0)));
            let [_, bias] = to.values_mut();
            bias.fill(7.0);
            Panels::pack(&weights, &vec![0.5; n], k, n).transpose_into(&mut to);
            assert_eq!(to.weights(), Panels::pack(&turned, &vec![0.0; k], n, k).weights(), "{k}x{n}");
            assert!(to.bias().iter().all(|value| *value == 7.0), "{k}x{n}");
        }
    }

    #[test]
    fn packs_in_panels_of_sixteen_and_flushes_what_is_tiny() {
        let (k, n) = (3, 20);
        let mut weights: Vec<f32> = (0..k * n).map(|v| v as f32 + 1.0).collect();
        weights[0] = -1e-25;
        let panels = Panels::pack(&weights, &vec![0.5; n], k, n);
        assert_eq!((panels.count(), panels.panel_len()), (2, 48));
        assert_eq!(panels.weights()[0], 0.0);
        assert_eq!(panels.weights()[BLOCK + 2], weights[n + 2]);
        assert_eq!(panels.weights()[48 + 3], weights[19]);
        assert_eq!(panels.weights()[48 + 4], 0.0);
        assert_eq!(panels.bias()[19], 0.5);
        assert_eq!(panels.bias()[20], 0.0);
    }
}
