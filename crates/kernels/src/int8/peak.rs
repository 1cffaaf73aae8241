//! What this processor can do at most with products of bytes.

use std::hint::black_box;

use super::{amx, lanes::Lanes, portable::Portable};
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx2::AvxVnni, avx512::Avx512Vnni};
use crate::{
    isa::{Isa, Level, shells},
    line::{BLOCK, LINE_BYTES},
};

/// Independent sums: as many as an instruction set keeps in registers.
#[cfg(target_arch = "x86_64")]
const WIDE: usize = 24;
#[cfg(target_arch = "x86_64")]
const MIDDLE: usize = 6;
const NARROW: usize = 4;

/// Weights of a round, each of which every sum meets.
const STEPS: usize = 4;

/// The loop of an instruction set, and the operations of one of its rounds; a product and its addition are two.
pub(crate) struct ProductLoop {
    pub(crate) level: Level,
    pub(crate) operations: usize,
    pub(crate) run: unsafe fn(usize) -> i32,
}

/// The best instruction set first.
static LOOPS: &[ProductLoop] = &[
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::Amx, operations: amx::peak::OPERATIONS, run: amx::peak::products_amx },
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::Avx512Vnni, operations: operations(WIDE), run: products_avx512vnni },
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::AvxVnni, operations: operations(MIDDLE), run: products_avxvnni },
    #[cfg(target_arch = "x86_64")]
    ProductLoop { level: Level::Avx2, operations: operations(NARROW), run: products_avx2 },
    ProductLoop {
        level: Level::TileMachine,
        operations: amx::peak::OPERATIONS,
        run: amx::peak::products_tilemachine,
    },
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

/// `rounds` times STEPS products for each of C vectors of sums, and the first value of each. All of their values are shown to
/// the compiler, which would not compute those that nobody asks for.
///
/// D is the number of pixels. Where an instruction adds its products to the sums by itself, one is enough. Where it does not,
/// the compiler would multiply a pixel that several sums meet once for all of them: each has a pixel of its own. And where
/// there are no instructions but only arithmetic, it would multiply a pixel once with the sum of the weights that it meets:
/// each product has one of its own.
///
/// # Safety
/// The processor runs L's instruction set.
#[inline(always)]
unsafe fn body<L: Lanes, const C: usize, const D: usize>(rounds: usize) -> i32 {
    let start = [1i32; BLOCK];
    let weights = [[1i8; LINE_BYTES]; STEPS];
    let pixels = [[1u8; 4]; D];
    // SAFETY: sixteen values, 64 weights and four bytes of each pixel; the rest is the contract.
    unsafe {
        let mut sums = [L::bias(start.as_ptr()); C];
        for _ in 0..rounds {
            // What the compiler knew of the weights it would multiply with the number of rounds.
            let (weights, pixels) = (black_box(&weights), black_box(&pixels));
            for step in 0..STEPS {
                let weights = L::weights(weights[step].as_ptr());
                for c in 0..C {
                    let pixel = L::broadcast(pixels[(step * C + c) % D].as_ptr());
                    sums[c] = L::dot(sums[c], pixel, weights);
                }
            }
        }
        let (mut real, factors) = ([[0f32; BLOCK]; C], [1e-9f32; BLOCK]);
        for c in 0..C {
            L::store_real(sums[c], factors.as_ptr(), real[c].as_mut_ptr());
        }
        black_box(&real).iter().map(|real| (real[0] * 1e9) as i32).sum()
    }
}

shells! { [](rounds: usize) -> i32;
    avx512vnni products_avx512vnni = body::<Avx512Vnni, WIDE, 1>;
    avxvnni products_avxvnni = body::<AvxVnni, MIDDLE, 1>;
    avx2 products_avx2 = body::<Avx2, NARROW, NARROW>;
    portable products_portable = body::<Portable, NARROW, { NARROW * STEPS }>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_adds_four_products_for_each_step_and_sum() {
        // The loops over tiles have a test beside them.
        for isa in Isa::available().into_iter().filter(|isa| !isa.has_tiles()) {
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
