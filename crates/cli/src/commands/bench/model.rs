//! `icecap bench model`: how fast the net runs on this machine.

use std::time::{Duration, Instant};

use clap::Args;
use icecap::Backbone;
use icecap::advanced::graph::{Input, Tap, layers};
use icecap_bench::{Timing, products, with_peak};
use serde::Serialize;

use super::record::{Row, unit_of};
use crate::options::input::BackboneOptions;
use crate::options::input_size::InputSize;
use crate::options::measuring_time::seconds;
use crate::options::overridden::Overridden;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::table::print;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    backbone: BackboneOptions,
    /// Side of the input in pixels, or HEIGHTxWIDTH [default: what the weights were made for]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    size: Option<InputSize>,
    /// Images in a pass
    #[arg(long, value_name = "B", allow_negative_numbers = true, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// How long to measure
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value = "2", value_parser = seconds)]
    seconds: Duration,
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
    /// The peak of products in the precision of the net on as many threads, measured before and after the passes, and what
    /// the quickest pass made of it.
    peak_gflops: f64,
    gflops: f64,
    percent_of_peak: f64,
    /// The share of the peak that the pass in the middle made of it.
    median_percent_of_peak: f64,
    pooled_first: Vec<f32>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let backbone = {
        let input = Overridden { size: options.size, ..Overridden::default() };
        options.backbone.open_in(options.backbone.runner.precision, input)?
    };
    let size = options.size.map_or(backbone.record().train_size(), |InputSize(size)| size);
    let batch = usize::from(options.batch);
    let threads = backbone.threads().count();
    let (peak_gflops, (timing, pooled)) = with_peak(backbone.isa(), backbone.precision(), threads, || {
        passes(&backbone, size, batch, options.seconds)
    })?;
    let padding = backbone.record().numerics.padding;
    let layers = layers(backbone.spec(), padding, None, size)?;
    let precision = backbone.precision();
    let macs = batch * layers.iter().map(|layer| products(layer, precision)).sum::<usize>();
    let gflops = timing.gflops(macs);
    let report = Report {
        isa: backbone.isa().name(),
        precision: precision.name(),
        size,
        batch,
        threads,
        passes: timing.repeats,
        min_ms: timing.best_ns / 1e6,
        median_ms: timing.median_ns / 1e6,
        images_per_second: batch as f64 / timing.median_ns * 1e9,
        peak_gflops,
        gflops,
        percent_of_peak: Row::percent(gflops, peak_gflops),
        median_percent_of_peak: Row::percent(gflops * timing.best_ns / timing.median_ns, peak_gflops),
        pooled_first: pooled[..FIRST.min(pooled.len())].to_vec(),
    };
    if options.json {
        return print(&format!("{}\n", serde_json::json!(report)));
    }
    print(&format!(
        "{}x{} batch {batch}, {} threads, {}, {}: best {:.3} ms, median {:.3} ms of {} passes, {:.0} images a second; \
         {:.1} % of the {:.0} {} that multiply-adds in {} could reach, {:.1} % in the median\n",
        size[0],
        size[1],
        report.threads,
        report.isa,
        report.precision,
        report.min_ms,
        report.median_ms,
        report.passes,
        report.images_per_second,
        report.percent_of_peak,
        report.peak_gflops,
        unit_of(precision),
        report.precision,
        report.median_percent_of_peak,
    ))
}

/// Runs passes for `limit` and gives what they took, and the pooled features.
fn passes(
    backbone: &Backbone,
    size: [usize; 2],
    batch: usize,
    limit: Duration,
) -> Result<(Timing, Vec<f32>), Failure> {
    let mut session = backbone.session(size, Tap::Pooled)?;
    let pixels = pixels(batch * session.input_len());
    let mut pooled = vec![0.0; batch * session.output_len()];
    let mut pass = || -> Result<f64, Failure> {
        let started = Instant::now();
        session.run(Input::U8(&pixels), &mut pooled)?;
        interrupt::check()?;
        Ok(started.elapsed().as_secs_f64() * 1e9)
    };
    for _ in 0..WARM_UP {
        pass()?;
    }
    let mut times = Vec::new();
    let started = Instant::now();
    while times.len() < FEWEST || started.elapsed() < limit {
        times.push(pass()?);
    }
    Ok((Timing::of(times), pooled))
}

/// Pixels that any program can make again: value i is the top byte of i times Knuth's multiplier, modulo 2^32.
fn pixels(len: usize) -> Vec<u8> {
    const MULTIPLIER: u32 = 2_654_435_761;
    (0..len).map(|i| ((i as u32).wrapping_mul(MULTIPLIER) >> 24) as u8).collect()
}
