//! PyTorch's files and layouts: what opens, to which net, and what is refused.
#![cfg(feature = "files")]
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod assets;
mod draft;
mod hostile;
mod layouts;
mod mutants;
#[allow(dead_code, reason = "what the other tests use of it")]
#[path = "../weights/net.rs"]
mod net;
