//! The licenses of the crates that a binary or a library is made of, read from the packages themselves, and of the standard
//! library that is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::outcome::Outcome;
use crate::process::{host, metadata, output};

/// How files are named that hold a license or what it asks to be handed on, in capitals.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
const RULE: &str = "\n================================================================================\n";

/// A package of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    license: String,
    repository: String,
    authors: Vec<String>,
    folder: PathBuf,
}

/// Returns the files of licenses that go with `package`, one of ours, built for `target`, with their names: those of the crates
/// that it is made of, and the notices of the standard library where the toolchain brings them.
///
/// # Errors
/// A crate that names no license, one whose files cannot be read; a package that is none.
pub(crate) fn licenses(root: &Path, package: &str, target: &str) -> Outcome<Vec<(&'static str, Vec<u8>)>> {
    let metadata = metadata(root, &["--locked", "--filter-platform", target])?;
    let mut files = vec![("LICENSES-THIRD-PARTY.txt", text(&packages(&metadata, package)?)?.into_bytes())];
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    match std::fs::read(Path::new(&sysroot).join("share/doc/rust/COPYRIGHT-library.html")) {
        Ok(bytes) => files.push(("LICENSES-STANDARD-LIBRARY.html", bytes)),
        Err(_) => println!("this toolchain brings no notices of the standard library: they are left out"),
    }
    Ok(files)
}

/// Writes the files of licenses that go with `package`, built for `target` or this system, into a folder.
///
/// # Errors
/// What [`licenses`] returns, and a file that cannot be written.
pub(crate) fn write(root: &Path, package: &str, folder: &Path, target: Option<&str>) -> Outcome {
    let host = host()?;
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (name, bytes) in licenses(root, package, target.unwrap_or(&host))? {
        let file = folder.join(name);
        std::fs::write(&file, &bytes).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}: {:.1} MB", file.display(), bytes.len() as f64 / 1e6);
    }
    Ok(())
}

/// The packages of others that the package called `name` needs, directly or through others, but not those that only build or test it.
fn packages(metadata: &Value, name: &str) -> Outcome<BTreeSet<Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let by_id = |values: Vec<Value>| -> BTreeMap<String, Value> {
        values.into_iter().map(|value| (word(&value["id"]), value)).collect()
    };
    let all = by_id(list(&metadata["packages"]));
    let nodes = by_id(list(&metadata["resolve"]["nodes"]));
    let start = all.iter().find(|(_, package)| package["name"] == name && package["source"].is_null());
    let mut open = vec![start.ok_or_else(|| format!("there is no package {name} of ours"))?.0.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let linked = |of: &Value| list(&of["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        if seen.insert(id.clone()) {
            let next = nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default();
            open.extend(next.iter().filter(|of| linked(of)).map(|of| word(&of["pkg"])));
        }
    }
    // What has a source came from elsewhere.
    let others = all.into_iter().filter(|(id, package)| seen.contains(id) && !package["source"].is_null());
    let others = others.map(|(_, package)| {
        let name = word(&package["name"]);
        let folder = Path::new(package["manifest_path"].as_str().unwrap_or_default()).parent();
        Package {
            folder: folder.ok_or_else(|| format!("{name} stands nowhere"))?.to_owned(),
            version: word(&package["version"]),
            license: word(&package["license"]),
            repository: word(&package["repository"]),
            authors: list(&package["authors"]).iter().map(word).collect(),
            name,
        }
        .checked()
    });
    others.collect()
}

impl Package {
    fn checked(self) -> Outcome<Self> {
        match self.license.is_empty() {
            true => Err(format!("{} {} names no license", self.name, self.version)),
            false => Ok(self),
        }
    }

    /// The texts that stand in the package's own folder, in the order of their files' names.
    fn texts(&self) -> Outcome<Vec<String>> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.folder.display());
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
                files.push(path);
            }
        }
        files.sort();
        let read = |path: PathBuf| {
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned())
        };
        files.into_iter().map(read).collect()
    }
}

fn text(packages: &BTreeSet<Package>) -> Outcome<String> {
    let mut told =
        "It is made of these crates of others, under these licenses; their texts follow.\n\n".to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let Package { name, version, license, repository, authors, .. } = package;
        let mut line = format!("{name} {version}: {license}");
        for part in [authors.join(", ")].iter().chain([repository]).filter(|part| !part.is_empty()) {
            let _ = write!(line, "; {part}");
        }
        told += &line;
        told.push('\n');
        let own = package.texts()?;
        if own.is_empty() {
            told += "    (the package brings no text of it)\n";
        }
        for text in own {
            texts.entry(text).or_default().push(format!("{name} {version}"));
        }
    }
    let mut texts: Vec<_> = texts.into_iter().map(|(text, of)| (of, text)).collect();
    texts.sort();
    for (of, text) in texts {
        told += &format!("{RULE}{}{RULE}\n{text}\n", of.join(", "));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BINARY: &str = "the-binary";

    #[test]
    fn each_text_stands_once_under_all_that_have_it_and_no_license_is_no_release() {
        let place = tempfile::tempdir().unwrap();
        let package = |name: &str, license: &str, files: &[(&str, &str)]| {
            let folder = place.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            for (file, text) in files {
                std::fs::write(folder.join(file), text).unwrap();
            }
            let manifest_path = folder.join("Cargo.toml").to_str().unwrap().to_owned();
            let source = if name == BINARY { Value::Null } else { "elsewhere".into() };
            json!({"id": name, "name": name, "version": "1.0.0", "license": license, "source": source,
                   "manifest_path": manifest_path, "authors": ["Somebody"]})
        };
        let needs = |id: &str, deps: &[(&str, Value)]| {
            let dep = |(pkg, kind): &(&str, Value)| json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]});
            json!({"id": id, "deps": deps.iter().map(dep).collect::<Vec<_>>()})
        };
        let metadata = |license: &str| {
            json!({
                "packages": [
                    package(BINARY, "MIT", &[]),
                    package("a", "MIT", &[("LICENSE-MIT", "the same\r\ntext\n"), ("Licence.txt", "another"), ("x.rs", "code")]),
                    package("b", license, &[("COPYING", "the same\ntext")]),
                    package("c", "Zlib", &[]),
                    package("only-tests", "", &[("LICENSE", "not told")]),
                ],
                "resolve": {"nodes": [
                    needs(BINARY, &[("a", Value::Null), ("only-tests", "dev".into())]),
                    needs("a", &[("b", Value::Null), ("c", Value::Null)]),
                    needs("b", &[("a", Value::Null)]),
                ]},
            })
        };
        let told = text(&packages(&metadata("ISC"), BINARY).unwrap()).unwrap();
        assert_eq!(told.matches("the same\ntext").count(), 1, "{told}");
        assert!(told.contains("a 1.0.0, b 1.0.0") && told.contains("another"), "{told}");
        assert!(
            told.contains("b 1.0.0: ISC; Somebody\n") && told.contains("c 1.0.0: Zlib; Somebody\n    (the"),
            "{told}"
        );
        assert!(!told.contains("only-tests") && !told.contains("code") && !told.contains(BINARY), "{told}");
        assert_eq!(packages(&metadata(""), BINARY).unwrap_err(), "b 1.0.0 names no license");
        assert_eq!(packages(&metadata("ISC"), "a").unwrap_err(), "there is no package a of ours");
    }
}
