//! Taps: the points of the net at which values can be taken out or put in, one behind each section.
//!
//! ```text
//! image ── first convolution ── block 0 ── … ── block 16 ── last convolution ── mean ── dense
//!      Image              Stem     Block(0)       Block(16)            Features  Pooled  Classes
//! ```
//!
//! Taps are ordered as values pass them, so what a plan computes is a range: `Tap::Image..Tap::Pooled` takes pixels in
//! and gives pooled features.

use std::fmt;
use std::str::FromStr;

use crate::{error::Error, spec::BLOCKS};

/// A point of the net at which a plan can start or end.
///
/// A tap has the same name in every net: Keras' name of the layer or, for a block, what the names of its layers start
/// with. [`Tap::layer`] gives the name of the one layer whose output is tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tap {
    /// The pixels of the image: `image`.
    Image,
    /// What leaves the first convolution: `Conv1_relu`.
    Stem,
    /// What leaves the inverted residual block of this index, from 0 to 16: `expanded_conv`, `block_1` to `block_16`.
    Block(usize),
    /// The features, which leave the last convolution: `out_relu`.
    Features,
    /// The mean of the features over the image: `global_average_pooling2d`.
    Pooled,
    /// The scores of the classification top: `predictions`.
    Classes,
}

impl Tap {
    /// Iterates over every tap of the net, in the order in which values pass them.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        let blocks = (0..BLOCKS).map(Self::Block);
        [Self::Image, Self::Stem].into_iter().chain(blocks).chain([
            Self::Features,
            Self::Pooled,
            Self::Classes,
        ])
    }
}

impl fmt::Display for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image => f.pad("image"),
            Self::Stem => f.pad("Conv1_relu"),
            Self::Block(0) => f.pad("expanded_conv"),
            Self::Block(index) => f.pad(&format!("block_{index}")),
            Self::Features => f.pad("out_relu"),
            Self::Pooled => f.pad("global_average_pooling2d"),
            Self::Classes => f.pad("predictions"),
        }
    }
}

impl FromStr for Tap {
    type Err = Error;

    /// Reads a tap from the name that `Display` gives it.
    fn from_str(name: &str) -> Result<Self, Error> {
        let unknown =
            || Error::UnknownLayer { name: name.to_owned(), purpose: "that a plan can start or end at" };
        Self::all().find(|tap| tap.to_string() == name).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_are_in_order_and_each_is_read_from_its_own_name() {
        let taps: Vec<Tap> = Tap::all().collect();
        assert_eq!(taps.len(), BLOCKS + 5);
        assert!(taps.is_sorted_by(|one, next| one < next), "each once, in the order of the net");
        for tap in taps {
            assert_eq!(tap.to_string().parse(), Ok(tap));
        }
        for name in ["", "block_0", "block_17", "block_2_add", "Conv1", "out_relu "] {
            assert!(matches!(name.parse::<Tap>(), Err(Error::UnknownLayer { .. })), "'{name}'");
        }
    }
}
