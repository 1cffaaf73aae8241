//! `icecap bench kernels`: every kernel on every geometry of MobileNetV2 1.0, in percent of the measured peak.

use std::time::Duration;

use clap::Args;
use icecap::advanced::foundation::did_you_mean::nearest;
use icecap::advanced::graph::Precision;
use icecap::advanced::kernels::{Isa, Kernel, Operation, kernels};
use icecap_bench::{Case, Prepared, Timing, cases, isas, isas_to_name, time, with_peak};

use super::record::{Output, Row, number, unit_of};
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
    /// Time the kernels of nets in f32 or of nets in int8 [default: f32; with --only, those of the kernels named]
    #[arg(long, value_name = "TYPE")]
    precision: Option<Precision>,
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

/// Kernels that are compared with one peak.
#[derive(Clone, Copy)]
struct Section {
    isa: Isa,
    precision: Precision,
}

impl Section {
    fn has(self, row: &Isa, case: &Case) -> bool {
        row.name() == self.isa.name() && precision_of(case.operation) == self.precision
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    options.output.check("kernels")?;
    let precisions = precisions(options)?;
    let isas = if options.only.is_empty() { isas()? } else { isas_to_name()? };
    let mut jobs = jobs(options, &isas, &precisions)?;
    let mut rows = Vec::new();
    for &precision in &precisions {
        for isa in Isa::available().into_iter().chain([Isa::tile_machine()]) {
            let section = Section { isa, precision };
            if jobs.iter().any(|job| job.rows.iter().any(|row| section.has(row, &job.case))) {
                let (peak, timed) =
                    with_peak(isa, precision, 1, || timed(&mut jobs, section, options.seconds))?;
                rows.extend(timed.into_iter().map(|timed| timed.row(precision, peak)));
            }
        }
    }
    let lacking = lacking(&Isa::available(), &precisions).join(", ");
    if options.only.is_empty() && !lacking.is_empty() {
        note(&format!("note: this processor does not run {lacking}"));
    }
    options.output.tell("kernels", &rows, &text(&rows, &precisions))
}

/// The precision of the nets that have `operation`.
fn precision_of(operation: Operation) -> Precision {
    if operation.is_integer() { Precision::Int8 } else { Precision::F32 }
}

/// The precisions whose kernels are timed: the one asked for, or those of the kernels that are named.
fn precisions(options: &Options) -> Result<Vec<Precision>, Failure> {
    let mut named = Vec::new();
    for name in &options.only {
        let Some(kernel) = kernels().into_iter().find(|kernel| kernel.name == name) else {
            return Err(unknown(name));
        };
        let precision = precision_of(kernel.operation);
        if let Some(asked) = options.precision.filter(|asked| *asked != precision) {
            let reason = format!("--only: {name} is a kernel of {precision}, and --precision says {asked}");
            return Err(Failure::new(Code::Arguments, reason));
        }
        named.push(precision);
    }
    let wanted = |precision: &Precision| match options.only.is_empty() {
        true => *precision == options.precision.unwrap_or_default(),
        false => named.contains(precision),
    };
    Ok(Precision::ALL.into_iter().filter(wanted).collect())
}

/// The names of the kernels of these precisions that need more than each of `sets`. Those of the tile machine need no
/// processor and are none.
fn lacking(sets: &[Isa], precisions: &[Precision]) -> Vec<&'static str> {
    let of = |kernel: &Kernel| precisions.contains(&precision_of(kernel.operation));
    let runs = |kernel: &Kernel| sets.iter().chain([&Isa::tile_machine()]).any(|&isa| kernel.runs_on(isa));
    let lacks = kernels().into_iter().filter(|kernel| of(kernel) && !runs(kernel));
    lacks.map(|kernel| kernel.name).collect()
}

/// The cases that the wanted kernels compute, ready to run. A kernel that is asked for by name and cannot be timed is an
/// error that names it.
fn jobs(options: &Options, isas: &[Isa], precisions: &[Precision]) -> Result<Vec<Job>, Failure> {
    let sides: Vec<usize> = options.size.iter().map(|&side| usize::from(side)).collect();
    let wanted = |row: &Isa| {
        options.only.is_empty() || options.only.iter().any(|name| row.kernel() == Some(name.as_str()))
    };
    let mut all = Vec::new();
    for &precision in precisions {
        all.extend(cases(&sides, precision)?);
    }
    for name in &options.only {
        allowed(name, isas, &all)?;
    }
    let mut jobs: Vec<Job> = Vec::new();
    for case in all {
        interrupt::check()?;
        let rows: Vec<Isa> = case.rows(isas).into_iter().filter(wanted).collect();
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

/// Fails if the kernel `name` is of an instruction set that none of `isas` has its kernels from.
fn allowed(name: &str, isas: &[Isa], cases: &[Case]) -> Result<(), Failure> {
    let row = Isa::with_kernel(name)?;
    let operation = kernels().into_iter().find(|kernel| kernel.name == name).map(|kernel| kernel.operation);
    let mut served = cases
        .iter()
        .filter(|case| Some(case.operation) == operation)
        .flat_map(|case| isas.iter().map(|&isa| case.served_by(isa)));
    if served.any(|set| set == row.name()) {
        return Ok(());
    }
    let allowed = isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
    let reason = format!("--only: {name} needs {row}, and ICECAP_ISA allows {allowed}");
    Err(Failure::new(Code::Arguments, reason))
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

/// Times the kernels of a section, each on all its cases. Each is checked against the oracle before.
fn timed(jobs: &mut [Job], section: Section, budget: Duration) -> Result<Vec<Timed<'_>>, Failure> {
    let mut timed = Vec::new();
    for Job { case, prepared, rows } in jobs {
        for &row in rows.iter().filter(|row| section.has(row, case)) {
            interrupt::check()?;
            prepared.check(&format!("{row:?} on {}", case.geometry), row);
            timed.push(Timed { case, row, timing: time(budget, || prepared.run(row)) });
        }
    }
    Ok(timed)
}

impl Timed<'_> {
    /// The line of the table, with a measured `peak` of products in `precision`, in 10^9 operations a second.
    fn row(self, precision: Precision, peak: f64) -> Row {
        let Self { case, row, timing } = self;
        let gflops = case.macs.map(|macs| timing.gflops(macs));
        Row {
            isa: row.to_string(),
            threads: 1,
            precision: precision.name(),
            size: None,
            name: row.kernel().unwrap_or_default().to_owned(),
            geometry: case.geometry.clone(),
            macs: case.macs,
            best_ns: Some(timing.best_ns),
            median_ns: Some(timing.median_ns),
            rate: gflops,
            unit: if gflops.is_some() { unit_of(precision) } else { "" },
            peak_gflops: Some(peak),
            percent_of_peak: gflops.map(|gflops| Row::percent(gflops, peak)),
        }
    }
}

/// A table for each precision.
fn text(rows: &[Row], precisions: &[Precision]) -> String {
    let of = |precision: &Precision| {
        let lines = rows.iter().filter(|row| row.precision == precision.name()).map(line);
        let header = ["kernel", "geometry", "best us", "median us", unit_of(*precision), "% of peak"];
        table(&header, &[2, 3, 4, 5], lines)
    };
    precisions.iter().map(of).collect::<Vec<_>>().join("\n\n")
}

fn line(row: &Row) -> Vec<String> {
    let microseconds = |ns: Option<f64>| number(ns.map(|ns| ns / 1e3), 2);
    vec![
        row.name.clone(),
        row.geometry.clone(),
        microseconds(row.best_ns),
        microseconds(row.median_ns),
        number(row.rate, 1),
        number(row.percent_of_peak, 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_either_run_or_lacking_by_name() {
        let machine = Isa::tile_machine();
        for precision in Precision::ALL {
            for isa in Isa::available() {
                let lacking = lacking(&[isa], &[precision]);
                for kernel in kernels().into_iter().filter(|one| precision_of(one.operation) == precision) {
                    let runs = kernel.runs_on(isa) || kernel.runs_on(machine);
                    assert_eq!(lacking.contains(&kernel.name), !runs, "{}", kernel.name);
                }
                let int8 = precision == Precision::Int8;
                assert!(lacking.iter().all(|name| name.contains("_i8_") == int8), "{lacking:?}");
                assert!(!lacking.iter().any(|name| name.ends_with("_portable")), "{lacking:?}");
            }
        }
    }
}
