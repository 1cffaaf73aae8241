//! Samples of a channel that has half as many as the image, doubled by a triangle filter: each of the two takes three
//! quarters of its own sample and one of the nearest other, rounded by turns up and down as libjpeg does ("fancy
//! upsampling").
//!
//! ```text
//! across:     out[2x] = (3 s[x] + s[x - 1] + 1) / 4             out[2x + 1] = (3 s[x] + s[x + 1] + 2) / 4
//! down:       out[x] = (3 own[x] + near[x] + bias) / 4          bias 1 where `near` is above, 2 where it is below
//! both ways:  s = 3 own + near, then across with / 16: + 8 on the left, + 7 on the right
//! ```
//!
//! At an edge the missing neighbor is the sample itself.

use crate::{
    isa::{Isa, shells},
    row::{Kernel, pick, row, rows},
};

/// Doubles a row of samples.
///
/// # Shapes
/// `own` `[samples]`, `out` `[2 * samples]`.
///
/// # Panics
/// If the lengths do not fit, or there is no sample.
pub fn double_across(isa: Isa, own: &[u8], out: &mut [u8]) {
    assert!(!own.is_empty() && out.len() == own.len() * 2, "{} samples to {}", own.len(), out.len());
    // SAFETY: the row was selected by the token of an instruction set that this processor runs.
    unsafe { (pick(ROWS, isa).across)(own, own, out) }
}

/// Blends a row with the nearer of its neighbors.
///
/// # Shapes
/// `own`, `near` and `out` `[samples]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn double_down(isa: Isa, own: &[u8], near: &[u8], is_below: bool, out: &mut [u8]) {
    assert!(near.len() == own.len() && out.len() == own.len(), "rows of {} samples", own.len());
    let row = pick(ROWS, isa);
    let blend = if is_below { row.below } else { row.above };
    // SAFETY: as above.
    unsafe { blend(own, near, out) }
}

/// Blends a row with the nearer of its neighbors and doubles it.
///
/// # Shapes
/// `own` and `near` `[samples]`, `out` `[2 * samples]`.
///
/// # Panics
/// If the lengths do not fit, or there is no sample.
pub fn double_both_ways(isa: Isa, own: &[u8], near: &[u8], out: &mut [u8]) {
    let samples = own.len();
    assert!(samples > 0 && near.len() == samples && out.len() == samples * 2, "{samples} to {}", out.len());
    // SAFETY: as above.
    unsafe { (pick(ROWS, isa).both)(own, near, out) }
}

type TriangleFn = unsafe fn(&[u8], &[u8], &mut [u8]);

pub(crate) struct TriangleRow {
    pub(crate) kernel: Kernel,
    across: TriangleFn,
    above: TriangleFn,
    below: TriangleFn,
    both: TriangleFn,
}

row!(TriangleRow);

rows! { TriangleRow;
    #[cfg(target_arch = "x86_64")]
    triangle_u8_row_avx2: Triangle, Avx2, { across: across_avx2, above: above_avx2, below: below_avx2, both: both_avx2 };
    triangle_u8_row_portable: Triangle, Portable,
        { across: across_portable, above: above_portable, below: below_portable, both: both_portable };
}

shells! { [](own: &[u8], near: &[u8], out: &mut [u8]);
    avx2 across_avx2 = across;
    avx2 above_avx2 = down::<1>;
    avx2 below_avx2 = down::<2>;
    avx2 both_avx2 = both;
    portable across_portable = across;
    portable above_portable = down::<1>;
    portable below_portable = down::<2>;
    portable both_portable = both;
}

#[inline(always)]
fn across(own: &[u8], _near: &[u8], out: &mut [u8]) {
    let last = own.len() - 1;
    // Three quarters and a quarter of the same sample.
    (out[0], out[2 * last + 1]) = (own[0], own[last]);
    for (pair, out) in own.windows(2).zip(out[1..].as_chunks_mut::<2>().0) {
        let (left, right) = (u16::from(pair[0]), u16::from(pair[1]));
        *out = [((left * 3 + right + 2) >> 2) as u8, ((right * 3 + left + 1) >> 2) as u8];
    }
}

#[inline(always)]
fn down<const BIAS: u16>(own: &[u8], near: &[u8], out: &mut [u8]) {
    for ((&own, &near), out) in own.iter().zip(near).zip(out) {
        *out = ((u16::from(own) * 3 + u16::from(near) + BIAS) >> 2) as u8;
    }
}

#[inline(always)]
fn both(own: &[u8], near: &[u8], out: &mut [u8]) {
    let sum = |own: u8, near: u8| u16::from(own) * 3 + u16::from(near);
    let last = own.len() - 1;
    // The filter's share of the missing neighbor goes to the sample itself.
    out[0] = ((sum(own[0], near[0]) * 4 + 8) >> 4) as u8;
    out[2 * last + 1] = ((sum(own[last], near[last]) * 4 + 7) >> 4) as u8;
    for ((own, near), out) in own.windows(2).zip(near.windows(2)).zip(out[1..].as_chunks_mut::<2>().0) {
        let (left, right) = (sum(own[0], near[0]), sum(own[1], near[1]));
        *out = [((left * 3 + right + 7) >> 4) as u8, ((right * 3 + left + 8) >> 4) as u8];
    }
}
