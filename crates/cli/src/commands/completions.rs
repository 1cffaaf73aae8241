//! `icecap completions`: what a shell needs to complete commands, options and their values.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::arguments;
use crate::failure::Failure;
use crate::table::print;

#[derive(Args)]
pub(crate) struct Options {
    /// Shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(options.shell, &mut arguments::command(), "icecap", &mut script);
    print(&String::from_utf8_lossy(&script))
}
