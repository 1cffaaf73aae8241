//! Photos from file to pixels: what is read is read right, and what cannot be read is an error, never a panic.
//!
//! One binary for all of them, because linking the decoders takes longer than running the tests.
//! `ICECAP_TEST_ASSETS` names a folder with large assets; tests that need it say so and return without it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cache;
mod cuts;
mod formats;
mod golden;
mod hostile;
mod make;
mod resize;
mod scan;

use std::path::PathBuf;

/// The folder of large assets. Without it, says in one line that the test is skipped.
fn assets() -> Option<PathBuf> {
    let folder = std::env::var_os("ICECAP_TEST_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: ICECAP_TEST_ASSETS is not set");
    }
    folder
}

/// The committed golden files.
fn golden_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// Largest and mean difference.
fn difference(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut largest, mut sum, mut count) = (0.0f64, 0.0, 0usize);
    for (a, b) in a.zip(b) {
        largest = largest.max((a - b).abs());
        sum += (a - b).abs();
        count += 1;
    }
    assert!(count > 0, "nothing to compare");
    (largest, sum / count as f64)
}

fn bytes_difference(a: &[u8], b: &[u8]) -> (f64, f64) {
    assert_eq!(a.len(), b.len());
    difference(a.iter().map(|&v| f64::from(v)), b.iter().map(|&v| f64::from(v)))
}
