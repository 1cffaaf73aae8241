//! The only file mapping of the project.
//!
//! A mapped file that is cut short while it is read ends the process with SIGBUS, and one that is changed shows
//! other bytes than were checked. So the mapping of somebody's file is held only while its content is copied and packed,
//! and never handed on. Files of our own in a cache, which are only ever replaced by another that takes their name,
//! are the exception: [`KeptFile`] stays mapped, and buffers lie in it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::{error::Error, line::Line};

/// Maps the file at `path` for reading, hands its bytes to `read`, unmaps it, returns what `read` returned.
///
/// # Errors
/// [`Error::Io`] if it cannot be opened, is no regular file or cannot be mapped; [`Error::FileTooLarge`] above
/// `limit` bytes.
pub fn with_mapped_file<R>(path: &Path, limit: u64, read: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
    match map(path, limit)? {
        Some(mapping) => Ok(read(&mapping)),
        None => Ok(read(&[])),
    }
}

/// The mapping of a file. `None` if it is empty.
fn map(path: &Path, limit: u64) -> Result<Option<memmap2::Mmap>, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    // Before opening: a named pipe would block the open until somebody writes to it.
    let before = std::fs::metadata(path).map_err(io)?;
    if !before.is_file() {
        return Err(io(std::io::Error::other("not a regular file; name a file")));
    }
    let file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    if len > limit {
        return Err(Error::FileTooLarge { path: path.to_owned(), got: len, limit });
    }
    if len == 0 {
        return Ok(None);
    }
    // SAFETY: the mapping is private and read-only. That nobody truncates or writes the file while it is held is the limit
    // stated in the module's head: `with_mapped_file` holds it only while it reads, and a `KeptFile` is by contract a
    // file that nobody writes in place.
    let mapping = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }.map_err(io)?;
    Ok(Some(mapping))
}

/// A file of our own, mapped as long as it or a buffer in it lives.
///
/// Only for files that are written once, beside their place, and renamed into it: then what is mapped never changes,
/// whatever takes its name later. A file that another program cuts short in place while it is mapped ends the process
/// with SIGBUS; one that it overwrites in place shows other values.
#[derive(Clone, Debug)]
pub struct KeptFile {
    mapping: Arc<memmap2::Mmap>,
}

impl KeptFile {
    /// Maps the file at `path`, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// Those of [`with_mapped_file`]; an empty file cannot be mapped and is [`Error::Io`].
    pub fn open(path: &Path, limit: u64) -> Result<Self, Error> {
        let empty = || Error::Io { path: path.to_owned(), source: std::io::Error::other("an empty file") };
        Ok(Self { mapping: Arc::new(map(path, limit)?.ok_or_else(empty)?) })
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.mapping
    }

    /// The `lines` lines from byte `offset` on, in place. `None` if `offset` is not a multiple of a line, or if the file
    /// ends before the last one.
    pub(crate) fn extent(&self, offset: usize, lines: usize) -> Option<Extent> {
        let end = lines.checked_mul(size_of::<Line>())?.checked_add(offset)?;
        if !offset.is_multiple_of(size_of::<Line>()) || end > self.mapping.len() {
            return None;
        }
        let start = self.mapping[offset..].as_ptr().cast::<Line>();
        // A mapping starts on a page, and a line divides a page.
        assert!(start.is_aligned(), "a mapping starts on a page");
        Some(Extent { start, _mapping: Arc::clone(&self.mapping) })
    }
}

/// Lines of a [`KeptFile`].
pub(crate) struct Extent {
    start: *const Line,
    _mapping: Arc<memmap2::Mmap>,
}

// SAFETY: an extent points into a read-only mapping that it keeps alive itself; nothing is ever written through it.
unsafe impl Send for Extent {}
// SAFETY: as above.
unsafe impl Sync for Extent {}

impl Extent {
    pub(crate) fn start(&self) -> *const Line {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_bytes_and_keeps_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"icecap").unwrap();
        assert_eq!(with_mapped_file(&path, 6, <[u8]>::to_vec).unwrap(), b"icecap");
        assert!(matches!(
            with_mapped_file(&path, 5, |_| ()),
            Err(Error::FileTooLarge { got: 6, limit: 5, .. })
        ));
        assert!(matches!(with_mapped_file(folder.path(), 9, |_| ()), Err(Error::Io { .. })));
        std::fs::write(&path, b"").unwrap();
        assert_eq!(with_mapped_file(&path, 6, <[u8]>::len).unwrap(), 0);
    }
}
