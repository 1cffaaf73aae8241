//! Photos from file to pixels: what is read is read right, and what cannot be read is an error, never a panic.
//!
//! One binary for all of them, because linking the decoders takes longer than running the tests.
//! `ICECAP_TEST_ASSETS` names a folder with large assets; tests that need it say so and return without it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod archive;
mod awkward;
mod cache;
mod claims;
mod cuts;
mod formats;
mod golden;
mod hostile;
mod listed;
mod make;
mod resize;
mod scan;
mod shards;
#[cfg(feature = "parquet")]
#[path = "../../../../tests/table_writer.rs"]
mod table_writer;
#[cfg(feature = "parquet")]
mod tables;
mod tiff;
mod tiff_maker;
#[path = "../../../../tests/zip_writer.rs"]
mod zip_writer;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use icecap_data::{ExifPolicy, Limits, Loader};
use icecap_kernels::Isa;

/// The folder of large assets. Without it, says in one line that the test is skipped.
fn assets() -> Option<PathBuf> {
    let folder = std::env::var_os("ICECAP_TEST_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        // Not `println!` or `eprintln!`, which the test harness keeps to itself.
        std::io::stderr().write_all(b"skipped: ICECAP_TEST_ASSETS is not set\n").unwrap();
    }
    folder
}

/// A loader as a program has one that was told nothing else.
fn loader() -> Loader {
    Loader::new(Isa::best(), Limits::default(), ExifPolicy::Apply)
}

/// Writes a file below `folder`, and the folders that it lies in; gives its path.
fn write_below(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// The committed golden files.
fn golden_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// Largest and mean difference, NaN where a value is, of as many values on both sides.
fn difference(mut a: impl Iterator<Item = f64>, mut b: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut largest, mut sum, mut count) = (0.0f64, 0.0, 0usize);
    loop {
        let off = match (a.next(), b.next()) {
            (Some(a), Some(b)) => (a - b).abs(),
            (None, None) => break,
            _ => panic!("one side has {count} values, the other one more"),
        };
        largest = if off > largest || off.is_nan() { off } else { largest };
        sum += off;
        count += 1;
    }
    assert!(count > 0, "nothing to compare");
    (largest, sum / count as f64)
}

fn bytes_difference(a: &[u8], b: &[u8]) -> (f64, f64) {
    assert_eq!(a.len(), b.len());
    difference(a.iter().map(|&v| f64::from(v)), b.iter().map(|&v| f64::from(v)))
}

#[test]
fn a_difference_hides_no_nan() {
    let nan = [0.0, f64::NAN, 1.0];
    assert!(difference(nan.into_iter(), [0.0; 3].into_iter()).0.is_nan());
    assert_eq!(difference([1.0, 4.0].into_iter(), [2.0, 2.0].into_iter()), (2.0, 1.5));
}

#[test]
#[should_panic(expected = "one side has 1 values")]
fn a_difference_misses_no_value() {
    difference([1.0].into_iter(), [1.0, 2.0].into_iter());
}
