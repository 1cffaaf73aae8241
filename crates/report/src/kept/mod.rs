//! What a run keeps of a training: the content of its files.

pub mod arguments;
pub mod metrics;
pub mod predictions;
pub mod tuned;
