//! The tile unit of the processor.
//!
//! Rust has neither functions for these instructions nor features that name them, so they are assembly. No function is
//! compiled with the features of tiles: the compiler keeps nothing in tile registers and moves nothing through them, so
//! what one block of assembly leaves there the next one finds, as long as nothing is called in between that uses tiles
//! itself. The blocks may write memory as far as the compiler knows, and are never left out, so their order is as written.

use std::arch::asm;

use super::unit::{Config, Tiles};

/// The unit of this thread. Dropping it makes the registers empty, which spares a switch between threads 8 KiB.
pub(crate) struct Hardware(());

impl Drop for Hardware {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: a value is made only where the processor has tiles.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags)) }
    }
}

// SAFETY of the blocks below: the unit is promised by whoever makes the value, and proved by the value; memory, and that the
// parts of registers fit together, is the caller's promise. A part that does not fit is an illegal instruction, never a read
// beyond a row.
impl Tiles for Hardware {
    #[inline(always)]
    unsafe fn configured(config: &Config) -> Self {
        // SAFETY: by the contract.
        unsafe {
            asm!("ldtilecfg [{config}]", config = in(reg) config, options(nostack, preserves_flags));
        }
        Self(())
    }

    #[inline(always)]
    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
        // SAFETY: by the contract.
        unsafe {
            asm!(
                "tileloadd tmm{tile}, [{from} + {stride}*1]",
                tile = const T,
                from = in(reg) from,
                stride = in(reg) stride,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize) {
        // SAFETY: by the contract.
        unsafe {
            asm!(
                "tilestored [{to} + {stride}*1], tmm{tile}",
                tile = const T,
                to = in(reg) to,
                stride = in(reg) stride,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn dot<const S: u8, const P: u8, const W: u8>(&mut self) {
        // SAFETY: by the contract.
        unsafe {
            asm!(
                "tdpbusd tmm{sums}, tmm{pixels}, tmm{weights}",
                sums = const S,
                pixels = const P,
                weights = const W,
                options(nostack, preserves_flags),
            );
        }
    }
}
