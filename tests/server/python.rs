//! The interpreter that has the clients of others.

use std::process::Command;

use crate::skipped::skipped;

/// The Python that `ICECAP_TEST_PYTHON` names, if it has a package; else says in one line that the test is skipped.
pub(crate) fn python_with(package: &str) -> Option<String> {
    let python = std::env::var("ICECAP_TEST_PYTHON").ok().filter(|name| !name.is_empty());
    let Some(python) = python else {
        skipped("ICECAP_TEST_PYTHON is not set");
        return None;
    };
    let has = Command::new(&python).args(["-c", &format!("import {package}")]).output().unwrap();
    if !has.status.success() {
        skipped(&format!("no {package} there"));
        return None;
    }
    Some(python)
}
