//! Keras' ways of naming a net's tensors: what it saved, and what nobody would save on purpose.

mod containers;
mod described_heads;
mod described_net;
mod description;
mod naming;
mod saved;
