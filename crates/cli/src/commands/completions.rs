//! `icecap completions`: what a shell needs to complete commands, options and their values.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::terminal::failure::Failure;
use crate::terminal::table::print;

#[derive(Args)]
pub(crate) struct Options {
    /// The shell to complete for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Writes the script for `program`, the whole command line as clap knows it.
pub(crate) fn run(options: &Options, mut program: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(options.shell, &mut program, "icecap", &mut script);
    print(&String::from_utf8_lossy(&script))
}
