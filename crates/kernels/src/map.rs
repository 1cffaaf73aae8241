//! The only file mapping of the project.
//!
//! A mapped file that is cut short while it is read ends the process with SIGBUS, and one that is changed shows
//! other bytes than were checked. So a mapping is held only while a file's content is copied and packed, and never
//! handed on.

use std::fs::File;
use std::path::Path;

use crate::Error;

/// Maps the file at `path` for reading, hands its bytes to `read`, unmaps it, returns what `read` returned.
///
/// # Errors
/// [`Error::Io`] where it cannot be opened, is no regular file or cannot be mapped; [`Error::FileTooLarge`] above
/// `limit` bytes.
pub fn with_mapped_file<R>(path: &Path, limit: u64, read: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    // Before opening: a named pipe would block the open until somebody writes to it.
    let before = std::fs::metadata(path).map_err(io)?;
    if !before.is_file() {
        return Err(io(std::io::Error::other("not a regular file")));
    }
    let file = File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    if len > limit {
        return Err(Error::FileTooLarge { path: path.to_owned(), got: len, limit });
    }
    if len == 0 {
        return Ok(read(&[]));
    }
    // SAFETY: the mapping is private and read-only, lives only in this function and is lent to `read` for its
    // duration; that nobody truncates or writes the file meanwhile is the limit stated in the module's head.
    let mapping = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }.map_err(io)?;
    Ok(read(&mapping))
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
