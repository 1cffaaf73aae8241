//! What can be wrong with a file that is read.

use std::path::{Path, PathBuf};

/// Why a file of features cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system does not give the file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, or holds something else.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Whoever takes the rows refuses one.
    #[error(transparent)]
    Refused(#[from] icecap::Error),
}

impl Error {
    /// An error of the system about `path`.
    pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// An error about what is in `path`.
    pub(crate) fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.into() }
    }

    /// What is wrong with the table in `path`.
    #[cfg(feature = "parquet")]
    pub(crate) fn of_table(path: &Path) -> impl Fn(icecap_columns::Error) -> Self {
        move |error| match error {
            icecap_columns::Error::Io(source) => Self::Io { path: path.to_owned(), source },
            other => Self::content(path, other.to_string()),
        }
    }
}
