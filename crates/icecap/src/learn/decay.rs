//! How the learning rate changes over the epochs: the schedule as people write it.

use std::str::FromStr;

use crate::error::Error;

/// How the learning rate changes over the epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decay {
    /// It does not.
    Constant,
    /// Down to zero along a cosine.
    Cosine,
    /// Times `factor` after every `epochs`.
    Step {
        /// Epochs between two multiplications.
        epochs: u32,
        /// The factor.
        factor: f64,
    },
}

impl Decay {
    /// A step without numbers: halved after every five epochs.
    const STEP: Self = Self::Step { epochs: 5, factor: 0.5 };
}

/// As text `constant`, `cosine`, `step`, `step:EPOCHS` or `step:EPOCHS:FACTOR`.
impl FromStr for Decay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Setting {
            what: "schedule",
            reason: format!(
                "'{text}' is not one; use constant, cosine, step or step:EPOCHS:FACTOR, as in step:5:0.5 (epochs \
                 from 1, factor above 0 and up to 1)"
            ),
        };
        let mut words = text.split(':');
        let decay = match (words.next(), words.next(), words.next()) {
            (Some("constant"), None, None) => Self::Constant,
            (Some("cosine"), None, None) => Self::Cosine,
            (Some("step"), None, None) => Self::STEP,
            (Some("step"), Some(epochs), factor) => {
                let epochs = epochs.parse().ok().filter(|epochs| *epochs >= 1).ok_or_else(wrong)?;
                let factor: f64 = factor.unwrap_or("0.5").parse().map_err(|_| wrong())?;
                if !(factor > 0.0 && factor <= 1.0) {
                    return Err(wrong());
                }
                Self::Step { epochs, factor }
            }
            _ => return Err(wrong()),
        };
        if words.next().is_some() { Err(wrong()) } else { Ok(decay) }
    }
}

impl std::fmt::Display for Decay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Step { epochs, factor } => write!(f, "step:{epochs}:{factor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_is_written() {
        let step = |epochs, factor| Decay::Step { epochs, factor };
        for decay in [Decay::Constant, Decay::Cosine, step(3, 0.1), step(1, 1.0)] {
            assert_eq!(decay.to_string().parse::<Decay>().unwrap(), decay);
        }
        assert_eq!("step".parse::<Decay>().unwrap(), step(5, 0.5));
        assert_eq!("step:2".parse::<Decay>().unwrap(), step(2, 0.5));
        for wrong in
            ["", "linear", "cosine:3", "step:0", "step:2:0", "step:2:1.5", "step:2:nan", "step:2:0.5:1"]
        {
            assert!(wrong.parse::<Decay>().is_err(), "{wrong}");
        }
    }
}
