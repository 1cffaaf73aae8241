//! Weight files in the public layouts, their records, and the model file.
#![forbid(unsafe_code)]
