//! The campaigns of `tools/torture` against the server, small.

use std::path::Path;

use torture::Plan;

#[track_caller]
fn holds(outcome: Result<String, String>) {
    println!("{}", outcome.unwrap_or_else(|report| panic!("{report}")));
}

#[test]
fn hostile_clients_change_nothing_for_honest_ones() {
    holds(torture::http::run(Path::new(env!("CARGO_BIN_EXE_icecap")), &Plan::of(1, 120), 0.4));
}

#[test]
fn an_end_under_load_loses_no_answer() {
    holds(torture::http::terms::run(Path::new(env!("CARGO_BIN_EXE_icecap")), &Plan::of(1, 4)));
}
