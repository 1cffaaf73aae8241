//! The command line of icecap: photos in folders in, a trained classifier out.
#![forbid(unsafe_code)]

mod arguments;
mod bundle;
mod commands;
mod options;
mod page;
mod photos;
mod run;
mod store;
mod terminal;

use std::process::ExitCode;

use crate::arguments::bundled;
use crate::terminal::failure::Failure;
use crate::terminal::{crash, interrupt, stderr};

fn main() -> ExitCode {
    crash::contained(outcome)
}

/// Returns what the process ends with.
fn outcome() -> ExitCode {
    match bundled::run().unwrap_or_else(run_command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run_command() -> Result<(), Failure> {
    let Some(arguments) = arguments::read()? else { return Ok(()) };
    stderr::set(arguments.verbosity);
    interrupt::watch()?;
    arguments.command.run(arguments::command)
}
