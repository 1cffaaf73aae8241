//! `icecap bench kernels`: every kernel on every geometry of MobileNetV2 1.0, in percent of the measured peak.

use std::time::Duration;

use clap::Args;
use icecap_bench::{cases, isas, row_names, time, with_peak};

use super::record::{Output, Row, number};
use crate::options::measuring_time::seconds;
use crate::terminal::failure::Failure;
use crate::terminal::interrupt;
use crate::terminal::table::table;

#[derive(Args)]
pub(crate) struct Options {
    /// Sides of the net's input in pixels
    #[arg(long, value_name = "S", value_delimiter = ',', default_values_t = [160, 224], value_parser = clap::value_parser!(u16).range(32..=512))]
    size: Vec<u16>,
    /// How long to measure each
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value = "0.02", value_parser = seconds)]
    seconds: Duration,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let sides: Vec<usize> = options.size.iter().map(|&side| usize::from(side)).collect();
    let cases = cases(&sides)?;
    let mut prepared = Vec::with_capacity(cases.len());
    for case in &cases {
        interrupt::check()?;
        prepared.push(case.prepare());
    }
    let mut rows = Vec::new();
    for isa in isas()? {
        let (peak, timed) = with_peak(isa, 1, || {
            let mut timed = Vec::new();
            for (case, prepared) in cases.iter().zip(&mut prepared) {
                let Some(name) = row_names(case.operation, isa) else { continue };
                interrupt::check()?;
                prepared.check(&name, isa);
                timed.push((case, name, time(options.seconds, || prepared.run(isa))));
            }
            Ok::<_, Failure>(timed)
        })?;
        rows.extend(timed.into_iter().map(|(case, name, timing)| {
            let gflops = case.macs.map(|macs| timing.gflops(macs));
            Row {
                isa: isa.to_string(),
                threads: 1,
                size: None,
                name,
                geometry: case.geometry.clone(),
                macs: case.macs,
                best_ns: Some(timing.best_ns),
                median_ns: Some(timing.median_ns),
                rate: gflops,
                unit: if gflops.is_some() { "GFLOP/s" } else { "" },
                peak_gflops: Some(peak),
                percent_of_peak: gflops.map(|gflops| Row::percent(gflops, peak)),
            }
        }));
    }
    options.output.tell("kernels", &rows, &text(&rows))
}

fn text(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let microseconds = |ns: Option<f64>| number(ns.map(|ns| ns / 1e3), 2);
        vec![
            row.name.clone(),
            row.geometry.clone(),
            microseconds(row.best_ns),
            microseconds(row.median_ns),
            number(row.rate, 1),
            number(row.percent_of_peak, 1),
        ]
    });
    table(&["kernel", "geometry", "best us", "median us", "GFLOP/s", "% of peak"], &[2, 3, 4, 5], lines)
}
