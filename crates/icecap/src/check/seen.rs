//! What is known of a photo that was looked at.

use icecap_data::{About, Digest, Warning};

/// What a check knows of a photo that can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The hash of its file.
    pub sha256: Digest,
    /// What the file holds.
    pub about: About,
    /// What is odd about the file.
    pub warnings: Vec<Warning>,
}

impl Seen {
    /// Returns how many pixels the photo has.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        u64::from(self.about.width) * u64::from(self.about.height)
    }
}
