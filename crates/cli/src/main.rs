//! The command line of icecap.
#![forbid(unsafe_code)]

fn main() {}
