//! Features as tensors in a safetensors file: `docs/feature-file.md`.

mod read;
mod write;

pub(crate) use read::StoredTensors;
pub(crate) use write::TensorFile;

/// The label of a photo without a class.
const NO_CLASS: i64 = -1;
/// Bytes of a photo's hash.
const HASH: usize = 32;
