//! Weight files and model files, from bytes to a checked net and back, and what is refused on the way.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod assets;
mod hash;
mod hostile;
mod keras;
mod layouts;
mod model;
mod mutants;
mod net;
mod packed;
mod saving;
