//! The net in integers of eight bits: how real numbers become integers, and what is computed with them.
//!
//! `docs/int8.md` defines every number. [`IntegerNet`] holds them; [`IntegerReference`] computes with them as that page
//! says, in plain loops.

mod calibrate;
mod check;
mod convolution;
mod correct;
mod forward;
mod integers;
mod net;
mod observe;
mod photo;
mod plan;
mod quantize;
mod reference;
mod rounding;
mod source;
mod statistics;
mod tally;

pub use calibrate::{Calibrated, Listening, MOST_JUDGED, MOST_PHOTOS, Photos, calibrate, feature_error};
pub use integers::{
    BORDERS, Bottleneck, EIGHTHS, FINE_CHANNELS, FINE_MOST, FINE_UNSTATED, IntegerBlock, IntegerConv,
    IntegerNet, LEVELS, Outcome, RELU6_STEP, fine_weight, is_fine,
};
pub(crate) use net::PackedIntegerNet;
pub(crate) use plan::IntegerPlan;
pub use reference::{IntegerImage, IntegerReference, Intermediate};

#[cfg(test)]
mod tests;
