//! The campaigns on images, small. A process of its own: its memory counts.

use std::path::{Path, PathBuf};

use torture::{Plan, images};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// One after the other: memory is counted for all threads.
#[test]
fn damaged_cut_and_greedy_photos_are_refused_soon_and_cheaply() {
    a_campaign_that_runs_nothing_fails();
    for outcome in [
        images::mutants(&golden(), &Plan::of(7, 4_000)),
        images::prefixes(&golden(), &Plan::of(7, 6_000)),
        images::bombs::run(&Plan { seed: 7, count: None, only: None }),
    ] {
        match outcome {
            Ok(report) => println!("{report}"),
            Err(report) => panic!("{report}"),
        }
    }
}

/// Beside the other it would count to its memory.
fn a_campaign_that_runs_nothing_fails() {
    assert!(images::mutants(&golden(), &Plan::of(1, 0)).is_err());
    assert!(images::mutants(Path::new("nothing"), &Plan::of(1, 1)).is_err());
}
