//! Values behind which there is no memory: reading or writing one more ends the process.

use std::fs::File;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

use memmap2::{MmapOptions, MmapRaw};

/// More than the largest image of the net. A file with holes takes no disk.
const FILE: usize = 64 << 20;
/// A multiple of every system's pages.
const PAGE: usize = 64 << 10;

/// A copy of values that ends where memory ends.
pub(crate) struct Fenced<T> {
    mapping: MmapRaw,
    start: usize,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Copy> Fenced<T> {
    pub(crate) fn new(values: &[T]) -> Self {
        static EMPTY: OnceLock<File> = OnceLock::new();
        let file = EMPTY.get_or_init(|| {
            let file = tempfile::tempfile().unwrap();
            file.set_len(FILE as u64).unwrap();
            file
        });
        let bytes = size_of_val(values);
        let inside = bytes.next_multiple_of(PAGE);
        assert!(inside <= FILE, "{bytes} bytes are more than any image has");
        let mut options = MmapOptions::new();
        options.offset((FILE - inside) as u64).len(inside + PAGE);
        // SAFETY: nobody writes the file, which has no name, and the mapping is a private copy. Its last page lies behind
        // the file's end: touching it is the fault that tells of a kernel that reads too far.
        let mapping = MmapRaw::from(unsafe { options.map_copy(file) }.unwrap());
        let mut fenced = Self { mapping, start: inside - bytes, len: values.len(), element: PhantomData };
        fenced.copy_from_slice(values);
        fenced
    }
}

impl<T> Deref for Fenced<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` values that were copied here, ending at a page: they start on a multiple of their size, within the
        // mapping, which lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.mapping.as_ptr().add(self.start).cast(), self.len) }
    }
}

impl<T> DerefMut for Fenced<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, once they are copied; until then zeros, which are values of all elements here. `&mut self`
        // makes the run ours alone.
        unsafe { std::slice::from_raw_parts_mut(self.mapping.as_mut_ptr().add(self.start).cast(), self.len) }
    }
}
