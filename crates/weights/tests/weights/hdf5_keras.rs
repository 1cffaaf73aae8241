//! Keras' ways of naming a net's tensors: what it saved, and what nobody would save on purpose.

mod description;
mod naming;
mod saved;
