//! Which part of a net learns beside the head: from one of its blocks on, as people name it.

use std::str::FromStr;

use icecap_foundation::did_you_mean::nearest;
use icecap_graph::{BLOCKS, Tap};

use crate::error::Error;

/// Which part of the net learns beside the head: everything from one point on. As text: `auto`, `all`, `Conv_1` or what the
/// Keras names of a block's layers begin with, `expanded_conv`, `block_1` to `block_16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfreeze {
    /// Nothing, or one of the last blocks and all behind it: whatever a slice of the training photos is known best by.
    Auto,
    /// The whole net.
    All,
    /// The block of this index, from 0 to 16, and all behind it.
    Block(usize),
    /// The last convolution alone.
    LastConvolution,
}

impl Unfreeze {
    /// What [`Unfreeze::Auto`] chooses among beside nothing, the least first.
    pub(crate) const TRIED: [Self; 4] = [Self::Block(16), Self::Block(15), Self::Block(14), Self::Block(13)];

    /// Returns the tap at which values enter the part that learns; `None` for [`Unfreeze::Auto`].
    #[must_use]
    pub fn tap(self) -> Option<Tap> {
        match self {
            Self::Auto => None,
            Self::All => Some(Tap::Image),
            Self::Block(0) => Some(Tap::Stem),
            Self::Block(block) => Some(Tap::Block(block - 1)),
            Self::LastConvolution => Some(Tap::Block(BLOCKS - 1)),
        }
    }

    /// The part itself, or those that are tried for it.
    pub(crate) fn candidates(&self) -> &[Self] {
        match self {
            Self::Auto => &Self::TRIED,
            one => std::slice::from_ref(one),
        }
    }

    /// Every name.
    fn names() -> impl Iterator<Item = String> {
        let blocks = (0..BLOCKS).rev().map(Self::Block);
        let parts = [Self::Auto, Self::LastConvolution].into_iter().chain(blocks).chain([Self::All]);
        parts.map(|part| part.to_string())
    }
}

impl std::fmt::Display for Unfreeze {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::All => f.write_str("all"),
            Self::Block(block) => Tap::Block(*block).fmt(f),
            Self::LastConvolution => f.write_str("Conv_1"),
        }
    }
}

impl FromStr for Unfreeze {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = [Self::Auto, Self::All, Self::LastConvolution].into_iter();
        let found = parts.chain((0..BLOCKS).map(Self::Block)).find(|part| part.to_string() == text);
        found.ok_or_else(|| {
            let names: Vec<String> = Self::names().collect();
            // A number is what the blocks differ by.
            let number = text.strip_prefix("block_").unwrap_or(text).parse().ok();
            let number = number.filter(|block| (0..BLOCKS).contains(block));
            let meant = match number {
                Some(block) => Some(Self::Block(block).to_string()),
                None => nearest(text, names.iter().map(String::as_str)).map(str::to_owned),
            };
            let then = meant.map_or_else(|| "; use".to_owned(), |meant| format!(", did you mean '{meant}'? Use"));
            let reason = format!(
                "the net has no block '{text}'{then} block_16 (the last) to block_1, expanded_conv (the first), all, Conv_1 \
                 (the last convolution alone), or auto"
            );
            Error::Setting { what: "unfreeze", reason }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_read_as_it_is_written_and_begins_behind_its_tap() {
        for name in Unfreeze::names() {
            let part: Unfreeze = name.parse().unwrap();
            assert_eq!((part.to_string(), part.tap().is_none()), (name.clone(), name == "auto"));
        }
        assert_eq!(Unfreeze::names().count(), BLOCKS + 3);
        let taps = ["all", "expanded_conv", "block_1", "block_16", "Conv_1"]
            .map(|name| name.parse::<Unfreeze>().unwrap().tap().unwrap());
        assert_eq!(taps, [Tap::Image, Tap::Stem, Tap::Block(0), Tap::Block(15), Tap::Block(16)]);
        assert!(Unfreeze::TRIED.windows(2).all(|pair| pair[0].tap() > pair[1].tap()));
    }

    #[test]
    fn what_was_meant_is_said() {
        for (typed, meant) in [
            ("block_17", "block_1"),
            ("blok_16", "block_16"),
            ("16", "block_16"),
            ("0", "expanded_conv"),
            ("block_0", "expanded_conv"),
            ("conv1", "Conv_1"),
            ("Block 13", "block_13"),
        ] {
            let error = typed.parse::<Unfreeze>().unwrap_err().to_string();
            assert!(error.contains(&format!("did you mean '{meant}")), "{error}");
        }
        let error = "elephant".parse::<Unfreeze>().unwrap_err().to_string();
        assert!(error.contains("no block 'elephant'; use block_16 (the last)"), "{error}");
        assert!(!error.contains("did you mean"), "{error}");
    }
}
