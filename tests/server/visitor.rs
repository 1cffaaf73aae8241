//! Somebody who visits a page: headless Chromium, for as long as the visit takes.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::chromium;

/// Beside those of every test: the page is on this machine, and its width is that of its content.
const FLAGS: [&str; 2] = ["--no-proxy-server", "--hide-scrollbars"];

/// A browser with a page open; closed when dropped.
pub(crate) struct Visitor {
    browser: Child,
    place: TempDir,
}

impl Visitor {
    /// Opens `address` in the Chromium that `ICECAP_TEST_CHROMIUM` names, else in `chromium` of the path. Without either, says in
    /// one line that the test is skipped.
    pub(crate) fn of(address: &str) -> Option<Self> {
        let program = chromium::find()?;
        let place = tempfile::tempdir().unwrap();
        let said = fs::File::create(place.path().join("said")).unwrap();
        let browser = Command::new(program)
            .args(chromium::FLAGS)
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
