//! The command line of icecap: photos in folders in, a trained classifier out.
#![forbid(unsafe_code)]

mod arguments;
mod bundled;
mod cache_folder;
mod class_folder;
mod commands;
mod confusion;
mod crash;
mod csv;
mod dataset_options;
mod demo;
mod failure;
mod feature_file;
mod fetch;
mod heat;
mod help;
mod imagenet;
mod input;
mod interrupt;
mod lock;
mod meant;
mod model_file;
mod note;
mod page;
mod payload;
mod progress;
mod row_format;
mod run;
mod skipped;
mod table;
mod version;
mod weights_source;
mod windows;
mod wording;

use std::process::ExitCode;

use crate::failure::Failure;

fn main() -> ExitCode {
    crash::contained(run)
}

fn run() -> ExitCode {
    match bundled::run().unwrap_or_else(run_command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run_command() -> Result<(), Failure> {
    let Some(arguments) = arguments::read()? else { return Ok(()) };
    note::set(arguments.verbosity);
    interrupt::watch()?;
    arguments.command.run()
}
