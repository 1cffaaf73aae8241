//! How far a piece of work over many photos is.

/// How far a piece of work over many photos is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many photos are done, those that cannot be read included.
    pub done: usize,
    /// How many photos there are in all.
    pub photos: usize,
}
