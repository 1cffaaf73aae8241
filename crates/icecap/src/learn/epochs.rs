//! How often a training by steps goes over its photos.

/// How often a training goes over its photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epochs {
    /// The photos decide how often: see [`Epochs::count`].
    #[default]
    Auto,
    /// So many times.
    Fixed(u32),
}

impl Epochs {
    /// A training of fewer steps than this is not done: ten photos are one step an epoch, and after ten steps the head
    /// is hardly better than its random start (0.69 against 0.84 on ants and bees, five photos of each).
    const STEPS: usize = 300;
    /// Fewer passes than this waste photos that there are.
    const LEAST: u32 = 10;

    /// Returns the number, if it is not left to the photos.
    #[must_use]
    pub fn fixed(self) -> Option<u32> {
        match self {
            Self::Fixed(epochs) => Some(epochs),
            Self::Auto => None,
        }
    }

    /// Returns how often a training goes over so many photos in steps of `batch` photos: if that is left to the photos, 10
    /// times, or as often as makes 300 steps.
    #[must_use]
    pub fn count(self, photos: usize, batch: usize) -> u32 {
        match self {
            Self::Fixed(epochs) => epochs,
            Self::Auto => {
                let steps = photos.div_ceil(batch.max(1)).max(1);
                Self::LEAST.max(Self::STEPS.div_ceil(steps) as u32)
            }
        }
    }
}

impl From<u32> for Epochs {
    fn from(epochs: u32) -> Self {
        Self::Fixed(epochs)
    }
}

/// Writes a number, or `auto`.
impl std::fmt::Display for Epochs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(epochs) => epochs.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_ten_or_three_hundred_steps() {
        let auto = |photos| Epochs::Auto.count(photos, 32);
        assert_eq!([0, 10, 32, 33, 245, 960, 961, 20_000].map(auto), [300, 300, 300, 150, 38, 10, 10, 10]);
        assert_eq!(Epochs::from(7).count(10, 32), 7);
    }
}
