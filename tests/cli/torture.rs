//! The campaigns of `tools/torture` on the whole binary, small.

use std::path::Path;

use torture::Plan;

/// The binary under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_icecap"))
}

#[test]
fn bits_do_not_depend_on_threads_batches_or_caches() {
    println!("{}", torture::determinism::run(binary(), &Plan::of(1, 30)).unwrap());
}

#[test]
fn files_that_change_underneath_give_an_error_or_the_right_answer() {
    println!("{}", torture::underneath::run(binary(), &Plan::of(1, 60)).unwrap());
}

#[test]
fn of_a_folder_with_damaged_photos_the_others_have_the_same_features() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    println!("{}", torture::images::folder::run(binary(), &golden, &Plan::of(1, 300)).unwrap());
}
