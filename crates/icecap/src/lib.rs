//! Transfer learning on CPUs: a small trainable cap on a frozen MobileNetV2.
#![forbid(unsafe_code)]
