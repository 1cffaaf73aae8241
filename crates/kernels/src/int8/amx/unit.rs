//! What a tile unit does: eight registers of up to 16 rows of up to 64 bytes.

/// Registers of a unit.
pub(crate) const REGISTERS: usize = 8;

/// Rows of a register, and bytes of a row.
pub(crate) const TILE_ROWS: usize = 16;
pub(crate) const ROW_BYTES: usize = 64;

/// What part of each register is used. As the processor reads it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

const _: () = assert!(size_of::<Config>() == 64);

/// The part of a register that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl Part {
    /// Sums of so many pixels by sixteen outputs.
    pub(crate) fn sums(pixels: usize) -> Self {
        Self { rows: pixels, bytes: ROW_BYTES }
    }

    /// So many bytes of so many pixels.
    pub(crate) fn pixels(pixels: usize, bytes: usize) -> Self {
        Self { rows: pixels, bytes }
    }

    /// Weights that meet so many bytes of a pixel: four inputs of sixteen outputs a row.
    pub(crate) fn weights(bytes: usize) -> Self {
        Self { rows: bytes / 4, bytes: ROW_BYTES }
    }
}

impl Config {
    /// The parts of all registers.
    ///
    /// # Panics
    /// If one is empty or larger than a register: the processor would fault.
    pub(crate) fn new(parts: [Part; REGISTERS]) -> Self {
        let (mut bytes, mut rows) = ([0; 16], [0; 16]);
        for (register, part) in parts.into_iter().enumerate() {
            assert!((1..=TILE_ROWS).contains(&part.rows), "{part:?} of a tile register");
            assert!(part.bytes > 0 && part.bytes <= ROW_BYTES, "{part:?} of a tile register");
            assert!(part.bytes.is_multiple_of(4), "{part:?} of a tile register");
            (bytes[register], rows[register]) = (part.bytes as u16, part.rows as u8);
        }
        Self { palette: 1, start_row: 0, reserved: [0; 14], bytes, rows }
    }

    /// The part of a register.
    pub(crate) fn part(&self, register: usize) -> Part {
        Part { rows: self.rows[register].into(), bytes: self.bytes[register].into() }
    }
}

/// A tile unit, configured. It is given back when the value is dropped.
///
/// Registers are named by constants, as the processor's instructions do.
pub(crate) trait Tiles {
    /// Takes the unit: all registers are 0.
    ///
    /// # Safety
    /// The processor has the unit, and this process may use it. Until the value is dropped no other one is made on this
    /// thread.
    unsafe fn configured(config: &Config) -> Self;

    /// Reads the used part of register `T`: rows `stride` bytes apart.
    ///
    /// # Safety
    /// They are readable.
    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize);

    /// Writes the used part of register `T`: rows `stride` bytes apart.
    ///
    /// # Safety
    /// They are writable.
    unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize);

    /// `sums[p][n] += pixels[p][4 k] * weights[k][n][0] + … + pixels[p][4 k + 3] * weights[k][n][3]` for all `k`, with
    /// registers `S`, `P` and `W`; the bytes of pixels are not signed, those of weights are.
    ///
    /// # Safety
    /// The parts of the three registers fit together; they are not the same.
    unsafe fn dot<const S: u8, const P: u8, const W: u8>(&mut self);
}
