//! `--augment`: the training photos seen in several ways.

use clap::Args;
use icecap::advanced::data::{Augment, Views};

use crate::terminal::failure::Failure;

/// Views of a training photo if a list of changes is given and no number.
const VIEWS: u32 = 4;

#[derive(Args, Clone)]
pub(super) struct AugmentOptions {
    /// Learn from views of each training photo as well, which differ by flip, crop:SHARE, rotate:DEGREES,
    /// color:STRENGTH, as in flip,crop:0.8; each is computed once and kept in the cache
    #[arg(long, value_name = "LIST")]
    pub(super) augment: Option<Augment>,
    /// Views of each training photo, the photo itself among them [default: 4]
    #[arg(long, value_name = "K", allow_negative_numbers = true, requires = "augment", value_parser = clap::value_parser!(u32).range(2..=64))]
    views: Option<u32>,
}

impl AugmentOptions {
    /// Returns how many views there are of each training photo.
    pub(super) fn count(&self) -> u32 {
        if self.augment.is_some() { self.views.unwrap_or(VIEWS) } else { 1 }
    }

    /// Returns the views, drawn by `seed`.
    pub(super) fn views(&self, seed: u64) -> Result<Views, Failure> {
        match self.augment {
            Some(augment) => Ok(Views::drawn(augment, seed, self.count())?),
            None => Ok(Views::Plain),
        }
    }
}
