//! Convolutions in integers: drawn shapes and values, the extremes among them, equal to the oracle in every bit.

mod draw;
mod expand;
mod last;
mod project;
mod tiles;
mod window;

pub(crate) use expand::check_expand;
pub(crate) use last::check_last;
pub(crate) use project::check_project;
pub(crate) use window::{check_depthwise, check_stem};
