//! The size of the input as an option: a side, or rows and columns.

use std::fmt;
use std::str::FromStr;

/// Rows and columns: `160` or `96x128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputSize(pub(crate) [usize; 2]);

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [height, width] if height == width => write!(f, "{height}"),
            [height, width] => write!(f, "{height}x{width}"),
        }
    }
}

impl InputSize {
    /// Returns rows and columns, also where they are the same: `160x160`.
    pub(crate) fn sides(self) -> String {
        let [height, width] = self.0;
        format!("{height}x{width}")
    }
}

impl FromStr for InputSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        let side = |side: &str| {
            let range = icecap::advanced::graph::MIN_SIDE..=icecap::advanced::graph::MAX_SIDE;
            side.parse().ok().filter(|side| range.contains(side)).ok_or_else(|| {
                format!(
                    "sides from {} to {} pixels are supported, as in 160 or 96x128",
                    range.start(),
                    range.end()
                )
            })
        };
        Ok(Self([side(height)?, side(width)?]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_side_or_two() {
        assert_eq!("160".parse(), Ok(InputSize([160, 160])));
        assert_eq!("96x128".parse(), Ok(InputSize([96, 128])));
        assert_eq!([[160, 160], [96, 128]].map(|size| InputSize(size).to_string()), ["160", "96x128"]);
        assert_eq!(InputSize([160, 160]).sides(), "160x160");
        for wrong in ["", "31", "96x", "x96", "96x96x3", "-160", "4096", "1e2"] {
            assert!(wrong.parse::<InputSize>().is_err(), "{wrong}");
        }
    }
}
