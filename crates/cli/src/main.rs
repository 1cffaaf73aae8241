//! The command line of icecap: photos in folders in, a trained classifier out.
#![forbid(unsafe_code)]

mod bundled;
mod cache_folder;
mod class_folder;
mod commands;
mod crash;
mod csv;
mod demo;
mod failure;
mod feature_file;
mod fetch;
mod imagenet;
mod input;
mod interrupt;
mod lock;
mod model_file;
mod note;
mod payload;
mod progress;
mod skipped;
mod table;
mod weights_source;
mod windows;
mod wording;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;
use crate::failure::Failure;
use crate::note::Quiet;

/// Transfer learning on CPUs: a small trainable cap on a frozen MobileNetV2.
#[derive(Parser)]
#[command(
    name = "icecap",
    version,
    about,
    after_help = "Start with `icecap demo`, then `icecap train PHOTOS`, where PHOTOS has one folder per class.\n\
                  Exit codes: 0 done, 1 a bug of ours, 2 arguments, 3 unusable content, 4 over a limit, \
                  5 missing or unwritable path, 130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    quiet: Quiet,
}

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
    // clap itself ends with code 2 and a message on standard error where the arguments are off.
    let cli = Cli::parse();
    note::set_quiet(cli.quiet);
    interrupt::watch()?;
    cli.command.run()
}
