//! Storage that starts on a cache line and is padded to whole ones.
//!
//! A line and an AVX-512 register are both 64 bytes: with every buffer starting on a line, no load of a register
//! crosses two, whatever the element. Most buffers have memory of their own. Those of a net lie in common slabs of large
//! pages (`slab.rs`), or in the bytes of a file where they were read to (`file_bytes.rs`).

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

#[cfg(feature = "files")]
use std::sync::Arc;

use crate::{element::Element, line::Line};
#[cfg(feature = "files")]
use crate::{memory, slab::Piece};

/// A fixed number of values that starts on a line of 64 bytes. Dereferences to `[T]`.
#[derive(Default)]
pub struct Buffer<T: Element = f32> {
    lines: Lines,
    /// The number of values.
    len: usize,
    element: PhantomData<T>,
}

/// Where a buffer's lines are.
enum Lines {
    Own(Vec<Line>),
    #[cfg(feature = "files")]
    InSlab(Piece),
    #[cfg(feature = "files")]
    Inside {
        outer: Arc<Buffer<u8>>,
        /// The first line of the outer one's.
        first: usize,
    },
}

impl Lines {
    fn zeros(count: usize) -> Self {
        #[cfg(feature = "files")]
        if let Some(piece) = Piece::zeros(count) {
            return Self::InSlab(piece);
        }
        Self::Own(vec![Line::ZERO; count])
    }

    /// `None` if the system has no memory for them.
    #[cfg(feature = "files")]
    fn try_zeros(count: usize) -> Option<Self> {
        if let Some(piece) = Piece::zeros(count) {
            return Some(Self::InSlab(piece));
        }
        let mut lines = Vec::new();
        memory::reserve_exact(&mut lines, count).ok()?;
        lines.resize(count, Line::ZERO);
        Some(Self::Own(lines))
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl<T: Element> Buffer<T> {
    /// A buffer of `len` zeros.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { lines: Lines::zeros(T::lines(len)), len, element: PhantomData }
    }

    /// A buffer with a copy of `values`.
    #[must_use]
    pub fn from_slice(values: &[T]) -> Self {
        let mut buffer = Self::zeros(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

#[cfg(feature = "files")]
impl Buffer<u8> {
    /// A buffer of `len` zeros, `None` if the system has no memory for them.
    pub(crate) fn try_zeros(len: usize) -> Option<Self> {
        Some(Self { lines: Lines::try_zeros(u8::lines(len))?, len, element: PhantomData })
    }
}

#[cfg(feature = "files")]
impl<T: Element> Buffer<T> {
    /// The `len` values in the machine's own byte order from byte `offset` of `outer` on, in place. `None` if `offset` is
    /// not a multiple of 64, or if `outer` ends before the last line of them.
    pub(crate) fn inside(outer: &Arc<Buffer<u8>>, offset: usize, len: usize) -> Option<Self> {
        let end = T::lines(len).checked_mul(size_of::<Line>())?.checked_add(offset)?;
        if !offset.is_multiple_of(size_of::<Line>()) || end > outer.len() {
            return None;
        }
        let lines = Lines::Inside { outer: Arc::clone(outer), first: offset / size_of::<Line>() };
        Some(Self { lines, len, element: PhantomData })
    }
}

/// Calls `work` and returns what it returns. Built without the feature `files` there are no slabs: each buffer has memory
/// of its own.
#[cfg(not(feature = "files"))]
pub fn in_slabs<R>(work: impl FnOnce() -> R) -> R {
    work()
}

impl<T: Element> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let start = match &self.lines {
            Lines::Own(lines) => lines.as_ptr(),
            #[cfg(feature = "files")]
            Lines::InSlab(piece) => piece.start().cast_const(),
            #[cfg(feature = "files")]
            Lines::Inside { outer, first } => outer[first * size_of::<Line>()..].as_ptr().cast(),
        };
        // SAFETY: the lines are one run of initialized bytes, 64 each and aligned to that; every pattern of bits is a value
        // of an `Element`, whose size divides a line. `len` values never exceed the lines: all constructors round up, and
        // `inside` has compared the last line with the outer buffer, which starts on a line itself and is kept alive.
        unsafe { std::slice::from_raw_parts(start.cast(), self.len) }
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    /// Values that lie inside another buffer become a copy first.
    fn deref_mut(&mut self) -> &mut [T] {
        #[cfg(feature = "files")]
        if matches!(self.lines, Lines::Inside { .. }) {
            *self = self.clone();
        }
        let start = match &mut self.lines {
            Lines::Own(lines) => lines.as_mut_ptr(),
            #[cfg(feature = "files")]
            Lines::InSlab(piece) => piece.start(),
            #[cfg(feature = "files")]
            Lines::Inside { .. } => unreachable!("a copy was made"),
        };
        // SAFETY: as in `deref`; `&mut self` makes the run ours alone.
        unsafe { std::slice::from_raw_parts_mut(start.cast(), self.len) }
    }
}

impl<T: Element> std::fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} {})", self.len, T::NAME)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{element::Bf16, line::LINE_BYTES};

    /// Zeros on a line of their own, whatever the length; what is written is read again, and a copy is not the original.
    fn a_buffer_is_its_own<T: Element>(lens: &[usize], one: T) {
        let mut buffers: Vec<Buffer<T>> = lens.iter().map(|&len| Buffer::zeros(len)).collect();
        for (buffer, &len) in buffers.iter_mut().zip(lens) {
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % LINE_BYTES), (len, 0), "{}", T::NAME);
            assert!(buffer.iter().all(|value| *value == T::default()), "{len} {}", T::NAME);
            buffer.fill(one);
        }
        for (index, buffer) in buffers.iter().enumerate() {
            assert!(buffer.iter().all(|value| *value == one), "{index} {}", T::NAME);
            let start = buffer.as_ptr() as usize;
            let padded = start..start + T::lines(buffer.len()) * LINE_BYTES;
            let others = buffers.iter().enumerate().filter(|(other, _)| *other != index);
            let inside = |other: &Buffer<T>| !other.is_empty() && padded.contains(&(other.as_ptr() as usize));
            assert!(
                !others.into_iter().any(|(_, other)| inside(other)),
                "a line of two buffers: {}",
                T::NAME
            );
        }
        if let Some(buffer) = buffers.first_mut() {
            let copy = buffer.clone();
            buffer.fill(T::default());
            assert_eq!(copy[..], vec![one; copy.len()][..], "{}", T::NAME);
        }
    }

    fn every_element(lens: &[usize]) {
        a_buffer_is_its_own(lens, 1.5f32);
        a_buffer_is_its_own(lens, Bf16::from_f32(1.5));
        a_buffer_is_its_own(lens, 200u8);
        a_buffer_is_its_own(lens, -100i8);
        a_buffer_is_its_own(lens, i32::MIN);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn buffers_of_any_lengths_start_on_lines_of_their_own(lens in proptest::collection::vec(0usize..300, 0..6)) {
            every_element(&lens);
            crate::in_slabs(|| every_element(&lens));
        }
    }

    #[test]
    fn starts_on_a_cache_line_whatever_its_length() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let buffer: Buffer = Buffer::zeros(len);
            assert_eq!(buffer.len(), len);
            assert_eq!(buffer.as_ptr() as usize % 64, 0);
        }
    }

    #[cfg(feature = "files")]
    #[test]
    fn buffers_of_a_slab_are_zeros_of_their_own_and_outlive_it() {
        let lens = [1, 0, 16, 17, 100_000, 3 << 20, 5 << 20, 64];
        let mut buffers = crate::in_slabs(|| {
            let outer: Buffer = Buffer::zeros(5);
            let inner = crate::in_slabs(|| Buffer::<f32>::zeros(7));
            assert!(outer.iter().chain(inner.iter()).all(|value| *value == 0.0));
            lens.map(Buffer::<f32>::zeros)
        });
        for (index, buffer) in buffers.iter_mut().enumerate() {
            assert_eq!(buffer.len(), lens[index]);
            assert_eq!(buffer.as_ptr() as usize % LINE_BYTES, 0);
            assert!(buffer.iter().all(|value| *value == 0.0), "buffer {index}");
            buffer.fill(index as f32 + 1.0);
        }
        let copy = buffers[4].clone();
        let buffers = std::thread::spawn(move || buffers).join().unwrap();
        for (index, buffer) in buffers.iter().enumerate() {
            assert!(buffer.iter().all(|value| *value == index as f32 + 1.0), "buffer {index}");
        }
        drop(buffers);
        assert!(copy.iter().all(|value| *value == 5.0));
        assert!(Piece::zeros(1).is_none(), "no slab is left behind");
    }
}
