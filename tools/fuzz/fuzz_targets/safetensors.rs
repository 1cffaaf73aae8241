//! Safetensors: weight files and model files.
#![no_main]

use icecap_weights::{Model, from_bytes};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = from_bytes(bytes, "file");
    let _ = Model::from_bytes(bytes, "file");
});
