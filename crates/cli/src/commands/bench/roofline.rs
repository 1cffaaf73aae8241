//! `icecap bench roofline`: the peak of multiply-adds and of reading, measured.

use clap::Args;
use icecap::advanced::kernels::roofline::{Rate, Roofline};
use icecap_bench::isas;

use super::record::{Output, Row, number};
use crate::options::runner::ThreadOptions;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::table::table;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    threads: ThreadOptions,
    /// Working sets of a thread to read from, in KiB: one for each level of a usual processor's memory
    #[arg(long, value_name = "KIB", value_delimiter = ',', default_values_t = [16, 512, 8192, 262_144], value_parser = clap::value_parser!(u32).range(1..=MOST_KIB))]
    read: Vec<u32>,
    #[command(flatten)]
    output: Output,
}

/// The largest working set. Above it memory is not read any more slowly.
const MOST_KIB: i64 = 4 << 20;
/// The most memory that all threads together take.
const MOST_MEMORY_KIB: u64 = 16 << 20;

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let most = options.threads.count();
    let largest = u64::from(options.read.iter().copied().max().unwrap_or(0)) * most as u64;
    if largest > MOST_MEMORY_KIB {
        return Err(Failure::new(
            Code::Limit,
            format!(
                "--read: {most} threads would take {largest} KiB, above the limit of {MOST_MEMORY_KIB}; use less"
            ),
        ));
    }
    let mut rows = Vec::new();
    for threads in if most == 1 { vec![1] } else { vec![1, most] } {
        for isa in isas()? {
            let roofline = Roofline::new(isa, threads)?;
            let row = |name: &str, geometry: String, rate: Rate, unit| Row {
                isa: isa.to_string(),
                threads: roofline.threads(),
                size: None,
                name: name.to_owned(),
                geometry,
                macs: None,
                best_ns: None,
                median_ns: None,
                rate: Some(rate.best),
                unit,
                peak_gflops: (name == PEAK).then_some(rate.best),
                percent_of_peak: None,
            };
            rows.push(row(PEAK, String::new(), roofline.peak(), "GFLOP/s"));
            for &kib in &options.read {
                interrupt::check()?;
                let rate = roofline.read(kib as usize * 1024);
                rows.push(row("read", format!("{kib} KiB a thread"), rate, "GB/s"));
            }
        }
    }
    options.output.tell("roofline", &rows, &text(&rows))
}

/// The row of multiply-adds.
const PEAK: &str = "multiply-add";

fn text(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let rate = number(row.rate, 1);
        vec![
            row.isa.clone(),
            row.threads.to_string(),
            row.name.clone(),
            row.geometry.clone(),
            rate,
            row.unit.to_owned(),
        ]
    });
    table(&["isa", "threads", "what", "", "best", ""], &[1, 3, 4], lines)
}
