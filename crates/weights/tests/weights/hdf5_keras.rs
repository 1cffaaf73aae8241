//! Keras' ways of naming a net's tensors: what it saved, and what nobody would save on purpose.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod description;
#[allow(dead_code, reason = "what the other tests use of it")]
#[path = "../torch/draft.rs"]
mod draft;
#[allow(dead_code, reason = "what the other tests use of it")]
#[path = "../hdf5/forge.rs"]
mod forge;
mod naming;
#[path = "../weights/net.rs"]
mod net;
mod saved;
