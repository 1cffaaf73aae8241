//! The commands, one a file: its options and what it does.

mod bench;
mod summary;

use clap::Subcommand;

use crate::failure::Failure;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the layers of a net with shapes and parameters
    Summary(summary::Options),
    /// Measure speed on this machine
    #[command(subcommand)]
    Bench(bench::Options),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Summary(options) => summary::run(&options),
            Self::Bench(options) => bench::run(&options),
        }
    }
}
