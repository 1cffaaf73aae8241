//! What is wrong with the files of a run.

use std::io;
use std::path::PathBuf;

use icecap::Kind;

/// Why a run, or its page, cannot be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the library, among them that the caller stopped the work.
    #[error(transparent)]
    Facade(#[from] icecap::Error),
    /// A folder without what a finished training leaves.
    #[error("{}: no finished run is here, metrics.json is missing; name the folder of one", .folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
    },
    /// A file that cannot be read.
    #[error("{}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What stands in the place of a file and is none.
    #[error("{}: not a regular file", .path.display())]
    NotRegular {
        /// The place.
        path: PathBuf,
    },
    /// A file that is larger than any run's.
    #[error("{}: {bytes} bytes are above the limit of {limit}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The most bytes that are read.
        limit: u64,
    },
    /// More classes than can be looked at.
    #[error("{}: {classes} classes are above the limit of {limit}", .folder.display())]
    TooManyClasses {
        /// The folder of the run.
        folder: PathBuf,
        /// Its classes.
        classes: usize,
        /// The most classes: their confusion matrix has the square of this.
        limit: usize,
    },
    /// A file whose content cannot be used.
    #[error("{}: {reason}; train again to have it written anew", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The place in it, and what is wrong.
        reason: String,
    },
    /// A file whose text cannot be made.
    #[error("the run's record cannot be written: {reason}")]
    Unwritable {
        /// What is wrong.
        reason: String,
    },
}

impl Error {
    /// Returns what kind of error it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Facade(error) => error.kind(),
            Self::Read { .. } | Self::NotRegular { .. } => Kind::Path,
            Self::NoRun { folder } if !folder.is_dir() => Kind::Path,
            Self::TooLarge { .. } | Self::TooManyClasses { .. } => Kind::Limit,
            Self::NoRun { .. } | Self::Unusable { .. } | Self::Unwritable { .. } => Kind::Content,
        }
    }
}
