//! `icecap bench kernels`: every kernel on every geometry of MobileNetV2 1.0, in percent of the measured peak.

use std::time::Duration;

use clap::Args;
use icecap::advanced::foundation::did_you_mean::nearest;
use icecap::advanced::graph::Precision;
use icecap::advanced::kernels::{Isa, kernels};
use icecap_bench::{Case, Prepared, Timing, cases, isas, time, with_peak};

use super::record::{Output, Row, number};
use crate::options::measuring_time::seconds;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::interrupt;
use crate::terminal::stderr::note;
use crate::terminal::table::table;
use crate::terminal::wording::plain;

#[derive(Args)]
pub(crate) struct Options {
    /// Sides of the net's input in pixels
    #[arg(long, value_name = "S", value_delimiter = ',', default_values_t = [160, 224], value_parser = clap::value_parser!(u16).range(32..=512))]
    size: Vec<u16>,
    /// Time only this kernel, by its name in the table; several with commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// How long to measure each
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value = "0.02", value_parser = seconds)]
    seconds: Duration,
    #[command(flatten)]
    output: Output,
}

/// A case with the kernels to time it with, each as a token that forces it.
struct Job {
    case: Case,
    prepared: Prepared,
    rows: Vec<Isa>,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let isas = isas()?;
    let mut jobs = jobs(options, &isas)?;
    let mut rows = Vec::new();
    for isa in isas {
        if jobs.iter().flat_map(|job| &job.rows).any(|row| row.name() == isa.name()) {
            let (peak, timed) = with_peak(isa, Precision::F32, 1, || timed(&mut jobs, isa, options.seconds))?;
            rows.extend(timed.into_iter().map(|timed| timed.row(peak)));
        }
    }
    let lacking = lacking(Isa::best()).join(", ");
    if options.only.is_empty() && !lacking.is_empty() {
        note(&format!("note: this processor does not run {lacking}"));
    }
    options.output.tell("kernels", &rows, &text(&rows))
}

/// The names of the kernels that need more than `best`.
fn lacking(best: Isa) -> Vec<&'static str> {
    kernels().into_iter().filter(|kernel| !kernel.runs_on(best)).map(|kernel| kernel.name).collect()
}

/// The cases that the wanted kernels compute, ready to run. A kernel that is asked for by name and cannot be timed is an
/// error that names it.
fn jobs(options: &Options, isas: &[Isa]) -> Result<Vec<Job>, Failure> {
    let sides: Vec<usize> = options.size.iter().map(|&side| usize::from(side)).collect();
    let wanted = |row: &Isa| {
        options.only.is_empty() || options.only.iter().any(|name| row.kernel() == Some(name.as_str()))
    };
    for name in &options.only {
        if !kernels().iter().any(|kernel| kernel.name == name) {
            return Err(unknown(name));
        }
        let row = Isa::with_kernel(name)?;
        if !isas.iter().any(|isa| isa.name() == row.name()) {
            let allowed = isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
            let reason = format!("--only: {name} needs {row}, and ICECAP_ISA allows {allowed}");
            return Err(Failure::new(Code::Arguments, reason));
        }
    }
    let mut jobs: Vec<Job> = Vec::new();
    for case in cases(&sides)? {
        interrupt::check()?;
        let rows: Vec<Isa> = isas.iter().flat_map(|&isa| case.rows(isa)).filter(wanted).collect();
        if !rows.is_empty() {
            jobs.push(Job { prepared: case.prepare(), case, rows });
        }
    }
    let computes = |name: &str| jobs.iter().flat_map(|job| &job.rows).any(|row| row.kernel() == Some(name));
    match options.only.iter().find(|name| !computes(name)) {
        Some(name) => {
            let reason = format!("--only: {name} computes no geometry of these sizes; give others by --size");
            Err(Failure::new(Code::Arguments, reason))
        }
        None => Ok(jobs),
    }
}

/// Returns the failure of a name that is no kernel's.
fn unknown(name: &str) -> Failure {
    let meant = match nearest(name, kernels().iter().map(|kernel| kernel.name)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "`icecap bench kernels` prints their names".to_owned(),
    };
    Failure::new(Code::Arguments, format!("--only: no kernel is named '{}'; {meant}", plain(name)))
}

/// The time of a kernel on a case.
struct Timed<'a> {
    case: &'a Case,
    row: Isa,
    timing: Timing,
}

/// Times the kernels of the instruction set `isa`, each on all its cases. Each is checked against the oracle before.
fn timed(jobs: &mut [Job], isa: Isa, budget: Duration) -> Result<Vec<Timed<'_>>, Failure> {
    let mut timed = Vec::new();
    for Job { case, prepared, rows } in jobs {
        for &row in rows.iter().filter(|row| row.name() == isa.name()) {
            interrupt::check()?;
            prepared.check(&format!("{row:?} on {}", case.geometry), row);
            timed.push(Timed { case, row, timing: time(budget, || prepared.run(row)) });
        }
    }
    Ok(timed)
}

impl Timed<'_> {
    /// The line of the table, with a measured `peak` in GFLOP/s.
    fn row(self, peak: f64) -> Row {
        let Self { case, row, timing } = self;
        let gflops = case.macs.map(|macs| timing.gflops(macs));
        Row {
            isa: row.to_string(),
            threads: 1,
            size: None,
            name: row.kernel().unwrap_or_default().to_owned(),
            geometry: case.geometry.clone(),
            macs: case.macs,
            best_ns: Some(timing.best_ns),
            median_ns: Some(timing.median_ns),
            rate: gflops,
            unit: if gflops.is_some() { "GFLOP/s" } else { "" },
            peak_gflops: Some(peak),
            percent_of_peak: gflops.map(|gflops| Row::percent(gflops, peak)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_either_run_or_lacking_by_name() {
        for best in Isa::available() {
            let lacking = lacking(best);
            for kernel in kernels() {
                assert_eq!(lacking.contains(&kernel.name), !kernel.runs_on(best), "{}", kernel.name);
            }
        }
        assert!(lacking(Isa::named("portable").unwrap()).iter().all(|name| !name.ends_with("_portable")));
    }
}
