//! The command line of icecap: photos in folders in, a trained classifier out.
#![forbid(unsafe_code)]

mod cache_folder;
mod class_folder;
mod commands;
mod crash;
mod csv;
mod dataset_options;
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
mod progress;
mod skipped;
mod table;
mod weights_source;
mod windows;
mod wording;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;

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
}

fn main() -> ExitCode {
    crash::contained(run)
}

fn run() -> ExitCode {
    // clap itself ends with code 2 and a message on standard error where the arguments are off.
    let cli = Cli::parse();
    match interrupt::watch().and_then(|()| cli.command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
