//! Heads: dense layers on pooled features, as a file has them and as they are computed.

mod file_head;
mod fold;
mod layers;

pub use file_head::FileHead;
pub use fold::{BatchNormValues, HeadBuilder};
pub use layers::{Activation, DenseHead, DenseLayer, HeadOutput, MAX_HEAD_LAYERS, MAX_HEAD_VALUES};
