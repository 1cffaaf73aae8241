//! What a tile unit can do at most: products of whole registers, one behind the other, nothing read or written between them.

use std::hint::black_box;

#[cfg(target_arch = "x86_64")]
use super::hardware::Hardware;
use super::{
    machine::Machine,
    unit::{Config, Part, ROW_BYTES, TILE_ROWS, Tiles},
};
use crate::{isa::shells, line::BLOCK};

/// Registers of sums, each the start of its next product: as many as the others leave, so that no product waits.
const SUMS: usize = 6;

/// Operations of a round; a product and its addition are two.
pub(crate) const OPERATIONS: usize = 2 * SUMS * TILE_ROWS * ROW_BYTES * BLOCK;

/// A register in memory.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Register([[u8; ROW_BYTES]; TILE_ROWS]);

/// `rounds` products for each register of sums, and the sum of the last value of each.
///
/// # Safety
/// The processor has the unit T.
#[inline(always)]
unsafe fn body<T: Tiles>(rounds: usize) -> i32 {
    let (sums, read) = (Part::sums(TILE_ROWS), Part::pixels(TILE_ROWS, ROW_BYTES));
    let config = Config::new([sums, sums, sums, sums, sums, sums, read, Part::weights(ROW_BYTES)]);
    let ones = black_box(Register([[1; ROW_BYTES]; TILE_ROWS]));
    let mut stored = [Register([[0; ROW_BYTES]; TILE_ROWS]); SUMS];
    // SAFETY: the unit by the contract; the parts are whole registers, which fit together, and so is the memory.
    unsafe {
        let mut tiles = T::configured(&config);
        tiles.load::<6>(ones.0.as_ptr().cast(), ROW_BYTES);
        tiles.load::<7>(ones.0.as_ptr().cast(), ROW_BYTES);
        for _ in 0..rounds {
            tiles.dot::<0, 6, 7>();
            tiles.dot::<1, 6, 7>();
            tiles.dot::<2, 6, 7>();
            tiles.dot::<3, 6, 7>();
            tiles.dot::<4, 6, 7>();
            tiles.dot::<5, 6, 7>();
        }
        tiles.store::<0>(stored[0].0.as_mut_ptr().cast(), ROW_BYTES);
        tiles.store::<1>(stored[1].0.as_mut_ptr().cast(), ROW_BYTES);
        tiles.store::<2>(stored[2].0.as_mut_ptr().cast(), ROW_BYTES);
        tiles.store::<3>(stored[3].0.as_mut_ptr().cast(), ROW_BYTES);
        tiles.store::<4>(stored[4].0.as_mut_ptr().cast(), ROW_BYTES);
        tiles.store::<5>(stored[5].0.as_mut_ptr().cast(), ROW_BYTES);
    }
    let last = |register: &Register| {
        let row = &register.0[TILE_ROWS - 1];
        i32::from_ne_bytes([row[60], row[61], row[62], row[63]])
    };
    stored.iter().map(last).fold(0, i32::wrapping_add)
}

shells! { [](rounds: usize) -> i32;
    amx products_amx = body::<Hardware>;
    tilemachine products_tilemachine = body::<Machine>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_multiplies_whole_registers() {
        for rounds in [0, 1, 3] {
            // SAFETY: every processor runs the tile machine.
            let got = unsafe { products_tilemachine(rounds) };
            assert_eq!(got as usize, SUMS * rounds * ROW_BYTES);
            #[cfg(target_arch = "x86_64")]
            if crate::isa::Isa::named("amx").is_ok() {
                // SAFETY: the processor has the unit, and this process may use it.
                assert_eq!(unsafe { products_amx(rounds) }, got);
            }
        }
        assert_eq!(OPERATIONS, SUMS * 2 * 16 * 16 * 64);
    }
}
