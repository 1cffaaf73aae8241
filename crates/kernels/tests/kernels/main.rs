//! Every kernel of the registry against the oracle, under its own name (`rows.rs`); and what each operation chooses by
//! itself on every instruction set this processor runs, over a lattice of shapes.
//!
//! Two kinds of input: small integers, whose sums are exact in f32, compared bit for bit; and random reals, within
//! `2 (K + 1) eps sum|ab|`. Outputs start as NaN with guard values behind them, and so do the values that must not be
//! read; images end where memory ends, so that a byte read behind one is a fault. `ICECAP_KERNEL_CASES` says how many
//! cases are drawn for each kernel, `ICECAP_KERNEL_TRACE` names each case before it runs.

#![expect(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod arrays;
mod dense;
mod depthwise;
mod depthwise_gradient;
mod drawn;
mod fenced;
mod finite_differences;
mod geometries;
mod integers;
mod jpeg;
mod pointwise;
mod pointwise_gradient;
mod pool;
mod pool_gradient;
mod resize;
mod rows;
mod scale;
mod stem;
mod subject;
