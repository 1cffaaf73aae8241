//! What `install.sh` leaves: names of the shared library by its version, licenses, and a prefix with a space in it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::toolchain::{Installed, ended_well, has};
use crate::trained::Trained;

/// What `readelf -d` says behind a key, as `[libm.so.6]`.
fn dynamic(file: &Path, key: &str) -> Vec<String> {
    let said = ended_well(Command::new("readelf").arg("-dW").arg(file)).stdout;
    let said = String::from_utf8(said).unwrap();
    let lines = said.lines().filter(|line| line.contains(key));
    lines.filter_map(|line| Some(line.split_once('[')?.1.trim_end_matches(']').to_owned())).collect()
}

#[test]
fn a_program_asks_for_the_version_that_it_was_built_with() {
    let prefix = tempfile::Builder::new().prefix("a folder of \"mine\" ").tempdir().unwrap();
    let Some(installed) = Installed::below(prefix) else { return };
    let lib = installed.prefix().join("lib");
    let version = env!("CARGO_PKG_VERSION");
    let mut parts = version.split('.');
    let called = match [parts.next().unwrap(), parts.next().unwrap()] {
        ["0", minor] => format!("libicecap_c.so.0.{minor}"),
        [major, _] => format!("libicecap_c.so.{major}"),
    };
    let link = |name: &str| std::fs::read_link(lib.join(name)).unwrap();
    assert_eq!(link("libicecap_c.so"), Path::new(&called));
    assert_eq!(link(&called), Path::new(&format!("libicecap_c.so.{version}")));
    let licenses = installed.prefix().join("share/doc/icecap");
    assert!(["LICENSE-APACHE", "LICENSE-MIT"].iter().all(|name| licenses.join(name).is_file()));

    let trained = Trained::new();
    let source = crate::root().join("crates/capi/examples/predict.c");
    let program = trained.path().join("predict");
    let line = format!(
        "eval cc \"'{}'\" $(pkg-config --cflags --libs icecap) -o \"'{}'\"",
        source.display(),
        program.display()
    );
    ended_well(&mut installed.shell(trained.path(), &line));
    if has("readelf") {
        assert_eq!(dynamic(&lib.join("libicecap_c.so"), "SONAME"), std::slice::from_ref(&called));
        assert!(dynamic(&program, "NEEDED").contains(&called));
    }
    // What the linker looks for is no matter to a program that is built.
    std::fs::remove_file(lib.join("libicecap_c.so")).unwrap();
    let mut run = installed.shell(trained.path(), "exec \"$0\" \"$@\"");
    ended_well(run.arg(&program).arg(trained.model()).arg(&trained.photos()[0]));
}

#[test]
fn an_older_library_is_replaced_and_its_licenses_come_along() {
    let place = TempDir::new().unwrap();
    let (prefix, built) = (place.path().join("there"), place.path().join("built"));
    std::fs::create_dir_all(prefix.join("lib")).unwrap();
    std::fs::create_dir_all(&built).unwrap();
    // A version that had no name of its own left a file where there is a link now.
    std::fs::write(prefix.join("lib/libicecap_c.so"), "old").unwrap();
    for (name, text) in
        [("libicecap_c.a", "a"), ("libicecap_c.so", "new"), ("LICENSES-THIRD-PARTY.txt", "theirs")]
    {
        std::fs::write(built.join(name), text).unwrap();
    }
    if cfg!(unix) {
        let script = crate::root().join("crates/capi/install.sh");
        for _ in 0..2 {
            let said = ended_well(Command::new(&script).arg(&prefix).arg(&built)).stderr;
            assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        }
        let read = |name: &str| std::fs::read_to_string(prefix.join(name)).unwrap();
        assert_eq!(read("lib/libicecap_c.so"), "new");
        assert_eq!(read("share/doc/icecap/LICENSES-THIRD-PARTY.txt"), "theirs");
        std::fs::remove_file(built.join("LICENSES-THIRD-PARTY.txt")).unwrap();
        let said = ended_well(Command::new(&script).arg(&prefix).arg(&built)).stderr;
        assert!(String::from_utf8(said).unwrap().contains("xtask -- licenses icecap-capi"));
    }
}
