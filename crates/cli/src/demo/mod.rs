//! The sample set of `icecap demo`: photos drawn by code, so that a newcomer needs none, and the sheet that shows what
//! became of them.

mod backdrop;
mod color;
pub(crate) mod draw;
mod figure;
pub(crate) mod folder;
mod letters;
mod noise;
#[cfg(test)]
mod separability;
pub(crate) mod sheet;
