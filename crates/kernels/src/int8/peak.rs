//! What this processor can do at most with products of bytes.

use std::hint::black_box;

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vnni};
use super::{lanes::Lanes, portable::Portable};
use crate::{
    isa::{Isa, Level, shells},
    line::{BLOCK, LINE_BYTES},
};

/// Independent sums: as many as the tiles of an instruction set keep in registers.
#[cfg(target_arch = "x86_64")]
const WIDE: usize = 24;
const NARROW: usize = 4;

/// Weights of a round, each of which every sum meets.
const STEPS: usize = 4;

/// The loop of an instruction set, and the operations of one of its rounds; a product and its addition are two.
pub(crate) struct ProductLoop {
    level: Level,
    pub(crate) operations: usize,
    pub(crate) run: unsafe fn(usize) -> i32,
}

/// The best instruction set first.
static LOOPS: &[ProductLoop] = &[
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::Avx512Vnni, operations: operations(WIDE), run: products_avx512vnni },
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::AvxVnni, operations: operations(NARROW), run: products_avxvnni },
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::Avx2, operations: operations(NARROW), run: products_avx2 },
    ProductLoop { level: Level::Portable, operations: operations(NARROW), run: products_portable },
];

const fn operations(sums: usize) -> usize {
    2 * STEPS * sums * BLOCK * 4
}

impl ProductLoop {
    pub(crate) fn of(isa: Isa) -> &'static Self {
        match LOOPS.iter().find(|one| isa.level().includes(one.level)) {
            Some(one) => one,
            None => unreachable!("every processor runs the portable loop"),
        }
    }
}

/// `rounds` times STEPS products for each of C vectors of sums, and the first value of them all, so that each is needed.
///
/// # Safety
/// The processor runs L's instruction set.
#[inline(always)]
unsafe fn body<L: Lanes, const C: usize>(rounds: usize) -> i32 {
    let start = [1i32; BLOCK];
    let weights = [[1i8; LINE_BYTES]; STEPS];
    let pixel = [1u8; 4];
    // SAFETY: sixteen values, 64 weights and four bytes; the rest is the contract.
    unsafe {
        let mut sums = [L::bias(start.as_ptr()); C];
        for _ in 0..rounds {
            // What the compiler knew of the weights it would multiply with the number of rounds.
            let weights = black_box(&weights);
            let pixel = L::broadcast(pixel.as_ptr());
            for step in weights {
                let step = L::weights(step.as_ptr());
                for c in 0..C {
                    sums[c] = L::dot(sums[c], pixel, step);
                }
            }
        }
        let (mut real, factors) = ([0f32; BLOCK], [1e-9f32; BLOCK]);
        let mut total = 0;
        for c in 0..C {
            L::store_real(sums[c], factors.as_ptr(), real.as_mut_ptr());
            total += (real[0] * 1e9) as i32;
        }
        total
    }
}

shells! { [](rounds: usize) -> i32;
    avx512vnni products_avx512vnni = body::<Avx512Vnni, WIDE>;
    avxvnni products_avxvnni = body::<AvxVnni, NARROW>;
    avx2 products_avx2 = body::<Avx2, NARROW>;
    portable products_portable = body::<Portable, NARROW>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_adds_four_products_for_each_step_and_sum() {
        for isa in Isa::available() {
            let one = ProductLoop::of(isa);
            let sums = one.operations / operations(1);
            for rounds in [0, 1, 5] {
                let each = 1 + rounds * STEPS * 4;
                // SAFETY: the processor runs this instruction set.
                let got = unsafe { (one.run)(rounds) };
                let off = (got - (sums * each) as i32).abs();
                assert!(off <= sums as i32, "{isa}, {rounds} rounds: {got}");
            }
        }
    }
}
