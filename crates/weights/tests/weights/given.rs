//! What the environment gives the tests, and the line that says what it does not.

use std::io::Write;
use std::path::PathBuf;

/// The path in an environment variable; `None`, and a line that says so, if it is not set.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    if value.is_none() {
        // Not `eprintln!`: the test harness keeps what that prints of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {name} is not set");
    }
    value.map(PathBuf::from)
}

/// The folder of the real weights; `None`, and a line that says so, if it is not named.
pub(crate) fn weights_folder() -> Option<PathBuf> {
    variable("ICECAP_TEST_ASSETS").map(|folder| folder.join("weights"))
}
