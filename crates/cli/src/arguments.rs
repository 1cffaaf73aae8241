//! The arguments of icecap, from words to a command.

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::failure::Failure;
use crate::note::Verbosity;
use crate::table::print;
use crate::{help, version};

/// Transfer learning on CPUs: a small trainable cap on a frozen MobileNetV2.
#[derive(Parser)]
#[command(
    name = "icecap",
    version,
    about,
    after_help = "Start with `icecap demo`, then `icecap train PHOTOS`, where PHOTOS has one folder per class."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) verbosity: Verbosity,
}

/// All of it as clap knows it, help texts included.
pub(crate) fn command() -> clap::Command {
    help::taught(Arguments::command())
}

/// Reads the words of this process; none where they only ask for the version. Where they are off, or ask for help, it
/// ends here.
pub(crate) fn read() -> Result<Option<Arguments>, Failure> {
    let long_version = || std::env::args_os().any(|word| word == "--version");
    match command().try_get_matches() {
        Ok(matches) => Ok(Some(Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()))),
        Err(asked) if asked.kind() == ErrorKind::DisplayVersion && long_version() => {
            print(&version::text()).map(|()| None)
        }
        // Asked for, so that it must arrive.
        Err(asked) if !asked.use_stderr() => match asked.print() {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::output(&error)),
            _ => Ok(None),
        },
        // With code 2 and a message on standard error where the arguments are off.
        Err(error) => error.exit(),
    }
}
