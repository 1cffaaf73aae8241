//! A dense layer's logits at inference.
//!
//! ```text
//! output[n][c] = bias[c] + sum over k of input[n][k] * weights[k][c]
//! ```
//!
//! Departures from that loop: sixteen classes are one packed panel, and the sum over k is four sums, of k = 0, 4, 8, …,
//! of k = 1, 5, 9, … and so on, added as (0 + 1) + (2 + 3) at the end: four chains of multiply-adds hide each other's
//! latency. The order is fixed and a row's sum does not see its neighbors, so a batch of 1 and of 32 give the same
//! bits; a general matrix product would not.
//!
//! Where an instruction set has fused multiply-adds a product is not rounded before it is added; the portable form, which
//! has none, differs from the others by the last digit. Among `avx2` and all above it bits are the same.
//!
//! What it does badly: a single class fills one lane of sixteen, and the weights are read again for each row.

#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2x8, Avx512x16};
use crate::{
    isa::{Isa, shells},
    line::BLOCK,
    panels::Panels,
    row::{Kernel, pick, row, rows},
    simd::{Portable8, Vector},
};

/// The number of independent sums that one output is made of.
const CHAINS: usize = 4;

/// Weights of a dense layer, packed.
#[derive(Clone, Debug)]
pub struct PackedDense(Panels);

impl PackedDense {
    /// Packs `weights` [inputs, outputs], row-major, and `bias` `[outputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    #[must_use]
    pub fn pack(weights: &[f32], bias: &[f32], inputs: usize, outputs: usize) -> Self {
        Self(Panels::pack(weights, bias, inputs, outputs))
    }

    /// The number of inputs in a row.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.0.k
    }

    /// The number of outputs in a row.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.0.n
    }
}

type PanelFn = unsafe fn(*const f32, *const f32, usize, *const f32, *mut f32);

pub(crate) struct DenseRow {
    pub(crate) kernel: Kernel,
    panel: PanelFn,
}

row!(DenseRow);

rows! { DenseRow;
    #[cfg(target_arch = "x86_64")]
    dense_f32_1x16_avx512: Dense, Avx512, { panel: panel_avx512 };
    #[cfg(target_arch = "x86_64")]
    dense_f32_1x8_avx2: Dense, Avx2, { panel: panel_avx2 };
    dense_f32_1x8_portable: Dense, Portable, { panel: panel_portable };
}

/// Computes the logits of a batch of rows.
///
/// # Shapes
/// `input` [N, inputs], `output` [N, outputs].
///
/// # Panics
/// If the shapes do not fit.
pub fn dense(isa: Isa, input: &[f32], weights: &PackedDense, output: &mut [f32]) {
    let packed = &weights.0;
    let (k, n) = (packed.k, packed.n);
    assert!(k > 0 && n > 0, "a dense layer of {k} inputs and {n} outputs");
    assert!(
        input.len().is_multiple_of(k) && input.len() / k * n == output.len(),
        "{} inputs for {} outputs",
        input.len(),
        output.len()
    );
    let panel = pick(ROWS, isa).panel;
    for (row, logits) in input.chunks_exact(k).zip(output.chunks_exact_mut(n)) {
        for (index, lanes) in logits.chunks_mut(BLOCK).enumerate() {
            let mut sums = [0.0; BLOCK];
            let weights = &packed.weights()[index * packed.panel_len()..][..packed.panel_len()];
            let bias = &packed.bias()[index * BLOCK..][..BLOCK];
            // SAFETY: k inputs, k times 16 weights, 16 biases and 16 sums, as sliced; the row was selected by the
            // token of an instruction set that this processor runs.
            unsafe { panel(row.as_ptr(), weights.as_ptr(), k, bias.as_ptr(), sums.as_mut_ptr()) };
            lanes.copy_from_slice(&sums[..lanes.len()]);
        }
    }
}

/// # Safety
/// `input` holds k values, `weights` k * 16, `bias` and `output` 16; the processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector>(
    input: *const f32,
    weights: *const f32,
    k: usize,
    bias: *const f32,
    output: *mut f32,
) {
    for lane in (0..BLOCK).step_by(V::LANES) {
        // SAFETY: by the contract.
        let mut sums = [unsafe { V::splat(0.0) }; CHAINS];
        let whole = k - k % CHAINS;
        for first in (0..whole).step_by(CHAINS) {
            for chain in 0..CHAINS {
                // SAFETY: by the contract.
                sums[chain] = unsafe { step(input, weights, first + chain, lane, sums[chain]) };
            }
        }
        for chain in 0..k - whole {
            // SAFETY: by the contract.
            sums[chain] = unsafe { step(input, weights, whole + chain, lane, sums[chain]) };
        }
        let sum = (sums[0].add(sums[1])).add(sums[2].add(sums[3]));
        // SAFETY: by the contract.
        unsafe { sum.add(V::load(bias.add(lane))).store(output.add(lane)) };
    }
}

/// # Safety
/// `at` is below k; otherwise as [`body`].
#[inline(always)]
unsafe fn step<V: Vector>(input: *const f32, weights: *const f32, at: usize, lane: usize, sum: V) -> V {
    // SAFETY: by the contract.
    unsafe { V::splat(*input.add(at)).mul_add(V::load(weights.add(at * BLOCK + lane)), sum) }
}

shells! { [](input: *const f32, weights: *const f32, k: usize, bias: *const f32, output: *mut f32);
    avx512 panel_avx512 = body::<Avx512x16>;
    avx2 panel_avx2 = body::<Avx2x8>;
    portable panel_portable = body::<Portable8>;
}
