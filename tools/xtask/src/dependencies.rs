//! What the project is made of, held against `deny.toml`: licenses, sources, versions that are there twice, and crates
//! that must not be there. `cargo deny` does the same and knows advisories too; this needs nothing that is not here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use spdx::{Expression, ParseMode};
use toml::Table;

use crate::outcome::Outcome;
use crate::process::metadata;

/// A package of somebody else.
struct Package {
    name: String,
    version: String,
    license: String,
    source: String,
}

/// Holds all packages of `Cargo.lock` against `deny.toml` and prints how many there are.
///
/// # Errors
/// Every package that is against a rule, and rules that nothing needs.
pub(crate) fn check(root: &Path) -> Outcome {
    let path = root.join("deny.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let rules: Table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
    let packages = packages(&metadata(root, &["--locked", "--all-features"])?);
    let found = findings(&rules, &packages);
    match found.is_empty() {
        true => {
            println!("dependencies: {} packages of others, all as deny.toml says", packages.len());
            Ok(())
        }
        false => Err(format!("{}\ndependencies: {} against deny.toml", found.join("\n"), found.len())),
    }
}

fn packages(metadata: &Value) -> Vec<Package> {
    let all = metadata["packages"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // What has no source is our own.
    let others = all.iter().filter(|package| !package["source"].is_null());
    let package = |package: &Value| Package {
        name: word(&package["name"]),
        version: word(&package["version"]),
        license: word(&package["license"]),
        source: word(&package["source"]),
    };
    others.map(package).collect()
}

/// The words of a list of the rules, plain or under the key `crate`.
fn words(rules: &Table, section: &str, list: &str) -> BTreeSet<String> {
    let list = rules.get(section).and_then(|section| section.get(list)).and_then(toml::Value::as_array);
    let word = |item: &toml::Value| item.as_str().or_else(|| item.get("crate")?.as_str()).map(str::to_owned);
    list.into_iter().flatten().filter_map(word).collect()
}

fn findings(rules: &Table, packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    if packages.is_empty() {
        found.push("no package was read".to_owned());
    }
    found.extend(of_licenses(&words(rules, "licenses", "allow"), packages));
    found.extend(of_versions(&words(rules, "bans", "skip"), packages));
    let barred = words(rules, "bans", "deny");
    let sources: BTreeSet<&str> = packages.iter().map(|package| package.source.as_str()).collect();
    if sources.len() > 1 {
        found.push(format!("{} sources; one registry has all that is needed", sources.len()));
    }
    for Package { name, version, source, .. } in packages {
        if barred.contains(name) {
            found.push(format!("{name} {version}: barred by deny.toml"));
        }
        if !source.starts_with("registry+") {
            found.push(format!("{name} {version}: not from a registry"));
        }
    }
    found
}

/// Licenses that are not allowed, and allowed ones that nothing has.
fn of_licenses(allowed: &BTreeSet<String>, packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    let mut needed = BTreeSet::new();
    for Package { name, version, license, .. } in packages {
        // Older manifests write a slash for "or".
        match Expression::parse_mode(
            license,
            ParseMode { allow_slash_as_or_operator: true, ..ParseMode::STRICT },
        ) {
            Err(error) => found.push(format!("{name} {version}: license '{license}': {}", error.reason)),
            Ok(expression) => {
                let is_allowed = expression.evaluate(|license| allowed.contains(&license.to_string()));
                if !is_allowed {
                    found.push(format!("{name} {version}: license '{license}' is not allowed"));
                }
                needed.extend(expression.requirements().map(|wanted| wanted.req.to_string()));
            }
        }
    }
    found.extend(allowed.difference(&needed).map(|license| format!("license {license}: nothing has it")));
    found
}

/// Crates in more than one version that no exception names, and exceptions that nothing needs. `skip` has names with the
/// start of a version, as in `syn@2`.
fn of_versions(skip: &BTreeSet<String>, packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Package { name, version, .. } in packages {
        versions.entry(name).or_default().push(version);
    }
    let is_named = |name: &str, version: &str, entry: &str| {
        entry.split_once('@').is_some_and(|(of, start)| {
            of == name
                && version.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let mut idle = skip.clone();
    let mut found = Vec::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        let is_skipped = |version: &&&str| skip.iter().any(|entry| is_named(name, version, entry));
        idle.retain(|entry| !versions.iter().any(|version| is_named(name, version, entry)));
        if versions.iter().filter(|version| !is_skipped(version)).count() > 1 {
            found.push(format!("{name}: versions {}", versions.join(" and ")));
        }
    }
    found.extend(idle.iter().map(|entry| format!("{entry}: an exception that nothing needs")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, license: &str, source: &str) -> Package {
        let [name, version, license, source] = [name, version, license, source].map(str::to_owned);
        Package { name, version, license, source }
    }

    fn told(packages: &[Package]) -> String {
        let rules = r#"
            [licenses]
            allow = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"]
            [bans]
            skip = [{ crate = "a@1", reason = "b needs it" }]
            deny = [{ crate = "barred" }]
        "#;
        findings(&rules.parse().unwrap(), packages).join("\n")
    }

    fn good() -> Vec<Package> {
        vec![
            package("a", "1.2.0", "GPL-3.0-only OR MIT", "registry+x"),
            package("a", "2.0.0", "MIT/Zlib", "registry+x"),
            package("b", "0.1.0", "(MIT OR ISC) AND Zlib", "registry+x"),
            package("c", "0.1.0", "Apache-2.0 WITH LLVM-exception", "registry+x"),
        ]
    }

    #[test]
    fn each_rule_finds_what_is_against_it_and_nothing_else() {
        assert_eq!(told(&good()), "");
        for (bad, words) in [
            (
                package("d", "1.0.0", "GPL-3.0-only", "registry+x"),
                "d 1.0.0: license 'GPL-3.0-only' is not allowed",
            ),
            (
                package("d", "1.0.0", "MIT AND ISC", "registry+x"),
                "d 1.0.0: license 'MIT AND ISC' is not allowed",
            ),
            (package("d", "1.0.0", "Apache-2.0", "registry+x"), "license 'Apache-2.0' is not allowed"),
            (package("d", "1.0.0", "", "registry+x"), "d 1.0.0: license ''"),
            (package("d", "1.0.0", "MIT", "git+x"), "d 1.0.0: not from a registry"),
            (package("d", "1.0.0", "MIT", "registry+y"), "2 sources"),
            (package("barred", "1.0.0", "MIT", "registry+x"), "barred 1.0.0: barred"),
            (package("b", "0.2.0", "MIT", "registry+x"), "b: versions 0.1.0 and 0.2.0"),
            (package("a", "11.0.0", "MIT", "registry+x"), "a: versions 1.2.0 and 2.0.0 and 11.0.0"),
        ] {
            let mut packages = good();
            packages.push(bad);
            let told = told(&packages);
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(told(&good()[1..]).contains("a@1: an exception that nothing needs"));
        assert!(told(&good()[..3]).contains("license Apache-2.0 WITH LLVM-exception: nothing has it"));
        assert!(told(&[]).contains("no package was read"));
    }
}
