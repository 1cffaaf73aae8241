//! `icecap bench`, run as a person runs it: its tables as text, JSON and CSV.

use std::collections::BTreeSet;

use icecap::advanced::graph::{Padding, Spec, layers};
use icecap::advanced::kernels::{Isa, Operation, kernels};
use serde_json::Value;

use crate::place::{Place, Run};

/// Runs `icecap bench` with `arguments` on one instruction set, or on all where it is empty.
fn bench(place: &Place, isa: &str, arguments: &[&str]) -> Run {
    let mut command = place.command(&[&["bench"], arguments].concat());
    Run::of(command.env("ICECAP_ISA", isa).output().unwrap())
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error} in {run:?}"))
}

/// The rows of a table, whose percents must be such.
#[track_caller]
fn rows(table: &Value) -> &Vec<Value> {
    let rows = table["rows"].as_array().unwrap();
    for row in rows {
        if let Some(percent) = row["percent_of_peak"].as_f64() {
            assert!(percent > 0.0 && percent < 110.0, "{row}");
        }
    }
    rows
}

#[test]
fn a_roofline_tells_what_the_processor_does_and_keeps_it_under_its_name() {
    let place = Place::new();
    std::fs::create_dir(place.path("record")).unwrap();
    let arguments = ["roofline", "--threads", "1", "--read", "16,64", "--csv", "record"];
    let text = bench(&place, "portable", &arguments).succeeds().stdout;
    let told = text.lines().filter(|line| line.starts_with("portable ")).count();
    assert_eq!(told, 3, "{text}");
    assert!(text.contains("GFLOP/s") && text.contains("64 KiB a thread"), "{text}");

    let files: Vec<_> = std::fs::read_dir(place.path("record")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let path = files[0].as_ref().unwrap().path();
    assert!(path.to_str().unwrap().ends_with("-roofline.csv"), "{path:?}");
    let kept = std::fs::read_to_string(path).unwrap();
    let (header, lines) = kept.split_once('\n').unwrap();
    let columns: Vec<&str> = header.split(',').collect();
    assert!(["date", "cpu", "isa", "threads", "rate", "unit"].iter().all(|name| columns.contains(name)));
    let rate = columns.iter().position(|name| *name == "rate").unwrap();
    assert_eq!(lines.lines().count(), 3);
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), columns.len(), "{line}");
        assert!(fields[rate].parse::<f64>().unwrap() > 0.1, "{line}");
    }

    let two = ["roofline", "--threads", "2", "--read", "16", "--json"];
    let table = json(&bench(&place, "portable", &two).succeeds());
    let threads: Vec<u64> = rows(&table).iter().map(|row| row["threads"].as_u64().unwrap()).collect();
    assert_eq!(threads, [1, 1, 2, 2]);
}

#[test]
fn the_model_is_timed_in_the_precision_that_is_asked_for() {
    let place = Place::new();
    let model = |precision: &str| {
        let arguments = ["model", "--size", "64", "--threads", "1", "--seconds", "0.01", "--json"];
        let table =
            json(&bench(&place, "", &[&arguments[..], &["--precision", precision]].concat()).succeeds());
        assert_eq!(table["precision"], precision);
        let pooled = table["pooled_first"].as_array().unwrap().iter();
        pooled.map(|value| value.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (real, integer) = (model("f32"), model("int8"));
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let error = norm(&mut real.iter().zip(&integer).map(|(a, b)| a - b)) / norm(&mut real.iter().copied());
    assert!(error > 1e-4 && error < 0.2, "{real:?} {integer:?}");
    let refused = bench(&place, "", &["model", "--precision", "int4"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("f32 and int8"), "{refused:?}");
}

/// The names in a table of kernels, each once.
fn names(table: &Value) -> BTreeSet<&str> {
    rows(table).iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn every_kernel_that_this_processor_runs_has_rows_under_its_own_name() {
    let place = Place::new();
    let arguments = ["kernels", "--size", "32", "--seconds", "0.0001", "--json"];
    let table = json(&bench(&place, "", &arguments).succeeds());
    let runs = kernels().into_iter().filter(|kernel| kernel.runs_on(Isa::best()));
    assert_eq!(names(&table), runs.map(|kernel| kernel.name).collect());
    let rows = rows(&table);
    let timed = |row: &Value| row["best_ns"].as_f64().unwrap() > 0.0;
    assert!(rows.iter().all(timed) && rows.iter().any(|row| row["percent_of_peak"].is_f64()));
    let mut pairs = BTreeSet::new();
    for row in rows {
        assert!(row["name"].as_str().unwrap().ends_with(&format!("_{}", row["isa"].as_str().unwrap())));
        assert!(pairs.insert((row["name"].as_str(), row["geometry"].as_str())), "twice: {row}");
    }
}

#[test]
fn a_kernel_is_timed_alone_by_its_name() {
    let place = Place::new();
    let of = |operation: Operation| {
        let mut named = kernels().into_iter().filter(move |kernel| kernel.operation == operation);
        named.find(|kernel| kernel.name.ends_with("_portable")).unwrap().name
    };
    let (pool, stem) = (of(Operation::Pool), of(Operation::Stem));
    let quick = ["kernels", "--size", "32", "--seconds", "0.0001", "--json"];
    let only = |isa: &str, options: &[&str]| bench(&place, isa, &[&quick[..], options].concat());
    let one = json(&only("", &["--only", pool]).succeeds());
    assert_eq!((names(&one), rows(&one).len()), ([pool].into(), 1));
    for several in [&["--only", pool, "--only", stem][..], &["--only", &format!("{stem},{pool}")]] {
        assert_eq!(names(&json(&only("portable", several).succeeds())), [pool, stem].into());
    }

    let wrong = only("", &["--only", &pool.replace("portable", "portabel")]);
    assert!(wrong.fails(2).contains(&format!("did you mean {pool}?")), "{wrong:?}");
    let far = only("", &["--only", "x"]);
    assert!(far.fails(2).contains("no kernel is named 'x'"), "{far:?}");
    assert!([wrong, far].iter().all(|run| run.stderr.lines().count() == 1), "more than a line");
    for kernel in kernels().into_iter().filter(|kernel| !kernel.name.ends_with("_portable")) {
        // What the processor lacks and what `ICECAP_ISA` leaves out are both refused by name.
        let refused = only("portable", &["--only", kernel.name]);
        assert!(refused.fails(2).contains(kernel.name), "{refused:?}");
    }
}

#[test]
fn steps_share_all_multiply_adds_of_the_net() {
    let place = Place::new();
    let arguments = ["layers", "--size", "64", "--seconds", "0.01", "--threads", "1", "--json"];
    let table = json(&bench(&place, "portable", &arguments).succeeds());
    let (all, steps) = rows(&table).split_last().unwrap();
    assert_eq!(all["name"], "all");
    let macs = |row: &Value| row["macs"].as_u64().unwrap_or(0);
    let spec = Spec::with_width(1.0).unwrap();
    let expected: usize = layers(&spec, Padding::Same, None, [64, 64]).unwrap().iter().map(|l| l.macs).sum();
    assert_eq!(macs(all), expected as u64);
    assert_eq!(steps.iter().map(macs).sum::<u64>(), expected as u64);
    assert!(steps.len() >= 5, "{} steps", steps.len());
}

#[test]
fn a_model_is_told_in_percent_of_the_peak_of_its_run() {
    let place = Place::new();
    let arguments = ["model", "--size", "64", "--threads", "1", "--seconds", "0.05"];
    // A machine with other work can give the peak less of a core than the passes: one of a few runs is not so.
    let below_peak = (0..8).any(|_| {
        let report = json(&bench(&place, "", &[&arguments[..], &["--json"]].concat()).succeeds());
        let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("no {key} in {report}"));
        let percent = 100.0 * number("gflops") / number("peak_gflops");
        assert!((number("percent_of_peak") - percent).abs() < 1e-6 && percent > 0.0);
        assert!(number("median_percent_of_peak") <= percent + 1e-9);
        percent < 110.0
    });
    assert!(below_peak, "the passes are quicker than the peak allows");
    let text = bench(&place, "", &arguments).succeeds().stdout;
    assert!(text.contains(" % of the ") && text.contains("GFLOP/s"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let place = Place::new();
    for wrong in [
        &["roofline", "--threads=1025"][..],
        &["roofline", "--read=0"],
        &["kernels", "--size=31"],
        &["kernels", "--seconds=0"],
        &["layers", "--seconds=nan"],
    ] {
        let run = bench(&place, "portable", wrong);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(wrong[1].split('=').next().unwrap()), "{run:?}");
    }
    bench(&place, "sse9", &["roofline", "--read", "16"]).fails(2);
    let missing = ["roofline", "--threads", "1", "--read", "16", "--csv", "missing/x.csv"];
    let run = bench(&place, "portable", &missing);
    assert!(run.fails(5).contains("missing"), "{run:?}");
    let run = bench(&place, "portable", &["roofline", "--threads", "1000", "--read", "4194304"]);
    assert!(run.fails(4).contains("--read"), "{run:?}");
}
