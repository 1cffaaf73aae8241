//! A number that was computed in single precision, as a file has it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of single precision, which as an `f64` is what its few digits name: 0.1, not 0.10000000149011612.
///
/// So a figure that was just computed and one that was read from a file print alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figure(f32);

impl From<f32> for Figure {
    fn from(value: f32) -> Self {
        Self(value)
    }
}

impl From<Figure> for f64 {
    fn from(Figure(value): Figure) -> Self {
        value.to_string().parse().unwrap_or(Self::from(value))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_keeps_the_bits_and_the_digits_of_its_number() {
        // Steps of a prime through all bit patterns, so that every exponent is met.
        for bits in (0..u32::MAX).step_by(10_000_019) {
            let value = f32::from_bits(bits);
            if value.is_nan() {
                continue;
            }
            let figure = Figure::from(value);
            assert_eq!((f64::from(figure) as f32).to_bits(), bits);
            let text = serde_json::to_string(&figure).unwrap();
            assert_eq!(text, serde_json::to_string(&value).unwrap());
            if value.is_finite() {
                assert_eq!(serde_json::from_str::<Figure>(&text).unwrap(), figure);
            }
        }
        assert_eq!(f64::from(Figure::from(0.1_f32)), 0.1);
    }
}
