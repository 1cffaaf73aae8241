//! What a table of measurements is told as: text, JSON, a CSV file that can be kept beside the code.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use icecap::advanced::data::csv_record;
use icecap::advanced::foundation::atomic_file::replace_file;
use icecap::advanced::graph::Precision;
use serde::Serialize;

use super::machine;
use crate::options::overwrite::OverwriteOption;
use crate::terminal::failure::Failure;
use crate::terminal::table::print;
use crate::terminal::wording::plain_path;

/// How a table is told.
#[derive(Args)]
pub(super) struct Output {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Keep the rows in a CSV file; in a folder it is called CPU-TABLE.csv
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    overwrite: OverwriteOption,
}

/// Returns the unit of rates of products in `precision`; a product and its addition are two operations.
pub(super) fn unit_of(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "GFLOP/s",
        Precision::Int8 => "GOP/s",
    }
}

/// One measurement, as JSON and CSV have it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) isa: String,
    pub(super) threads: usize,
    /// Side of the net's input, if the row belongs to one.
    pub(super) size: Option<usize>,
    /// The kernel, the step, or what the processor did.
    pub(super) name: String,
    pub(super) geometry: String,
    /// Products that are added, of f32 or of bytes.
    pub(super) macs: Option<usize>,
    pub(super) best_ns: Option<f64>,
    pub(super) median_ns: Option<f64>,
    /// The best rate in `unit`: GFLOP/s, GOP/s of products of bytes, or GB/s if bytes are read.
    pub(super) rate: Option<f64>,
    pub(super) unit: &'static str,
    /// The peak of products in `precision` in 10^9 operations a second, measured in the same run with the same instruction
    /// set on as many threads.
    pub(super) peak_gflops: Option<f64>,
    pub(super) percent_of_peak: Option<f64>,
    /// The numbers that were multiplied: `f32`, `int8`, or none if bytes are read.
    pub(super) precision: &'static str,
}

impl Row {
    /// Returns a rate in percent of a peak of multiply-adds.
    pub(super) fn percent(gflops: f64, peak: f64) -> f64 {
        100.0 * gflops / peak
    }

    fn record(&self, date: &str, cpu: &str, table: &str) -> String {
        let number = |value: Option<f64>| value.map(|value| format!("{value:.2}")).unwrap_or_default();
        let whole = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
        csv_record([
            date,
            cpu,
            env!("CARGO_PKG_VERSION"),
            table,
            &self.isa,
            &self.threads.to_string(),
            &whole(self.size),
            &self.name,
            &self.geometry,
            &whole(self.macs),
            &number(self.best_ns),
            &number(self.median_ns),
            &number(self.rate),
            self.unit,
            &number(self.peak_gflops),
            &number(self.percent_of_peak),
            self.precision,
        ])
    }
}

const HEADER: [&str; 17] = [
    "date",
    "cpu",
    "version",
    "table",
    "isa",
    "threads",
    "size",
    "name",
    "geometry",
    "macs",
    "best_ns",
    "median_ns",
    "rate",
    "unit",
    "peak_gflops",
    "percent_of_peak",
    "precision",
];

#[derive(Serialize)]
struct Report<'a> {
    table: &'a str,
    date: &'a str,
    cpu: &'a str,
    rows: &'a [Row],
}

impl Output {
    /// Refuses, before anything is measured, a file for the rows of `table` that is there already.
    pub(super) fn check(&self, table: &str) -> Result<(), Failure> {
        self.csv.iter().try_for_each(|path| self.overwrite.check(&file_at(path, table, &machine::cpu())))
    }

    /// Tells the rows of `table`, for a person as `text`.
    pub(super) fn tell(&self, table: &str, rows: &[Row], text: &str) -> Result<(), Failure> {
        let (date, cpu) = (machine::today(), machine::cpu());
        let written = match &self.csv {
            Some(path) => Some(write(path, table, rows, &date, &cpu)?),
            None => None,
        };
        if self.json {
            let report = Report { table, date: &date, cpu: &cpu, rows };
            return print(&format!("{}\n", serde_json::json!(report)));
        }
        let kept = written.map(|path| format!("\n{}: {} rows\n", plain_path(&path), rows.len()));
        print(&format!("{cpu}\n\n{text}\n{}", kept.unwrap_or_default()))
    }
}

/// Puts the rows into the file at `path`, or into one of that folder; returns which.
fn write(path: &Path, table: &str, rows: &[Row], date: &str, cpu: &str) -> Result<PathBuf, Failure> {
    let path = file_at(path, table, cpu);
    let lines: String = rows.iter().map(|row| row.record(date, cpu, table)).collect();
    replace_file(&path, |out| out.write_all((csv_record(HEADER) + &lines).as_bytes()))?;
    Ok(path)
}

/// Returns the file for the rows of `table` that `path` means, itself or one in that folder.
fn file_at(path: &Path, table: &str, cpu: &str) -> PathBuf {
    match path.is_dir() {
        true => path.join(format!("{}-{table}.csv", machine::slug(cpu))),
        false => path.to_owned(),
    }
}

/// Returns a number with `digits` behind the point, or nothing.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map(|value| format!("{value:.digits$}")).unwrap_or_default()
}
