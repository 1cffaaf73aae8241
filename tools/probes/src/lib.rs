//! What holds of every reader of foreign bytes, whatever the bytes are: a result that keeps its word, or an error of one line.
//!
//! A probe takes bytes and panics where something does not hold. The fuzz targets of `tools/fuzz` call one each; the test of
//! this crate calls them with the cases that fuzzing found, which lie in `found/`.
#![forbid(unsafe_code)]

mod cache;
mod held;
mod lists;
mod photos;
mod weights;

pub use cache::cache;
pub use lists::lists;
pub use photos::{photo, photo_parquet, photo_tar, photo_zip};
pub use weights::{model, safetensors, weights};

/// A probe: takes any bytes, and panics where something does not hold.
pub type Probe = fn(&[u8]);

/// Every fuzz target by name, with its probe.
pub const PROBES: [(&str, Probe); 14] = [
    ("cache", cache),
    ("hdf5", weights),
    ("keras_archive", weights),
    ("lists", lists),
    ("model", model),
    ("onnx", weights),
    ("photo", photo),
    ("photo_parquet", photo_parquet),
    ("photo_tar", photo_tar),
    ("photo_zip", photo_zip),
    ("safetensors", safetensors),
    ("tflite", weights),
    ("torch_pickle", weights),
    ("torch_zip", weights),
];
