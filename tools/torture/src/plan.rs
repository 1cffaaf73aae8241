//! Which cases of a campaign are run, and with which random numbers.

use std::ops::Range;

/// Which cases of a campaign are run. The options of every campaign.
#[derive(Clone, Debug, clap::Args)]
pub struct Plan {
    /// The seed that all cases are drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many cases; each campaign has its own number where none is given
    #[arg(long)]
    pub count: Option<u64>,
    /// Only the case of this number, as the line under a failure says
    #[arg(long)]
    pub only: Option<u64>,
}

impl Plan {
    /// A plan of `count` cases, for tests.
    #[must_use]
    pub fn of(seed: u64, count: u64) -> Self {
        Self { seed, count: Some(count), only: None }
    }

    /// The numbers of the cases to run; `usual` of them where none was asked for.
    #[must_use]
    pub fn cases(&self, usual: u64) -> Range<u64> {
        match self.only {
            Some(case) => case..case.saturating_add(1),
            None => 0..self.count.unwrap_or(usual),
        }
    }

    /// The random numbers of a case: the same for one seed and number, whatever ran before.
    #[must_use]
    pub fn random(&self, case: u64) -> fastrand::Rng {
        // An odd multiplier gives each number a seed of its own.
        fastrand::Rng::with_seed(self.seed.rotate_left(32) ^ case.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}
