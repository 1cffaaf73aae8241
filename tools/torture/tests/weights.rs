//! The campaigns on weight files, small. A process of its own: its memory counts.

use std::path::{Path, PathBuf};

use torture::{Plan, weights};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/weights/tests/golden")
}

/// One after the other: memory is counted for all threads.
#[test]
fn damaged_and_cut_weight_files_are_refused_soon_and_cheaply() {
    for outcome in
        [weights::mutants(&golden(), &Plan::of(7, 1_500)), weights::cuts(&golden(), &Plan::of(7, 10_000))]
    {
        match outcome {
            Ok(report) => println!("{report}"),
            Err(report) => panic!("{report}"),
        }
    }
}
