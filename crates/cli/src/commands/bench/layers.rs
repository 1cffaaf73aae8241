//! `icecap bench layers`: one forward pass step by step, against the time that its products take at the peak.

use std::time::Duration;

use clap::Args;
use icecap::advanced::graph::Precision;
use icecap::advanced::kernels::Threads;
use icecap_bench::{drawn_net, isas_of, steps, with_peak};

use super::record::{Output, Row, number, unit_of};
use crate::options::measuring_time::seconds;
use crate::options::runner::ThreadOptions;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::table::table;

#[derive(Args)]
pub(crate) struct Options {
    /// Sides of the input in pixels
    #[arg(long, value_name = "S", value_delimiter = ',', default_values_t = [160, 224], value_parser = clap::value_parser!(u16).range(32..=2048))]
    size: Vec<u16>,
    /// How long to measure each size and instruction set
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value = "1", value_parser = seconds)]
    seconds: Duration,
    /// Numbers that the net computes with: f32 or int8
    #[arg(long, value_name = "TYPE", default_value_t)]
    precision: Precision,
    #[command(flatten)]
    threads: ThreadOptions,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    options.output.check("layers")?;
    let precision = options.precision;
    let net = drawn_net(1.0, precision)?;
    let threads = Threads::new(options.threads.count())?;
    let mut rows = Vec::new();
    for size in options.size.iter().map(|&side| usize::from(side)) {
        for isa in isas_of(precision)? {
            interrupt::check()?;
            // The steps and the whole pass take half of it each.
            let budget = options.seconds / 2;
            let (peak, steps) =
                with_peak(isa, precision, threads.count(), || steps(&net, isa, &threads, size, budget))?;
            rows.extend(steps.into_iter().map(|step| {
                let macs = (step.macs > 0).then_some(step.macs);
                let gflops = macs.map(|macs| step.timing.gflops(macs));
                Row {
                    isa: isa.to_string(),
                    threads: threads.count(),
                    precision: precision.name(),
                    size: Some(size),
                    name: step.name,
                    geometry: String::new(),
                    macs,
                    best_ns: Some(step.timing.best_ns),
                    median_ns: Some(step.timing.median_ns),
                    rate: gflops,
                    unit: unit_of(precision),
                    peak_gflops: Some(peak),
                    percent_of_peak: gflops.map(|gflops| Row::percent(gflops, peak)),
                }
            }));
        }
    }
    options.output.tell("layers", &rows, &text(&rows))
}

fn text(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let microseconds = |ns: Option<f64>| number(ns.map(|ns| ns / 1e3), 1);
        let limit = row.macs.zip(row.peak_gflops).map(|(macs, peak)| 2.0 * macs as f64 / peak);
        vec![
            row.isa.clone(),
            row.size.map(|size| size.to_string()).unwrap_or_default(),
            row.name.clone(),
            number(row.macs.map(|macs| macs as f64 / 1e6), 2),
            microseconds(limit),
            microseconds(row.best_ns),
            microseconds(row.median_ns),
            number(row.percent_of_peak, 1),
        ]
    });
    let header = ["isa", "size", "step", "million MACs", "limit us", "best us", "median us", "% of peak"];
    table(&header, &[1, 3, 4, 5, 6, 7], lines)
}
