//! Weight files and model files, from bytes to a checked net and back, and what is refused on the way.
//!
//! One process for every container and layout, so that they are linked once; what counts memory is beside this folder,
//! in processes of its own.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod draft;
mod forge;
mod given;
mod golden_file;
mod net;

mod assets;
mod bottlenecks;
mod hash;
mod hdf5;
mod hdf5_keras;
mod hostile;
mod integers;
mod keras;
mod layered;
mod layouts;
mod model;
mod mutants;
mod operating;
mod packed;
mod safetensors_draft;
mod saving;
mod seal;
mod torch;
