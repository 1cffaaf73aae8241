//! The clients that people have: `tritonclient` and `schemathesis`, where a Python has them.

use std::path::Path;
use std::process::Command;

use crate::python::python_with;
use crate::served::Served;

/// Runs a script of this folder with a package; says where it cannot.
fn script(name: &str, package: &str, options: &[&str]) {
    let Some(python) = python_with(package) else { return };
    let served = Served::new(&[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/server").join(name);
    let mut command = Command::new(&python);
    command
        .arg("-B")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_icecap"))
        .arg(served.place.path("run/model.safetensors"));
    let output =
        command
            .args(options.iter().map(|option| {
                option.replace("PHOTOS", &served.place.path("photos/red").display().to_string())
            }))
            .output()
            .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_client_of_another_server_is_answered() {
    script("triton.py", "tritonclient.http", &["PHOTOS"]);
}

#[test]
fn the_description_is_kept() {
    script("openapi.py", "schemathesis", &["10"]);
}
