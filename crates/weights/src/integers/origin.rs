//! A net in integers, and how it came to be.

use std::sync::Arc;

use icecap_graph::int8::IntegerNet;

use crate::Digest;

/// How a net was quantized to int8, and how far it is from the net that it was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantization {
    /// The number of photos that ranges and biases were taken from; 0 if the weights alone gave them.
    pub photos: usize,
    /// The number of photos that the error was measured on; 0 if that is not known.
    pub judged: usize,
    /// Whether these were other photos than those that ranges and biases were taken from. On the same the error is smaller
    /// than on others.
    pub on_others: bool,
    /// The relative error of pooled features against f32, the mean over photos; `None` if it was not measured.
    pub error: Option<f32>,
    /// The share of photos of the training of which the head says the same class in f32; `None` if it was not measured.
    pub agreement: Option<f32>,
}

/// A net in integers, its hash and its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerBackbone {
    /// The net.
    pub net: Arc<IntegerNet>,
    /// Its hash, as [`integers_digest`](crate::integers_digest) gives it.
    pub sha256: Digest,
    /// How it came to be.
    pub origin: Quantization,
}
