//! A slice whose pieces go to several threads.

use std::marker::PhantomData;
use std::ops::Range;

/// A slice borrowed for writing, to be handed out in pieces that do not overlap.
pub(crate) struct Pieces<'a, T> {
    start: *mut T,
    len: usize,
    _slice: PhantomData<&'a mut [T]>,
}

// SAFETY: what lies behind is handed out in disjoint pieces, each to one thread, and is Send.
unsafe impl<T: Send> Sync for Pieces<'_, T> {}

impl<'a, T> Pieces<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), _slice: PhantomData }
    }

    /// The values of `range`.
    ///
    /// # Panics
    /// If the slice does not hold them.
    ///
    /// # Safety
    /// While the piece is in use, nobody has another one that overlaps it.
    #[expect(clippy::mut_from_ref, reason = "the caller promises that the pieces are disjoint")]
    pub(crate) unsafe fn piece(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {} values", self.len);
        // SAFETY: the range lies in the slice, which is borrowed as long as `self` lives, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
