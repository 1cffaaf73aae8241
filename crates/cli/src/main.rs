//! The command line of icecap: photos in folders in, a trained classifier out.
#![forbid(unsafe_code)]

mod arguments;
mod bundle;
mod commands;
mod options;
mod photos;
mod run;
mod store;
mod terminal;

use std::process::ExitCode;

use icecap::advanced::kernels::Allocator;

use crate::arguments::bundled;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::{crash, interrupt, stderr};

/// Where memory is short, a sentence and the exit code of a limit instead of an abort.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator {
    before: "icecap: ",
    after: "; free some, or use fewer --threads or smaller photos",
    code: Code::Limit as i32,
};

fn main() -> ExitCode {
    crash::contained(outcome)
}

/// Returns what the process ends with.
fn outcome() -> ExitCode {
    let ended = bundled::run().unwrap_or_else(run_command);
    interrupt::through();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run_command() -> Result<(), Failure> {
    let Some(arguments) = arguments::read()? else { return Ok(()) };
    stderr::set(arguments.verbosity);
    if !arguments.command.hears_signals() {
        interrupt::watch()?;
    }
    arguments.command.run(arguments::command)
}
