//! HDF5 files as Keras writes them: whole, of every dialect of it that was met, damaged and hostile.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod containers;
mod hostile;
mod keras;
mod mutants;
