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
//! Of many rows some go through a panel together, so that what is loaded of it counts for each: six where there are 32 registers.
//! What it does badly: a single class fills one lane of sixteen.

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

/// The most rows that go through a panel together.
const MOST: usize = 6;

type PanelFn = unsafe fn(*const f32, *const f32, usize, *const f32, *mut f32);

pub(crate) struct DenseRow {
    pub(crate) kernel: Kernel,
    /// For one row, and for several: so many.
    panel: PanelFn,
    several: (usize, PanelFn),
}

row!(DenseRow);

rows! { DenseRow;
    #[cfg(target_arch = "x86_64")]
    dense_f32_1x16_avx512: Dense, Avx512, { panel: one_avx512, several: (6, several_avx512) };
    #[cfg(target_arch = "x86_64")]
    dense_f32_1x8_avx2: Dense, Avx2, { panel: one_avx2, several: (3, several_avx2) };
    dense_f32_1x8_portable: Dense, Portable, { panel: one_portable, several: (2, several_portable) };
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
    let DenseRow { panel, several: (together, several), .. } = *pick(ROWS, isa);
    let rows = input.len() / k;
    let whole = rows - rows % together;
    let (many, few) = input.split_at(whole * k);
    let (many_logits, few_logits) = output.split_at_mut(whole * n);
    for (rows, logits) in many.chunks_exact(together * k).zip(many_logits.chunks_exact_mut(together * n)) {
        run(several, rows, packed, logits);
    }
    for (row, logits) in few.chunks_exact(k).zip(few_logits.chunks_exact_mut(n)) {
        run(panel, row, packed, logits);
    }
}

/// Computes the logits of as many rows as `panel` takes.
fn run(panel: PanelFn, input: &[f32], packed: &Panels, output: &mut [f32]) {
    let (k, n) = (packed.k, packed.n);
    for index in 0..n.div_ceil(BLOCK) {
        let mut sums = [0.0; MOST * BLOCK];
        let weights = &packed.weights()[index * packed.panel_len()..][..packed.panel_len()];
        let bias = &packed.bias()[index * BLOCK..][..BLOCK];
        // SAFETY: k inputs of each row, k times 16 weights, 16 biases and 16 sums of at most MOST rows, as sliced; the kernel was
        // selected by the token of an instruction set that this processor runs.
        unsafe { panel(input.as_ptr(), weights.as_ptr(), k, bias.as_ptr(), sums.as_mut_ptr()) };
        for (logits, sums) in output.chunks_exact_mut(n).zip(sums.chunks_exact(BLOCK)) {
            let logits = logits[index * BLOCK..].iter_mut().take(BLOCK);
            logits.zip(sums).for_each(|(to, sum)| *to = *sum);
        }
    }
}

/// What the rows and a panel are multiplied from.
#[derive(Clone, Copy)]
struct Factors {
    input: *const f32,
    weights: *const f32,
    k: usize,
}

/// # Safety
/// `input` holds ROWS times k values, `weights` k * 16, `bias` 16 and `output` ROWS * 16; the processor runs V's instruction set.
#[inline(always)]
unsafe fn body<V: Vector, const ROWS: usize>(
    input: *const f32,
    weights: *const f32,
    k: usize,
    bias: *const f32,
    output: *mut f32,
) {
    let factors = Factors { input, weights, k };
    for lane in (0..BLOCK).step_by(V::LANES) {
        // SAFETY: by the contract.
        let mut sums = [[unsafe { V::splat(0.0) }; CHAINS]; ROWS];
        let whole = k - k % CHAINS;
        for first in (0..whole).step_by(CHAINS) {
            for chain in 0..CHAINS {
                // SAFETY: by the contract, as first + chain is below k.
                unsafe { step(factors, (first + chain, chain), lane, &mut sums) };
            }
        }
        for chain in 0..k - whole {
            // SAFETY: by the contract, as whole + chain is below k.
            unsafe { step(factors, (whole + chain, chain), lane, &mut sums) };
        }
        for (row, sums) in sums.iter().enumerate() {
            let sum = (sums[0].add(sums[1])).add(sums[2].add(sums[3]));
            // SAFETY: by the contract.
            unsafe { sum.add(V::load(bias.add(lane))).store(output.add(row * BLOCK + lane)) };
        }
    }
}

/// Adds the products of one input of each row to the rows' sums of a chain.
///
/// # Safety
/// `at` is below k; otherwise as [`body`].
#[inline(always)]
unsafe fn step<V: Vector, const ROWS: usize>(
    Factors { input, weights, k }: Factors,
    (at, chain): (usize, usize),
    lane: usize,
    sums: &mut [[V; CHAINS]; ROWS],
) {
    // SAFETY: by the contract.
    unsafe {
        let weights = V::load(weights.add(at * BLOCK + lane));
        for (row, sums) in sums.iter_mut().enumerate() {
            sums[chain] = V::splat(*input.add(row * k + at)).mul_add(weights, sums[chain]);
        }
    }
}

shells! { [](input: *const f32, weights: *const f32, k: usize, bias: *const f32, output: *mut f32);
    avx512 one_avx512 = body::<Avx512x16, 1>;
    avx512 several_avx512 = body::<Avx512x16, 6>;
    avx2 one_avx2 = body::<Avx2x8, 1>;
    avx2 several_avx2 = body::<Avx2x8, 3>;
    portable one_portable = body::<Portable8, 1>;
    portable several_portable = body::<Portable8, 2>;
}
