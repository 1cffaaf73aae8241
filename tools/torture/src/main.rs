//! Runs the campaigns of the library from a command line.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use torture::{Plan, images, weights};

/// Campaigns that try to break the promises of docs/reliability.md
#[derive(Parser)]
#[command(name = "cargo run -p xtask --")]
struct Arguments {
    #[command(subcommand)]
    campaign: Campaign,
}

#[derive(Subcommand)]
enum Campaign {
    /// Damaged files
    #[command(subcommand)]
    Torture(Damaged),
    /// The same bits for any number of threads and any batch
    Determinism(Whole),
    /// Files that change while a prediction reads them
    Underneath(Whole),
    /// Processes killed at random moments, and with --every at calls that write
    Kill(Stepped),
    /// Disks of all sizes that are too small, and with --every calls that fail
    Diskfull(Stepped),
    /// Whether files are written, synced, renamed, and their folders synced, in this order
    CheckOrder(Whole),
    /// Many processes on one cache, some of them killed, with and without locks, and entries that were changed
    CacheStorm(Storm),
}

#[derive(Subcommand)]
enum Damaged {
    /// Photos of every format, damaged by what their formats are made of
    Images(Files),
    /// Small photos, cut at every byte
    Prefixes(Files),
    /// Small files that ask for much
    Bombs(Files),
    /// Weight files of every container, and headers of safetensors against the crate of that name
    Weights(WeightFiles),
    /// Weight files, cut at every byte of what is not values
    Cuts(WeightFiles),
    /// Models and bundles of which one bit is flipped
    Flips(Whole),
    /// Folders and archives as they should not be: links in circles, pipes, devices, names that a terminal obeys
    Paths(Whole),
    /// A folder in which one photo of a hundred is damaged
    Folder(WholeFiles),
    /// Damaged photos through the whole program, each between whole ones
    Predictions(WholeFiles),
    /// A server among hostile clients, and honest ones beside them
    Http(Timed),
    /// A server that is asked to end while it works
    Terms(Whole),
}

/// The options of a campaign on weight files.
#[derive(clap::Args)]
struct WeightFiles {
    /// The folder of the golden weight files
    #[arg(long, default_value = "crates/weights/tests/golden")]
    golden: PathBuf,
    #[command(flatten)]
    plan: Plan,
}

/// The options of a campaign on files.
#[derive(clap::Args)]
struct Files {
    /// The folder of the golden files
    #[arg(long, default_value = "tests/golden")]
    golden: PathBuf,
    #[command(flatten)]
    plan: Plan,
}

/// The options of a campaign on files and the whole binary.
#[derive(clap::Args)]
struct WholeFiles {
    #[command(flatten)]
    whole: Whole,
    /// The folder of the golden files
    #[arg(long, default_value = "tests/golden")]
    golden: PathBuf,
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

/// The options of a campaign that lasts for a time, or for as many cases as are asked for.
#[derive(clap::Args)]
struct Timed {
    #[command(flatten)]
    whole: Whole,
    /// How long it lasts
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
}

/// The options of a campaign that can go through every call of the system.
#[derive(clap::Args)]
struct Stepped {
    #[command(flatten)]
    whole: Whole,
    /// Beside the cases that chance chooses, break at every N-th call of each kind; 1 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    every: u64,
}

/// The options of the campaign on caches.
#[derive(clap::Args)]
struct Storm {
    #[command(flatten)]
    whole: Whole,
    /// Entries that are changed
    #[arg(long, value_name = "ENTRIES", default_value_t = 2000)]
    poisoned: u64,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().campaign {
        Campaign::Torture(Damaged::Images(Files { golden, plan })) => images::mutants(&golden, &plan),
        Campaign::Torture(Damaged::Prefixes(Files { golden, plan })) => images::prefixes(&golden, &plan),
        Campaign::Torture(Damaged::Bombs(Files { plan, .. })) => images::bombs::run(&plan),
        Campaign::Torture(Damaged::Weights(WeightFiles { golden, plan })) => weights::mutants(&golden, &plan),
        Campaign::Torture(Damaged::Cuts(WeightFiles { golden, plan })) => weights::cuts(&golden, &plan),
        Campaign::Torture(Damaged::Folder(WholeFiles { whole: Whole { binary, plan }, golden })) => {
            images::folder::run(&binary, &golden, &plan)
        }
        Campaign::Torture(Damaged::Predictions(WholeFiles { whole: Whole { binary, plan }, golden })) => {
            images::whole::run(&binary, &golden, &plan)
        }
        Campaign::Torture(Damaged::Flips(Whole { binary, plan })) => torture::flips::run(&binary, &plan),
        Campaign::Torture(Damaged::Paths(Whole { binary, plan })) => torture::paths::run(&binary, &plan),
        Campaign::Torture(Damaged::Http(Timed { whole: Whole { binary, plan }, minutes })) => {
            torture::http::run(&binary, &plan, minutes)
        }
        Campaign::Torture(Damaged::Terms(Whole { binary, plan })) => {
            torture::http::terms::run(&binary, &plan)
        }
        Campaign::Determinism(Whole { binary, plan }) => torture::determinism::run(&binary, &plan),
        Campaign::Underneath(Whole { binary, plan }) => torture::underneath::run(&binary, &plan),
        Campaign::Kill(Stepped { whole: Whole { binary, plan }, every }) => {
            torture::kill::run(&binary, &plan, every)
        }
        Campaign::Diskfull(Stepped { whole: Whole { binary, plan }, every }) => {
            torture::diskfull::run(&binary, &plan, every)
        }
        Campaign::CheckOrder(Whole { binary, plan }) => torture::check_order::run(&binary, &plan),
        Campaign::CacheStorm(Storm { whole: Whole { binary, plan }, poisoned }) => {
            torture::cache_storm::run(&binary, &plan, poisoned)
        }
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
