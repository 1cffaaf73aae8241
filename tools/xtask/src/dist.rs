//! The archive of a release: the binary, what shells complete, the manual, licenses (also of what it is made of) and README.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{Entry, tar_gz};
use crate::outcome::Outcome;
use crate::process::{cargo, host, output, run};
use crate::third_party::licenses;

/// The package that is the binary.
const BINARY: &str = "icecap-cli";
/// Each shell with the name under which it looks for a script.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "icecap.bash"),
    ("elvish", "icecap.elv"),
    ("fish", "icecap.fish"),
    ("powershell", "_icecap.ps1"),
    ("zsh", "_icecap"),
];
/// What stands beside the binary.
const TEXTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];
/// The time of every file, where the environment names none: the first day of 2020.
const TIME: u64 = 1_577_836_800;

/// Builds the binary, for `target` if one is named, and writes its archive into `dist/` below the root.
///
/// # Errors
/// A target that is not installed, a build that fails, a binary that does not run here.
pub(crate) fn make(root: &Path, target: Option<&str>) -> Outcome {
    let host = host()?;
    let mut build = cargo(root);
    build.args(["build", "--release", "--locked", "--package", BINARY]);
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = match target {
        Some(target) => {
            is_installed(target)?;
            build.args(["--target", target]);
            folder.join(target)
        }
        None => folder,
    };
    run(&mut build)?;
    let end = if target.unwrap_or(&host).contains("windows") { ".exe" } else { "" };
    let binary = folder.join("release").join(format!("icecap{end}"));
    let time = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok()).unwrap_or(TIME);
    let name = format!("icecap-{}-{}", env!("CARGO_PKG_VERSION"), target.unwrap_or(&host));
    let mut entries = entries(root, &binary)?;
    for (name, bytes) in licenses(root, BINARY, target.unwrap_or(&host))? {
        entries.insert(name.to_owned(), Entry { bytes, is_program: false });
    }
    let archive = tar_gz(&name, &entries, time)?;
    let place = root.join("dist");
    let file = place.join(format!("{name}.tar.gz"));
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    std::fs::create_dir_all(&place).map_err(failed)?;
    std::fs::write(&file, &archive).map_err(failed)?;
    println!("{}: {:.1} MB", file.display(), archive.len() as f64 / 1e6);
    Ok(())
}

/// What stands in the archive: what `binary` says of itself, and texts of the project at `root`.
fn entries(root: &Path, binary: &Path) -> Outcome<BTreeMap<String, Entry>> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let text = |bytes: Vec<u8>| Entry { bytes, is_program: false };
    let mut entries = BTreeMap::new();
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    entries.insert(name, Entry { bytes: read(binary)?, is_program: true });
    for name in TEXTS {
        entries.insert(name.to_owned(), text(read(&root.join(name))?));
    }
    for (shell, file) in SHELLS {
        let script = output(Command::new(binary).args(["completions", shell]))?;
        entries.insert(format!("completions/{file}"), text((script + "\n").into_bytes()));
    }
    let pages = tempfile::tempdir().map_err(|error| format!("no folder for the pages: {error}"))?;
    output(Command::new(binary).args(["--quiet", "man", "--output"]).arg(pages.path()))?;
    let listed = std::fs::read_dir(pages.path()).map_err(|error| error.to_string())?;
    for page in listed {
        let page = page.map_err(|error| error.to_string())?;
        let name = page.file_name().to_string_lossy().into_owned();
        entries.insert(format!("man/man1/{name}"), text(read(&page.path())?));
    }
    Ok(entries)
}

/// Says what to do where the standard library of a target is missing: cargo's own words are long.
fn is_installed(target: &str) -> Outcome {
    let folder = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))?;
    match Path::new(&folder).is_dir() {
        true => Ok(()),
        false => Err(format!("{target} is not installed here: `rustup target add {target}`")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::archive::tests::unpacked;

    /// A program that completes and has pages, as ours does.
    const PROGRAM: &str = "#!/bin/sh\ncase $1 in completions) echo \"for $2\";; *) echo page > \"$4/icecap.1\"; \
                           echo other > \"$4/icecap-train.1\";; esac\n";

    #[test]
    fn an_archive_has_all_that_a_release_needs_and_is_the_same_again() {
        let place = tempfile::tempdir().unwrap();
        let binary = place.path().join("icecap");
        std::fs::write(&binary, PROGRAM).unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o700)).unwrap();
        for name in TEXTS {
            std::fs::write(place.path().join(name), name).unwrap();
        }
        let made = || tar_gz("icecap-1", &entries(place.path(), &binary).unwrap(), TIME).unwrap();
        let archive = made();
        assert_eq!(archive, made());
        let files = unpacked(&archive);
        assert_eq!(files.len(), 1 + TEXTS.len() + SHELLS.len() + 2);
        assert_eq!(files["icecap-1/icecap"], (PROGRAM.into(), 0o755, TIME));
        assert_eq!(files["icecap-1/completions/_icecap"], (b"for zsh\n".to_vec(), 0o644, TIME));
        assert_eq!(files["icecap-1/man/man1/icecap-train.1"], (b"other\n".to_vec(), 0o644, TIME));
        assert_eq!(files["icecap-1/LICENSE-MIT"].0, b"LICENSE-MIT");
        std::fs::remove_file(place.path().join("LICENSE-MIT")).unwrap();
        assert!(entries(place.path(), &binary).unwrap_err().contains("LICENSE-MIT"));
    }

    #[test]
    fn a_target_that_is_not_there_says_how_it_is_had() {
        let host = host().unwrap();
        is_installed(&host).unwrap();
        let other = ["riscv64gc-unknown-linux-musl", "s390x-unknown-linux-gnu"];
        let missing = other.into_iter().find_map(|target| is_installed(target).err());
        if let Some(error) = missing {
            assert!(error.contains("rustup target add"), "{error}");
        }
    }
}
