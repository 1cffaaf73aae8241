//! What holds across the crates below the facade, and of the facade itself.
//!
//! One process for all of them, so that they are linked once. What counts threads or compares times is beside this
//! folder, in a process of its own.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod accuracy;
mod assets;

mod determinism;
mod duplicates;
mod golden;
mod in_memory;
mod int8;
mod int8_golden;
mod int8_plan;
mod leaving;
mod net;
mod open_options;
mod packed;
mod tail;
mod textures;
mod training;
mod tuning;
mod views;
