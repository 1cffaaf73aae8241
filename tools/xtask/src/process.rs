//! Other programs, run to their end.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::outcome::Outcome;

/// The cargo that runs us, in the folder of the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// What `cargo metadata` says of the workspace, asked with these options.
pub(crate) fn metadata(root: &Path, options: &[&str]) -> Outcome<Value> {
    let mut command = cargo(root);
    command.args(["metadata", "--format-version", "1"]).args(options);
    serde_json::from_str(&output(&mut command)?).map_err(|e| format!("cargo metadata: {e}"))
}

/// Runs a command with our own output, to its end.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|e| format!("{name} does not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}")) }
}

/// What a command prints, without its last line end.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name} does not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The system that this compiler builds for by itself.
pub(crate) fn host() -> Outcome<String> {
    let about = output(Command::new("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}
