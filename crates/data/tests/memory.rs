//! What a file claims takes no memory before there are data for it. A process of its own: its peak counts.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "what a test does not expect fails it; others use the rest of the makers"
)]

#[path = "photos/claims.rs"]
mod claims;
#[path = "photos/make.rs"]
mod make;
#[path = "photos/tiff_maker.rs"]
mod tiff_maker;

use std::time::{Duration, Instant};

use icecap_data::{ExifPolicy, Limits, decode};

const ALLOWED: u64 = 64 << 20;

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_small_file_that_claims_to_be_large_takes_neither_memory_nor_time() {
    // Both inside the limits.
    for (width, height) in [(12_000, 9_000), (16_000, 7_400)] {
        for (name, file) in claims::claims(width, height) {
            // Whole, and cut where the data begin, within them, and before their end.
            for end in (1..=40).map(|part| file.len() * part / 40) {
                let (before, start) = (peak(), Instant::now());
                let result = decode(&file[..end], &Limits::default(), ExifPolicy::Apply);
                let took = start.elapsed();
                let error = result.expect_err(&name);
                let more = peak() - before;
                assert!(more < ALLOWED, "{name}, {end} bytes: {more} bytes of memory: {error}");
                assert!(took < Duration::from_secs(2), "{name}, {end} bytes: {took:?}: {error}");
            }
        }
    }
}
