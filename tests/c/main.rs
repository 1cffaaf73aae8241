//! The C library as C and C++ programs use it: its header, the programs of the docs and of `crates/capi/examples`, and what it
//! says to callers who err.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

#[cfg(unix)]
mod callers;
mod header;
mod installed;
mod programs;
mod toolchain;
mod trained;

use std::path::{Path, PathBuf};

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
