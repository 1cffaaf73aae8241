//! `icecap bench`: how fast kernels and net run on this machine, and what it could do at most.

mod kernels;
mod layers;
mod machine;
mod model;
mod record;
mod roofline;

use std::time::Duration;

use clap::Subcommand;
use icecap::kernels::MAX_THREADS;

use crate::failure::Failure;
use crate::input::ThreadOptions;

#[derive(Subcommand)]
pub(crate) enum Options {
    /// Time one forward pass of a batch, from u8 pixels to pooled features
    Model(model::Options),
    /// Measure what the processor can do at most: multiply-adds, and reading from each level of its memory
    Roofline(roofline::Options),
    /// Time every kernel on every geometry of MobileNetV2 1.0, on one thread
    Kernels(kernels::Options),
    /// Time one forward pass of MobileNetV2 1.0 step by step, against what the multiply-adds allow
    Layers(layers::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match options {
        Options::Model(options) => model::run(options),
        Options::Roofline(options) => roofline::run(options),
        Options::Kernels(options) => kernels::run(options),
        Options::Layers(options) => layers::run(options),
    }
}

/// The number of threads that an option means here.
fn count(options: ThreadOptions) -> usize {
    match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
        count => count,
    }
}

/// The longest measurement: nobody waits for more.
const MOST_SECONDS: f64 = 3600.0;

/// How long to measure, as an option says it.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0 && *seconds <= MOST_SECONDS);
    let seconds = seconds.ok_or_else(|| format!("use a number above 0, up to {MOST_SECONDS}"))?;
    Ok(Duration::from_secs_f64(seconds))
}
