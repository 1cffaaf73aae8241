//! 64-byte aligned storage for f32 values.
//!
//! A cache line and an AVX-512 register are both 64 bytes: with every buffer starting on a line, a 16-channel
//! block is one line and no load of one crosses two.

use std::ops::{Deref, DerefMut};

/// f32 values in one cache line, and in one AVX-512 register.
pub const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([f32; LINE]);

/// A fixed-length run of f32 values that starts on a cache line. Dereferences to `[f32]`.
#[derive(Default)]
pub struct Buffer {
    lines: Lines,
    len: usize,
}

/// Where a buffer's lines are.
enum Lines {
    Own(Vec<Line>),
    #[cfg(feature = "files")]
    InSlab(crate::slab::Piece),
    #[cfg(feature = "files")]
    InFile(crate::map::Extent),
}

impl Lines {
    fn zeros(count: usize) -> Self {
        #[cfg(feature = "files")]
        if let Some(piece) = crate::slab::Piece::zeros(count) {
            return Self::InSlab(piece);
        }
        Self::Own(vec![Line([0.0; LINE]); count])
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Buffer {
    /// `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { lines: Lines::zeros(len.div_ceil(LINE)), len }
    }

    /// `len` values that lie in a file.
    #[cfg(feature = "files")]
    pub(crate) fn in_file(extent: crate::map::Extent, len: usize) -> Self {
        assert_eq!(extent.lines(), len.div_ceil(LINE), "lines of {len} values");
        Self { lines: Lines::InFile(extent), len }
    }

    /// A copy of `values`.
    #[must_use]
    pub fn from_slice(values: &[f32]) -> Self {
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

/// Calls `work`: without file mappings there are no slabs.
#[cfg(not(feature = "files"))]
pub fn in_slabs<R>(work: impl FnOnce() -> R) -> R {
    work()
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let start = match &self.lines {
            Lines::Own(lines) => lines.as_ptr(),
            #[cfg(feature = "files")]
            Lines::InSlab(piece) => piece.start().cast_const(),
            #[cfg(feature = "files")]
            Lines::InFile(extent) => extent.start(),
        };
        // SAFETY: `Line` is `repr(C)` around `[f32; 16]` with size 64 = align, so the lines are one run of 16 initialised
        // f32 each; `len` never exceeds that, since all constructors round up.
        unsafe { std::slice::from_raw_parts(start.cast(), self.len) }
    }
}

impl DerefMut for Buffer {
    /// Values that lie in a file become a copy first.
    fn deref_mut(&mut self) -> &mut [f32] {
        #[cfg(feature = "files")]
        if matches!(self.lines, Lines::InFile(_)) {
            *self = self.clone();
        }
        let start = match &mut self.lines {
            Lines::Own(lines) => lines.as_mut_ptr(),
            #[cfg(feature = "files")]
            Lines::InSlab(piece) => piece.start(),
            #[cfg(feature = "files")]
            Lines::InFile(_) => unreachable!("a copy was made"),
        };
        // SAFETY: as in `deref`; `&mut self` makes the run ours alone.
        unsafe { std::slice::from_raw_parts_mut(start.cast(), self.len) }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} f32)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_cache_line_whatever_its_length() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let buffer = Buffer::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
        }
    }
}
