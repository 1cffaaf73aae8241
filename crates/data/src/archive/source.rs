//! The file of an archive, which several threads read at once, and what the file system says of it.

use std::fs::{File, Metadata};
use std::path::Path;
use std::time::SystemTime;

use icecap_foundation::zip::ReadAt;

/// An open file that is read at offsets.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    length: u64,
    /// Where a file has one place to read from, one thread has it at a time.
    #[cfg(not(unix))]
    place: std::sync::Mutex<()>,
}

impl Source {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            length,
            #[cfg(not(unix))]
            place: std::sync::Mutex::default(),
        })
    }

    /// What the file system says of the file now.
    pub(super) fn about(&self) -> std::io::Result<Metadata> {
        self.file.metadata()
    }
}

impl ReadAt for Source {
    fn length(&self) -> u64 {
        self.length
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, out: &mut [u8]) -> std::io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, out, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, out: &mut [u8]) -> std::io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let _place = self.place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (&self.file).seek(SeekFrom::Start(at))?;
        (&self.file).read_exact(out)
    }
}

/// What tells an archive from the one that was there before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode and the time of the last change of anything.
    #[cfg(unix)]
    place: (u64, u64, i64, i64),
}

impl Seen {
    pub(super) fn of(about: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            length: about.len(),
            modified: about.modified().ok(),
            #[cfg(unix)]
            place: (about.dev(), about.ino(), about.ctime(), about.ctime_nsec()),
        }
    }
}
