//! Runs the campaigns of the library from a command line.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use torture::Plan;

/// Campaigns that try to break the promises of docs/reliability.md
#[derive(Parser)]
#[command(name = "cargo run -p xtask --")]
struct Arguments {
    #[command(subcommand)]
    campaign: Campaign,
}

#[derive(Subcommand)]
enum Campaign {
    /// The same bits for any number of threads and any batch
    Determinism(Whole),
    /// Files that change while a prediction reads them
    Underneath(Whole),
}

/// The options of a campaign on the whole binary.
#[derive(clap::Args)]
struct Whole {
    /// The binary under test
    #[arg(long, default_value = "target/release/icecap")]
    binary: PathBuf,
    #[command(flatten)]
    plan: Plan,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().campaign {
        Campaign::Determinism(Whole { binary, plan }) => torture::determinism::run(&binary, &plan),
        Campaign::Underneath(Whole { binary, plan }) => torture::underneath::run(&binary, &plan),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(report) => {
            eprintln!("{report}");
            ExitCode::FAILURE
        }
    }
}
