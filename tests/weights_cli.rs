//! `icecap weights` and `--weights NAME|FILE`, run as a person runs them.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

mod file_server;
mod place;

#[test]
fn nothing_yet() {}
