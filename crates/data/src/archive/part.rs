//! A file of an archive, and what the file system says of it.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use icecap_foundation::read_at::OpenFile;

#[cfg(feature = "parquet")]
use super::table::PhotoColumn;
use crate::{Error, Result, Stamp};

/// A file of an archive as it was when that was opened. For each member it is opened anew: an archive may be a thousand files.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) stamp: Option<Stamp>,
    /// Where a table has its photos.
    #[cfg(feature = "parquet")]
    pub(super) photos: Option<PhotoColumn>,
    seen: Seen,
}

impl Part {
    /// The file at `path`, of which the file system says `about`.
    pub(super) fn of(path: &Path, about: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            stamp: Stamp::of(about),
            #[cfg(feature = "parquet")]
            photos: None,
            seen: Seen::of(about),
        }
    }

    /// Where its photos are, if it is a table.
    #[cfg(feature = "parquet")]
    pub(super) fn photos(&self) -> Result<&PhotoColumn> {
        self.photos.as_ref().ok_or_else(|| Error::Member { reason: "the file is no table".to_owned() })
    }

    /// Whether the file system says what it said.
    pub(super) fn is(&self, about: &Metadata) -> bool {
        Seen::of(about) == self.seen
    }

    /// Opens the file, so that `read` can take something out of it, and checks that it is the file that it was.
    pub(super) fn reading<R>(&self, read: impl FnOnce(&Arc<OpenFile>) -> Result<R>) -> Reading<R> {
        let source = match OpenFile::open(&self.path) {
            Ok(source) => Arc::new(source),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Reading::Changed,
            Err(error) => return Reading::Same(Err(Error::Read(error))),
        };
        let result = read(&source);
        match source.metadata() {
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
