//! `icecap bench roofline`: the peaks of multiply-adds, in f32 and of bytes, and of reading, measured.

use clap::Args;
use icecap::advanced::graph::Precision;
use icecap::advanced::kernels::Isa;
use icecap::advanced::kernels::roofline::{Rate, Roofline};
use icecap_bench::{isas, with_peaks_of_their_own};

use super::record::{Output, Row, number, unit_of};
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
    options.output.check("roofline")?;
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
    let isas = isas()?;
    let of_their_own = |precision| with_peaks_of_their_own(&isas, precision);
    let (real, bytes) = (of_their_own(Precision::F32), of_their_own(Precision::Int8));
    let mut rows = Vec::new();
    for threads in if most == 1 { vec![1] } else { vec![1, most] } {
        for &isa in &isas {
            let measured = Measured { isa, roofline: Roofline::new(isa, threads)? };
            if real.contains(&isa) {
                rows.push(measured.peak(Precision::F32));
            }
            if bytes.contains(&isa) {
                rows.push(measured.peak(Precision::Int8));
            }
            // What only adds kernels of bytes reads as the instruction set before it does.
            for &kib in options.read.iter().filter(|_| real.contains(&isa)) {
                interrupt::check()?;
                rows.push(measured.read(kib));
            }
        }
    }
    options.output.tell("roofline", &rows, &text(&rows))
}

struct Measured {
    isa: Isa,
    roofline: Roofline,
}

impl Measured {
    fn row(&self, name: &str, rate: Rate, unit: &'static str) -> Row {
        Row {
            isa: self.isa.to_string(),
            threads: self.roofline.threads(),
            size: None,
            name: name.to_owned(),
            geometry: String::new(),
            macs: None,
            best_ns: None,
            median_ns: None,
            rate: Some(rate.best),
            unit,
            peak_gflops: None,
            percent_of_peak: None,
            precision: "",
        }
    }

    fn peak(&self, precision: Precision) -> Row {
        let (name, rate) = match precision {
            Precision::F32 => ("multiply-add", self.roofline.peak()),
            Precision::Int8 => ("multiply-add of bytes", self.roofline.peak_of_bytes()),
        };
        Row {
            peak_gflops: Some(rate.best),
            precision: precision.name(),
            ..self.row(name, rate, unit_of(precision))
        }
    }

    fn read(&self, kib: u32) -> Row {
        let rate = self.roofline.read(kib as usize * 1024);
        Row { geometry: format!("{kib} KiB a thread"), ..self.row("read", rate, "GB/s") }
    }
}

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
