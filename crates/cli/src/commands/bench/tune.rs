//! `icecap bench tune`: a step of fine-tuning block by block, forwards and backwards, against the peak of multiply-adds.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use icecap::advanced::graph::{Params, Precision, Tap};
use icecap::advanced::kernels::{Isa, Threads};
use icecap::advanced::weights::Choices;
use icecap::learn::Unfreeze;
use icecap_bench::{TuneCase, TuneTime, Work, drawn_params, tune_times, with_peak};

use super::record::{Output, Row, number};
use crate::options::measuring_time::seconds;
use crate::options::runner::ThreadOptions;
use crate::store::weights_source;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::table::table;

#[derive(Args)]
pub(crate) struct Options {
    /// Weights to measure with: a name that `icecap weights list` shows, or a file [default: drawn ones]
    #[arg(long, value_name = "NAME|FILE", conflicts_with = "width")]
    weights: Option<PathBuf>,
    /// Width of the net whose weights are drawn
    #[arg(long, value_name = "W", default_value_t = 1.0)]
    width: f32,
    /// Side of the photos in pixels
    #[arg(long, value_name = "S", default_value_t = 160, value_parser = clap::value_parser!(u16).range(32..=1024))]
    size: u16,
    /// Where what is trained begins: block_16 (the last) to block_1, expanded_conv, Conv_1 (the last convolution alone) or all
    #[arg(long, value_name = "BLOCK", default_value = "block_13", value_parser = entered)]
    from: Tap,
    /// Photos in a batch
    #[arg(long, value_name = "B", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: u16,
    /// How long to measure
    #[arg(long, value_name = "X", allow_negative_numbers = true, default_value = "2", value_parser = seconds)]
    seconds: Duration,
    #[command(flatten)]
    threads: ThreadOptions,
    #[command(flatten)]
    output: Output,
}

/// Reads the name of the first part that is trained, and returns the tap at which values enter it.
fn entered(name: &str) -> Result<Tap, String> {
    let part: Unfreeze = name.parse().map_err(|error: icecap::Error| error.to_string())?;
    part.tap().ok_or_else(|| format!("{part} is chosen by photos; name a block, such as block_13"))
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    options.output.check("tune")?;
    let params = params(options)?;
    let (isa, threads) = (Isa::from_env()?, Threads::new(options.threads.count())?);
    let case =
        TuneCase { from: options.from, size: usize::from(options.size), batch: usize::from(options.batch) };
    let measure = || {
        let times = tune_times(&params, case, isa, &threads, options.seconds);
        times.map_err(|error| Failure::new(Code::Arguments, error.to_string()))
    };
    let (peak, times) = with_peak(isa, Precision::F32, threads.count(), measure)?;
    let row = |name: &str, pass: &str, work: Work| {
        let macs = (work.macs > 0).then_some(work.macs);
        let gflops = macs.map(|macs| work.timing.gflops(macs));
        Row {
            isa: isa.to_string(),
            threads: threads.count(),
            precision: Precision::F32.name(),
            size: Some(case.size),
            name: name.to_owned(),
            geometry: format!("{pass} of {} photos", case.batch),
            macs,
            best_ns: Some(work.timing.best_ns),
            median_ns: Some(work.timing.median_ns),
            rate: gflops,
            unit: "GFLOP/s",
            peak_gflops: Some(peak),
            percent_of_peak: gflops.map(|gflops| Row::percent(gflops, peak)),
        }
    };
    let rows: Vec<Row> = times
        .iter()
        .flat_map(|time| {
            let forward = time.forward.map(|work| row(&time.name, "forward", work));
            forward.into_iter().chain(time.backward.map(|work| row(&time.name, "backward", work)))
        })
        .collect();
    options.output.tell("tune", &rows, &text(&times, case, peak))
}

/// The weights that were asked for, or drawn ones.
fn params(options: &Options) -> Result<Params, Failure> {
    Ok(match &options.weights {
        Some(asked) => weights_source::weights(&weights_source::find(asked)?, Choices::default())?.params,
        None => drawn_params(options.width)?,
    })
}

fn text(times: &[TuneTime], case: TuneCase, peak: f64) -> String {
    let photos = case.batch as f64;
    let cells = |work: Option<Work>| {
        let macs = work.map(|work| work.macs).filter(|&macs| macs > 0);
        let percent =
            work.filter(|work| work.macs > 0).map(|work| Row::percent(work.timing.gflops(work.macs), peak));
        [
            number(macs.map(|macs| macs as f64 / photos / 1e6), 2),
            number(work.map(|work| work.timing.best_ns / photos / 1e6), 4),
            number(work.map(|work| work.timing.median_ns / photos / 1e6), 4),
            number(percent, 1),
        ]
    };
    let lines = times.iter().map(|time| {
        let numbers = cells(time.forward).into_iter().chain(cells(time.backward));
        std::iter::once(time.name.clone()).chain(numbers).collect()
    });
    let header = [
        "a photo",
        "forward: million MACs",
        "best ms",
        "median ms",
        "% of peak",
        "backward: million MACs",
        "best ms",
        "median ms",
        "% of peak",
    ];
    table(&header, &[1, 2, 3, 4, 5, 6, 7, 8], lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_trained_begins_behind_the_tap_before_it() {
        for (name, tap) in [
            ("all", Tap::Image),
            ("expanded_conv", Tap::Stem),
            ("block_1", Tap::Block(0)),
            ("block_16", Tap::Block(15)),
            ("Conv_1", Tap::Block(16)),
        ] {
            assert_eq!(entered(name), Ok(tap), "{name}");
        }
        for wrong in
            ["", "auto", "block_0", "block_17", "16", "image", "out_relu", "Conv1_relu", "predictions"]
        {
            assert!(entered(wrong).unwrap_err().contains("block_1"), "{wrong}");
        }
    }
}
