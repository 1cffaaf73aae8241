//! Runs every bench target of the workspace and keeps what they measured.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::outcome::Outcome;
use crate::process::{cargo, metadata, run};
use crate::{date, machine, record};

/// Runs the benches with `arguments` for criterion and writes the day's record.
///
/// # Errors
/// A bench that fails, or a run that measured nothing.
pub(crate) fn run_all(root: &Path, arguments: &[String]) -> Outcome {
    let started = SystemTime::now();
    let metadata = metadata(root, &["--no-deps"])?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target folder")?;
    let results = PathBuf::from(target).join("criterion");
    let benches = targets(&metadata);
    if benches.is_empty() {
        return Err("the workspace has no bench".to_owned());
    }
    for (package, bench) in benches {
        let mut command = cargo(root);
        command.args(["bench", "--package", &package, "--bench", &bench, "--"]).args(arguments);
        run(command.env("CRITERION_HOME", &results))?;
    }
    keep(root, &results, started)
}

/// Adds what was measured since `started` to the day's record.
fn keep(root: &Path, results: &Path, started: SystemTime) -> Outcome {
    let mut measured = record::Rows::new();
    record::collect(results, started, &machine::commit(root), &mut measured)?;
    if measured.is_empty() {
        return Err("no bench was measured: does the filter name one?".to_owned());
    }
    let count = measured.len();
    let folder = root.join("benches/record").join(machine::cpu());
    let path = folder.join(date::today() + ".csv");
    let mut rows = record::parse(&std::fs::read_to_string(&path).unwrap_or_default());
    rows.append(&mut measured);
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, record::render(&rows, &machine::description())))
        .map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{count} benches in {}", path.display());
    Ok(())
}

/// Package and name of every bench target.
fn targets(metadata: &Value) -> Vec<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        for target in list(&package["targets"]) {
            if list(&target["kind"]).iter().any(|kind| kind == "bench")
                && let (Some(package), Some(name)) = (package["name"].as_str(), target["name"].as_str())
            {
                found.push((package.to_owned(), name.to_owned()));
            }
        }
    }
    found
}
