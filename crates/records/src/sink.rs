//! Where rows go while they are made.

use std::io::Result;

use crate::row::FeatureRow;

/// A file under way.
pub trait Sink {
    /// Writes the row of one photo. A format without a place for errors leaves the photo out, or its numbers.
    ///
    /// # Errors
    /// What the system says.
    fn push(&mut self, row: &FeatureRow<'_>) -> Result<()>;

    /// Writes what follows the last row.
    ///
    /// # Errors
    /// What the system says.
    fn finish(self: Box<Self>) -> Result<()>;
}
