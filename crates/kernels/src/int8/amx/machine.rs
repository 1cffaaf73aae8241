//! A tile unit in plain Rust, after the pseudocode of Intel's manual. What a processor answers with an illegal instruction
//! is a panic here, in every build.

use super::unit::{Config, Part, REGISTERS, ROW_BYTES, TILE_ROWS, Tiles};

/// A register: what lies outside its used part is 0.
type Register = [[u8; ROW_BYTES]; TILE_ROWS];

/// The registers and the parts of them that are used.
pub(crate) struct Machine {
    parts: [Part; REGISTERS],
    registers: [Register; REGISTERS],
}

const EMPTY: Register = [[0; ROW_BYTES]; TILE_ROWS];

impl Tiles for Machine {
    unsafe fn configured(config: &Config) -> Self {
        Self { parts: std::array::from_fn(|register| config.part(register)), registers: [EMPTY; REGISTERS] }
    }

    unsafe fn load<const T: u8>(&mut self, from: *const u8, stride: usize) {
        // SAFETY: by the contract.
        unsafe { self.read(T.into(), from, stride) }
    }

    unsafe fn store<const T: u8>(&mut self, to: *mut u8, stride: usize) {
        // SAFETY: by the contract.
        unsafe { self.write(T.into(), to, stride) }
    }

    unsafe fn dot<const S: u8, const P: u8, const W: u8>(&mut self) {
        self.multiply([S, P, W].map(usize::from));
    }
}

/// The same for any registers: one function each, or every program would carry one for every constant.
impl Machine {
    /// # Safety
    /// As [`Tiles::load`].
    #[inline(never)]
    unsafe fn read(&mut self, register: usize, from: *const u8, stride: usize) {
        let Part { rows, bytes } = self.parts[register];
        let mut filled = EMPTY;
        for (index, row) in filled[..rows].iter_mut().enumerate() {
            // SAFETY: by the contract.
            let from = unsafe { std::slice::from_raw_parts(from.wrapping_add(index * stride), bytes) };
            row[..bytes].copy_from_slice(from);
        }
        self.registers[register] = filled;
    }

    /// # Safety
    /// As [`Tiles::store`].
    #[inline(never)]
    unsafe fn write(&mut self, register: usize, to: *mut u8, stride: usize) {
        let Part { rows, bytes } = self.parts[register];
        for (index, row) in self.registers[register][..rows].iter().enumerate() {
            // SAFETY: by the contract.
            unsafe { to.wrapping_add(index * stride).copy_from_nonoverlapping(row.as_ptr(), bytes) };
        }
    }

    /// Adds the products of a register of pixels and one of weights to one of sums.
    #[inline(never)]
    fn multiply(&mut self, [s, p, w]: [usize; 3]) {
        let (sums, pixels, weights) = (self.parts[s], self.parts[p], self.parts[w]);
        assert!(s != p && s != w && p != w, "a product of registers {s}, {p} and {w}");
        assert_eq!(sums.rows, pixels.rows, "rows of sums, and of pixels");
        assert_eq!(sums.bytes, weights.bytes, "bytes of sums, and of weights");
        assert_eq!(pixels.bytes, 4 * weights.rows, "bytes of pixels, and four times the rows of weights");
        let (pixel_rows, weight_rows) = (self.registers[p], self.registers[w]);
        for (sums, pixel) in self.registers[s][..sums.rows].iter_mut().zip(&pixel_rows) {
            let mut row: [i32; ROW_BYTES / 4] = std::array::from_fn(|n| {
                i32::from_ne_bytes([sums[4 * n], sums[4 * n + 1], sums[4 * n + 2], sums[4 * n + 3]])
            });
            for (pixel, weights) in pixel.chunks_exact(4).zip(&weight_rows[..weights.rows]) {
                for (sum, weights) in row.iter_mut().zip(weights.chunks_exact(4)) {
                    for k in 0..4 {
                        let product = i32::from(pixel[k]) * i32::from(weights[k].cast_signed());
                        *sum = sum.wrapping_add(product);
                    }
                }
            }
            for (bytes, sum) in sums.chunks_exact_mut(4).zip(row) {
                bytes.copy_from_slice(&sum.to_ne_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(pixels: usize, bytes: usize) -> [Part; REGISTERS] {
        let mut parts = [Part::sums(pixels); REGISTERS];
        (parts[1], parts[2]) = (Part::pixels(pixels, bytes), Part::weights(bytes));
        parts
    }

    #[test]
    fn a_product_of_tiles_is_a_product_of_matrices() {
        for (pixels, bytes) in [(1, 16), (13, 32), (16, 48), (9, 64)] {
            let a: Vec<u8> = (0..pixels * 80).map(|i| (i * 37 % 256) as u8).collect();
            let b: Vec<i8> = (0..bytes * 16).map(|i| (i * 91 % 256) as u8 as i8).collect();
            let mut sums = vec![-1i32; pixels * 20];
            // SAFETY: rows of pixels are 80 bytes apart, those of sums 20 values; weights are as many as the config says.
            unsafe {
                let mut machine = Machine::configured(&Config::new(parts(pixels, bytes)));
                machine.load::<1>(a.as_ptr(), 80);
                machine.load::<2>(b.as_ptr().cast(), 64);
                machine.dot::<0, 1, 2>();
                machine.dot::<0, 1, 2>();
                machine.store::<0>(sums.as_mut_ptr().cast(), 80);
            }
            for (at, &sum) in sums.iter().enumerate() {
                let (p, n) = (at / 20, at % 20);
                let of = |k: usize| i32::from(a[p * 80 + k]) * i32::from(b[k / 4 * 64 + n * 4 + k % 4]);
                let expected = if n < 16 { 2 * (0..bytes).map(of).sum::<i32>() } else { -1 };
                assert_eq!(sum, expected, "pixel {p}, output {n} of {pixels} times {bytes}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of sums, and of pixels")]
    fn a_product_of_parts_that_do_not_fit_is_refused() {
        let mut wrong = parts(16, 64);
        wrong[1].rows = 15;
        // SAFETY: no memory is touched.
        unsafe { Machine::configured(&Config::new(wrong)).dot::<0, 1, 2>() };
    }

    #[test]
    #[should_panic(expected = "of a tile register")]
    fn a_part_larger_than_a_register_is_refused() {
        let _ = Config::new(parts(17, 64));
    }
}
