//! Headless Chromium: where it is, and how it is started so that it asks nothing and nobody.

use std::io::Write;
use std::path::PathBuf;

/// What every test's browser is started with.
pub(crate) const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// `ICECAP_TEST_CHROMIUM`, else `chromium` on the path. Without either, says in one line that the test is skipped.
pub(crate) fn find() -> Option<PathBuf> {
    let named = std::env::var_os("ICECAP_TEST_CHROMIUM").filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file())
    });
    if found.is_none() {
        // Past the capture of the test harness: a test that did nothing must not look like one that passed.
        let line = "skipped: no chromium on the path, and ICECAP_TEST_CHROMIUM is not set";
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    found
}
