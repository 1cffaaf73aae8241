//! Large pages for buffers that live and die together, such as a net's weights.
//!
//! Memory that is touched for the first time costs a page fault for every 4 KiB: 0.8 ms a megabyte on the reference
//! machine, more than reading, folding and packing the weights that go there. In pages of 2 MiB it costs 0.2 ms, and
//! the processor's table of pages holds all of a net. The system gives such pages only to memory that is aligned to
//! them, which single tensors are too small for; so buffers made inside [`in_slabs`] are cut from common slabs.
//!
//! A slab's memory is given back when the last buffer in it is dropped: not for buffers of different ages.

use std::cell::Cell;
use std::sync::Arc;

use memmap2::{Advice, MmapOptions, MmapRaw};

use crate::line::Line;

/// Bytes of a large page.
const PAGE: usize = 2 << 20;
/// The bytes of a slab, if one buffer does not need more. What a net of width 1 does not use of its last slab is address
/// space, not memory, but for the rest of a page.
const SLAB: usize = 16 << 20;

thread_local! {
    static CURRENT: Cell<Option<Slab>> = const { Cell::new(None) };
}

/// Calls `work` and returns what it returns; the buffers that it makes on this thread share slabs of large pages. For
/// buffers that are dropped together: a slab's memory is given back when the last of them is.
pub fn in_slabs<R>(work: impl FnOnce() -> R) -> R {
    /// Puts what was there before back, also where `work` panics.
    struct Outer(Option<Slab>);
    impl Drop for Outer {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _outer = Outer(CURRENT.replace(Some(Slab::default())));
    work()
}

/// The slab that buffers are cut from, and what is left of it.
#[derive(Default)]
struct Slab {
    region: Option<Arc<MmapRaw>>,
    next: usize,
}

/// Lines of a slab that belong to one buffer.
pub(crate) struct Piece {
    start: *mut Line,
    _region: Arc<MmapRaw>,
}

// SAFETY: a piece is the only way to its lines (`Slab::cut` hands each out once), as a `Vec<Line>` would be.
unsafe impl Send for Piece {}
// SAFETY: as above; a shared piece is only read.
unsafe impl Sync for Piece {}

impl Piece {
    /// `lines` lines of zeros from this thread's slab. `None` outside [`in_slabs`], and if the system gives none.
    pub(crate) fn zeros(lines: usize) -> Option<Self> {
        let mut slab = CURRENT.take()?;
        let piece = slab.cut(lines);
        CURRENT.set(Some(slab));
        piece
    }

    pub(crate) fn start(&self) -> *mut Line {
        self.start
    }
}

impl Slab {
    fn cut(&mut self, lines: usize) -> Option<Piece> {
        let bytes = lines.checked_mul(size_of::<Line>()).filter(|bytes| *bytes > 0)?;
        if self.region.as_ref().is_none_or(|region| region.len() - self.next < bytes) {
            self.map(bytes)?;
        }
        let region = self.region.as_ref()?;
        let start = self.next;
        self.next += bytes;
        // SAFETY: `start + bytes` is at most the region's length: it was compared above, or `map` has made room for
        // `bytes`. `start` is a multiple of 64 from a multiple of 64.
        let start = unsafe { region.as_mut_ptr().add(start) }.cast();
        Some(Piece { start, _region: Arc::clone(region) })
    }

    /// A new slab with room for `bytes`.
    fn map(&mut self, bytes: usize) -> Option<()> {
        let bytes = bytes.max(SLAB).checked_next_multiple_of(PAGE)?;
        let region = MmapOptions::new().len(bytes.checked_add(PAGE)?).map_anon().ok()?;
        let skip = region.as_ptr().align_offset(PAGE).min(PAGE);
        // Where the system has no large pages, small ones serve.
        #[cfg(target_os = "linux")]
        let _ = region.advise_range(Advice::HugePage, skip, bytes);
        self.region = Some(Arc::new(region.into()));
        self.next = skip;
        Some(())
    }
}
