//! `icecap bench`: how fast the net runs on this machine.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use icecap::graph::{Input, stage};
use serde::Serialize;

use crate::failure::Failure;
use crate::input::{BackboneOptions, InputSize};
use crate::interrupt;
use crate::table::print;

#[derive(Subcommand)]
pub(crate) enum Options {
    /// Time one forward pass of a batch, from u8 pixels to pooled features
    Model(ModelOptions),
}

#[derive(Args)]
pub(crate) struct ModelOptions {
    #[command(flatten)]
    backbone: BackboneOptions,
    /// Side of the input in pixels, or HEIGHTxWIDTH [default: what the weights were made for]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    size: Option<InputSize>,
    /// Images in a pass
    #[arg(long, value_name = "B", allow_negative_numbers = true, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// How long to measure
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Passes before the measurement: caches, clock and branch predictors settle.
const WARM_UP: usize = 3;
/// The fewest passes that a median is taken of.
const FEWEST: usize = 3;
/// Features of the first image that are told, so that another program can check the answer.
const FIRST: usize = 16;

#[derive(Serialize)]
struct Report {
    isa: &'static str,
    precision: &'static str,
    size: [usize; 2],
    batch: usize,
    threads: usize,
    passes: usize,
    min_ms: f64,
    median_ms: f64,
    images_per_second: f64,
    pooled_first: Vec<f32>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let Options::Model(options) = options;
    let backbone = options.backbone.open()?;
    let size = options.size.map_or(backbone.record().train_size(), |InputSize(size)| size);
    let batch = usize::from(options.batch);
    let mut session = backbone.session(size, stage::POOLED)?;
    let pixels = pixels(batch * session.input_len());
    let mut pooled = vec![0.0; batch * session.output_len()];
    let mut pass = || -> Result<f64, Failure> {
        let started = Instant::now();
        session.run(Input::U8(&pixels), &mut pooled)?;
        interrupt::check()?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    for _ in 0..WARM_UP {
        pass()?;
    }
    let mut times = Vec::new();
    let started = Instant::now();
    let limit = Duration::from_secs_f64(options.seconds);
    while times.len() < FEWEST || started.elapsed() < limit {
        times.push(pass()?);
    }
    times.sort_by(f64::total_cmp);
    let median_ms = times[times.len() / 2];
    let report = Report {
        isa: backbone.isa().name(),
        precision: "f32",
        size,
        batch,
        threads: backbone.threads().count(),
        passes: times.len(),
        min_ms: times[0],
        median_ms,
        images_per_second: batch as f64 / median_ms * 1e3,
        pooled_first: pooled[..FIRST.min(pooled.len())].to_vec(),
    };
    if options.json {
        return print(&format!("{}\n", serde_json::json!(report)));
    }
    print(&format!(
        "{}x{} batch {batch}, {} threads, {}, {}: best {:.3} ms, median {:.3} ms of {} passes, {:.0} images a second\n",
        size[0],
        size[1],
        report.threads,
        report.isa,
        report.precision,
        report.min_ms,
        report.median_ms,
        report.passes,
        report.images_per_second
    ))
}

/// The longest measurement: nobody waits for more.
const MOST_SECONDS: f64 = 3600.0;

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0 && *seconds <= MOST_SECONDS);
    seconds.ok_or_else(|| format!("use a number above 0, up to {MOST_SECONDS}"))
}

/// Pixels that any program can make again: value i is the top byte of i times Knuth's multiplier, modulo 2^32.
fn pixels(len: usize) -> Vec<u8> {
    const MULTIPLIER: u32 = 2_654_435_761;
    (0..len).map(|i| ((i as u32).wrapping_mul(MULTIPLIER) >> 24) as u8).collect()
}
