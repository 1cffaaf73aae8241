//! The sorts of trouble that errors tell.

/// The sort of trouble that an error tells, for an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The file's content is not usable.
    Content,
    /// The file, or something in it, is above a limit.
    Limit,
    /// A file or an address is not there, not readable, not writable or not reachable.
    Io,
    /// A setting cannot be used.
    Setting,
    /// The caller stopped the work.
    Stopped,
}
