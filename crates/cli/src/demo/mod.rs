//! The sample set of `icecap demo`: photos drawn by code, so that a newcomer needs none.

mod backdrop;
mod colour;
pub(crate) mod draw;
mod figure;
mod noise;
#[cfg(test)]
mod separability;
