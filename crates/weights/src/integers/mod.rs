//! A net in integers in a model file: its tensors, their hash, and how they are read back.

mod digest;
mod origin;
mod read;
mod tensors;

pub use digest::integers_digest;
pub use origin::{IntegerBackbone, Quantization};
pub(crate) use read::{is_integers, read};
pub(crate) use tensors::{Payload, tensors};
