//! The campaigns of `tools/torture` on the whole binary, small.

use std::path::Path;

use torture::{Plan, cache_storm, check_order, diskfull, kill, stage};

use crate::skipped::skipped;

/// The binary under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_icecap"))
}

/// Whether something is missing that a test needs, of which a line then tells.
fn is_skipped(why: Option<String>) -> bool {
    why.inspect(|why| skipped(why)).is_some()
}

#[track_caller]
fn holds(outcome: Result<String, String>) {
    println!("{}", outcome.unwrap_or_else(|report| panic!("{report}")));
}

#[test]
fn bits_do_not_depend_on_threads_batches_or_caches() {
    holds(torture::determinism::run(binary(), &Plan::of(1, 30)));
}

#[test]
fn a_flipped_bit_of_a_model_or_a_bundle_changes_no_answer() {
    holds(torture::flips::run(binary(), &Plan::of(1, 100)));
}

#[test]
fn files_that_change_underneath_give_an_error_or_the_right_answer() {
    holds(torture::underneath::run(binary(), &Plan::of(1, 60)));
}

#[test]
fn of_a_folder_with_damaged_photos_the_others_have_the_same_features() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    holds(torture::images::folder::run(binary(), &golden, &Plan::of(1, 300)));
}

#[test]
fn a_killed_process_loses_nothing_and_leaves_nothing() {
    holds(kill::run(binary(), &Plan::of(11, 6), 0));
}

#[test]
fn a_process_killed_at_a_call_loses_nothing_and_leaves_nothing() {
    if !is_skipped(stage::no_strace()) {
        holds(kill::run(binary(), &Plan::of(12, 0), 29));
    }
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    if !is_skipped(stage::no_small_disk().or_else(stage::no_strace)) {
        holds(diskfull::run(binary(), &Plan::of(13, 6), 29));
    }
}

#[test]
fn files_are_written_synced_and_renamed_in_this_order() {
    if !is_skipped(stage::no_strace()) {
        holds(check_order::run(binary(), &Plan { seed: 14, count: None, only: None }));
    }
}

#[test]
fn a_shared_or_poisoned_cache_changes_no_result() {
    holds(cache_storm::run(binary(), &Plan::of(15, 2), 80));
}

#[test]
fn odd_folders_and_archives_are_answered_and_nothing_is_written_beside() {
    holds(torture::paths::run(binary(), &Plan::of(16, 24)));
}

#[test]
fn damaged_photos_have_the_row_that_the_decoder_gives_and_disturb_no_other() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    holds(torture::images::whole::run(binary(), &golden, &Plan::of(17, 60)));
}
