//! Whether this process may use the tile registers of Intel AMX.
//!
//! Three have to agree: the processor (CPUID), the operating system, which must save the registers of a thread that is
//! interrupted (XCR0), and on Linux the process itself, which has to ask for the 8 KiB that this takes of each thread.
//! See "Using XSTATE features in user space applications" in the kernel's documentation.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

/// Bits of XCR0 and of CPUID 7.0 EDX: the configuration and the data of tiles; tiles and their products of bytes.
const STATE: u32 = 1 << 17 | 1 << 18;
const FEATURES: u32 = 1 << 24 | 1 << 25;

/// Says whether tiles can be used from now on, by any thread. Asks for them once in the life of a process.
pub(crate) fn is_permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| has_tiles() && is_saved() && ask())
}

/// Whether the processor has tiles of 16 rows of 64 bytes, eight of them, and multiplies whole ones.
fn has_tiles() -> bool {
    if __cpuid(0).eax < 0x1E || __cpuid_count(7, 0).edx & FEATURES != FEATURES {
        return false;
    }
    let (palettes, palette, products) =
        (__cpuid_count(0x1D, 0), __cpuid_count(0x1D, 1), __cpuid_count(0x1E, 0));
    let (row_bytes, registers, rows) = (palette.ebx & 0xFFFF, palette.ebx >> 16, palette.ecx & 0xFFFF);
    let (inner, bytes) = (products.ebx & 0xFF, products.ebx >> 8 & 0xFFFF);
    palettes.eax >= 1 && row_bytes >= 64 && registers >= 8 && rows >= 16 && inner >= 16 && bytes >= 64
}

/// Whether the operating system saves tiles.
fn is_saved() -> bool {
    // Bit 27: the instruction that reads XCR0 can be used.
    if __cpuid(1).ecx & 1 << 27 == 0 {
        return false;
    }
    let low: u32;
    // SAFETY: the instruction exists, as asked above, register 0 exists wherever it does, and it only writes edx and eax.
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    low & STATE == STATE
}

/// Asks the operating system for tiles.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn ask() -> bool {
    const ARCH_PRCTL: isize = 158;
    const REQUEST_PERMISSION: isize = 0x1023;
    const TILE_DATA: isize = 18;
    let outcome: isize;
    // SAFETY: a system call that takes two numbers and no memory; it leaves all registers but these three alone.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => outcome,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    // An older kernel, or a thread whose stack for signals is too small for tiles: an error.
    outcome == 0
}

/// How other systems are asked is not known here.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn ask() -> bool {
    false
}
