//! Why a demo's folder could not be made or filled.

use std::path::PathBuf;

/// The ways in which a demo's folder can fail. Messages begin with the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds files, and none that says that a demo made it.
    #[error("{0}: holds files that are not a demo's")]
    Foreign(PathBuf),
    /// A file or folder could not be made or read.
    #[error("{0}: {1}")]
    Path(PathBuf, #[source] std::io::Error),
    /// A photo could not be written.
    #[error("{0}: {1}")]
    Photo(PathBuf, #[source] image::ImageError),
    /// The caller's callback stopped the drawing.
    #[error("stopped")]
    Stopped,
}
