//! The optimizers that go down a gradient step by step.

use std::str::FromStr;

use crate::error::Error;

/// An optimizer that takes steps of one batch each. As text: `adam`, `adamw`, `sgd` or `rmsprop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Optimizer {
    /// Adam: steps scaled by running means of the gradient and of its square.
    #[default]
    Adam,
    /// Adam with weight decay that is decoupled from the gradient.
    AdamW,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// RMSprop: steps scaled by a running mean of the gradient's square.
    RmsProp,
}

impl Optimizer {
    /// Every optimizer.
    pub const ALL: [Self; 4] = [Self::Adam, Self::AdamW, Self::Sgd, Self::RmsProp];

    /// Returns the name by which the optimizer is read and written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Adam => "adam",
            Self::AdamW => "adamw",
            Self::Sgd => "sgd",
            Self::RmsProp => "rmsprop",
        }
    }
}

impl FromStr for Optimizer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|optimizer| optimizer.name() == text);
        found.ok_or_else(|| Error::Setting {
            what: "optimizer",
            reason: format!("'{text}' is not one; use one of {}", Self::ALL.map(Self::name).join(", ")),
        })
    }
}

impl std::fmt::Display for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_as_it_is_written_and_there_is_arithmetic_for_it() {
        for optimizer in Optimizer::ALL {
            assert_eq!(optimizer.to_string().parse::<Optimizer>().unwrap(), optimizer);
            assert!(icecap_autograd::optim::named(optimizer.name()).is_ok(), "{optimizer}");
        }
        let error = "x".parse::<Optimizer>().unwrap_err().to_string();
        assert!(error.contains("adam, adamw"), "{error}");
    }
}
