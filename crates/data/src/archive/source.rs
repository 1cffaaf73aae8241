//! A file of an archive, which several threads read at once, and what the file system says of it.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use icecap_foundation::zip::ReadAt;

use crate::{Error, Result, Stamp};

/// A file of an archive as it was when that was opened. For each member it is opened anew: an archive may be a thousand files.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) stamp: Option<Stamp>,
    seen: Seen,
}

impl Part {
    /// The file at `path`, of which the file system says `about`.
    pub(super) fn of(path: &Path, about: &Metadata) -> Self {
        Self { path: path.to_owned(), stamp: Stamp::of(about), seen: Seen::of(about) }
    }

    /// Whether the file system says what it said.
    pub(super) fn is(&self, about: &Metadata) -> bool {
        Seen::of(about) == self.seen
    }

    /// Opens the file, so that `read` can take something out of it, and checks that it is the file that it was.
    pub(super) fn reading<R>(&self, read: impl FnOnce(&Source) -> Result<R>) -> Reading<R> {
        let source = match Source::open(&self.path) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Reading::Changed,
            Err(error) => return Reading::Same(Err(Error::Read(error))),
        };
        let result = read(&source);
        match source.file.metadata() {
            Ok(about) if self.is(&about) => Reading::Same(result),
            Ok(_) => Reading::Changed,
            Err(error) => Reading::Same(Err(Error::Read(error))),
        }
    }
}

/// What was read of a file that is the same as before, or that it is not.
pub(super) enum Reading<R> {
    Same(Result<R>),
    Changed,
}

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
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            length,
            #[cfg(not(unix))]
            place: std::sync::Mutex::default(),
        })
    }
}

impl ReadAt for Source {
    fn length(&self) -> u64 {
        self.length
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, out, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let _place = self.place.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (&self.file).seek(SeekFrom::Start(at))?;
        (&self.file).read_exact(out)
    }
}

/// What tells a file from the one that was there before.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, inode and the time of the last change of anything.
    #[cfg(unix)]
    place: (u64, u64, i64, i64),
}

impl Seen {
    fn of(about: &Metadata) -> Self {
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
