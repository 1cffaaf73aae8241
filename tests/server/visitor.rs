//! Somebody who visits a page: headless Chromium, for as long as the visit takes.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--hide-scrollbars",
];

/// A browser with a page open; closed when dropped.
pub(crate) struct Visitor {
    browser: Child,
    place: TempDir,
}

impl Visitor {
    /// Opens `address` in the Chromium that `ICECAP_TEST_CHROMIUM` names, else in `chromium` of the path. Without either, says in
    /// one line that the test is skipped.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let program = find()?;
        let place = tempfile::tempdir().unwrap();
        let said = fs::File::create(place.path().join("said")).unwrap();
        let browser = Command::new(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", place.path().join("profile").display()))
            .arg("--window-size=1280,1600")
            .arg(address)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        Some(Self { browser, place })
    }

    /// What the browser has said, for a test that fails.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.place.path().join("said")).unwrap()
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

fn find() -> Option<PathBuf> {
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
