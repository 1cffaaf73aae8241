//! The project's own chores: the one check, and the record of the benches.
#![forbid(unsafe_code)]

mod bench;
mod date;
mod machine;
mod record;

use std::path::Path;
use std::process::{Command, ExitCode};

/// What a chore ends with; an error is a line for a person.
type Outcome<T = ()> = Result<T, String>;

const USAGE: &str = "\
usage: cargo run -p xtask -- COMMAND

  check                  run .ci/run: format, lints, tests, docs, and the rules of the house
  bench [-- ARGUMENT…]   run the benches and keep their medians in benches/record/<cpu>/<date>.csv;
                         arguments go to criterion, a filter for example";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["bench"] => bench::run_all(root(), &[]),
        ["bench", "--", ..] => bench::run_all(root(), &arguments[2..]),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    // This crate lies two folders down.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

fn check() -> Outcome {
    run(Command::new("bash").arg(".ci/run").current_dir(root()))
}

/// Runs a command with our own output, to its end.
fn run(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|e| format!("{name} does not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}")) }
}

/// What a command prints, without its last line end.
fn output(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("{name} does not start: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
