//! The project's own chores: the one check, the house check, what the project is made of, the record of the benches, and
//! the archive of a release.
#![forbid(unsafe_code)]

mod archive;
mod bench;
mod date;
mod dependencies;
mod dist;
mod house;
mod machine;
mod outcome;
mod process;
mod record;
mod third_party;
mod unsafe_map;

use std::path::Path;
use std::process::{Command, ExitCode};

use outcome::Outcome;
use process::run;

const USAGE: &str = "\
usage: cargo run -p xtask -- COMMAND

  check                  run .ci/run: format, lints, tests, docs, and the rules of the house
  house                  only the shape of the source: circles of files, long files and functions, wide parameter lists
  dependencies           licenses, sources and versions of what the project is made of, held against deny.toml
  unsafe [--write]       where unsafe code stands, held against the list that is kept, or kept anew
  bench [-- ARGUMENT…]   run the benches and keep their medians in benches/record/<cpu>/<date>.csv;
                         arguments go to criterion, a filter for example
  dist [TARGET]          build the binary, for another system if one is named, and put it with completions, manual and
                         licenses into dist/icecap-VERSION-TARGET.tar.gz: the same bytes from the same binary

  licenses PACKAGE FOLDER [TARGET]
                         put the licenses of all that one of our packages is made of into a folder, as for icecap-capi

  The campaigns of tools/torture, against the promises of docs/reliability.md; each has --seed, --count, --only, --help:
  torture WHAT           damaged files: images, prefixes, bombs, folder, weights, cuts, flips; a server among hostile
                         clients: http, terms
  determinism            the same bits for any number of threads and any batch, with the cache and without
  underneath             files that change while they are read
  kill                   processes killed at any moment; --every N: at calls that write
  diskfull               disks that are too small; --every N: calls that fail
  check-order            whether files are written, synced and renamed in this order
  cache-storm            many processes on one cache, and entries that were changed";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["house"] => house::check(root()),
        ["dependencies"] => dependencies::check(root()),
        ["unsafe"] => unsafe_map::check(root(), false),
        ["unsafe", "--write"] => unsafe_map::check(root(), true),
        ["bench"] => bench::run_all(root(), &[]),
        ["dist"] => dist::make(root(), None),
        ["dist", target] => dist::make(root(), Some(target)),
        ["licenses", package, folder] => third_party::write(root(), package, folder.as_ref(), None),
        ["licenses", package, folder, target] => {
            third_party::write(root(), package, folder.as_ref(), Some(target))
        }
        [campaign, ..] if CAMPAIGNS.contains(&campaign) => torture(&arguments),
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

/// The commands that `tools/torture` has.
const CAMPAIGNS: [&str; 7] =
    ["torture", "kill", "diskfull", "cache-storm", "underneath", "determinism", "check-order"];

/// Builds the binary and the campaigns against it, and runs one: these need all of the project, and what else is here
/// should not wait for that.
fn torture(arguments: &[String]) -> Outcome {
    let cargo = || process::cargo(root());
    run(cargo().args(["build", "--release", "--locked", "--quiet", "-p", "icecap-cli", "-p", "torture"]))?;
    run(cargo().args(["run", "--release", "--locked", "--quiet", "-p", "torture", "--"]).args(arguments))
}

/// The folder of the workspace.
fn root() -> &'static Path {
    // This crate lies two folders down.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

fn check() -> Outcome {
    run(Command::new("bash").arg(".ci/run").current_dir(root()))
}
