//! The type of the numbers that a net computes with.

use std::fmt;
use std::str::FromStr;

/// The type of the numbers that a net computes with, from its pixels to its features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// 32-bit floating point: the numbers of training.
    #[default]
    F32,
    /// Bytes and integer weights, `docs/int8.md`: a quarter of the size, the same bits on every processor, features about
    /// a twentieth off those of f32.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::F32, Self::Int8];

    /// Returns the name: `f32` or `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    /// Reads a precision from the name that `Display` gives it.
    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| UnknownPrecision { name: name.to_owned() })
    }
}

/// A name that no precision has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no precision '{name}'; there are f32 and int8")]
pub struct UnknownPrecision {
    /// The name given.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_from_its_own_name() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse(), Ok(precision));
        }
        assert!("INT8".parse::<Precision>().is_err());
    }
}
