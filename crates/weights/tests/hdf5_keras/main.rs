//! Keras' ways of naming a net's tensors: what it saved, and what nobody would save on purpose.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod naming;
#[path = "../weights/net.rs"]
mod net;
mod saved;
