//! How much the photos of a rare class count in the loss.

use std::str::FromStr;

use crate::error::Error;

/// How much the photos of a rare class count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClassWeight {
    /// Each photo counts once.
    #[default]
    None,
    /// By the root of what `Balanced` gives: between the two.
    Sqrt,
    /// Each class counts the same, however many photos it has.
    Balanced,
}

impl ClassWeight {
    /// The names, as they are read and written.
    pub const NAMES: [&str; 3] = ["none", "sqrt", "balanced"];

    /// The weight of a photo of each class, their mean over the photos being 1; none where all count once.
    #[must_use]
    pub fn of(self, counts: &[usize]) -> Option<Vec<f32>> {
        let power = match self {
            Self::None => return None,
            Self::Sqrt => 0.5,
            Self::Balanced => 1.0,
        };
        let weight = |&count: &usize| if count == 0 { 0.0 } else { (count as f64).powf(-power) };
        let photos: usize = counts.iter().sum();
        let sum: f64 = counts.iter().map(|count| *count as f64 * weight(count)).sum();
        let scale = if sum > 0.0 { photos as f64 / sum } else { 0.0 };
        Some(counts.iter().map(|count| (scale * weight(count)) as f32).collect())
    }
}

impl FromStr for ClassWeight {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "none" => Ok(Self::None),
            "sqrt" => Ok(Self::Sqrt),
            "balanced" => Ok(Self::Balanced),
            _ => Err(Error::Setting {
                what: "class weight",
                reason: format!("'{text}' is not one; use one of {}", Self::NAMES.join(", ")),
            }),
        }
    }
}

impl std::fmt::Display for ClassWeight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Sqrt => "sqrt",
            Self::Balanced => "balanced",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_weights_have_a_mean_of_one_over_the_photos() {
        assert_eq!(ClassWeight::None.of(&[1, 2]), None);
        let counts = [10, 90, 0, 400];
        for rule in [ClassWeight::Sqrt, ClassWeight::Balanced] {
            let weights = rule.of(&counts).unwrap();
            let sum: f32 = counts.iter().zip(&weights).map(|(&count, weight)| count as f32 * weight).sum();
            assert!((sum / 500.0 - 1.0).abs() < 1e-6 && weights[2] == 0.0, "{weights:?}");
            let ratio = weights[0] / weights[1];
            assert!((ratio - if rule == ClassWeight::Sqrt { 3.0 } else { 9.0 }).abs() < 1e-5, "{ratio}");
            assert_eq!(rule.to_string().parse::<ClassWeight>().unwrap(), rule);
        }
        assert!("heavy".parse::<ClassWeight>().is_err());
    }
}
