//! Where a photo comes from.

use std::path::Path;

/// Where a photo comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file.
    Path(&'a Path),
    /// A file's bytes in memory.
    Bytes(&'a [u8]),
}
