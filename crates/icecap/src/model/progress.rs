//! How far a piece of work over many photos is.

/// How far an extraction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Photos done, unreadable ones among them.
    pub done: usize,
    /// Photos in all.
    pub photos: usize,
}
