//! The 1x1 convolutions in integers by tile registers: up to 16 pixels times up to 64 inputs times 16 outputs at once.
//!
//! [`unit`] says what a tile unit is; [`hardware`] is that of the processor, [`machine`] one in plain Rust, so that the
//! loops over tiles run, and every configuration is checked, on any processor. The loop of [`expand`] ends
//! in quads, that of [`pairs`] in what [`project`] or [`last`] make of the sums.
//!
//! A tile's sums go through memory: they are stored as they are, and read again by [`Lanes`](super::lanes::Lanes). A store
//! waits for its product, and the work on sums waits for the store; so both are written behind later products.

pub(crate) mod expand;
#[cfg(target_arch = "x86_64")]
mod hardware;
pub(crate) mod last;
mod machine;
pub(crate) mod pairs;
pub(crate) mod peak;
pub(crate) mod project;
mod quads;
mod strips;
mod unit;
