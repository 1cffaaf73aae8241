//! `icecap bench`, run as a person runs it: its tables as text, JSON and CSV.

use std::collections::BTreeSet;

use icecap::advanced::graph::{Padding, Spec, layers};
use icecap::advanced::kernels::{Isa, Kernel, Operation, kernels};
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

/// The rows of a table, whose rates and percents must follow from their times and peaks.
#[track_caller]
fn rows(table: &Value) -> &Vec<Value> {
    let rows = table["rows"].as_array().unwrap();
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("no {key} in {row}"));
        if row["macs"].is_u64() {
            let rate = 2.0 * number("macs") / number("best_ns");
            assert!((number("rate") / rate - 1.0).abs() < 1e-9, "{row}");
            let percent = 100.0 * rate / number("peak_gflops");
            assert!((number("percent_of_peak") / percent - 1.0).abs() < 1e-9 && percent > 0.0, "{row}");
        } else {
            assert!(row["percent_of_peak"].is_null(), "{row}");
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
    assert_eq!(told, 4, "{text}");
    assert!(
        text.contains("GFLOP/s") && text.contains(" GOP/s") && text.contains("64 KiB a thread"),
        "{text}"
    );

    let files: Vec<_> = std::fs::read_dir(place.path("record")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let path = files[0].as_ref().unwrap().path();
    assert!(path.to_str().unwrap().ends_with("-roofline.csv"), "{path:?}");
    let kept = std::fs::read_to_string(path).unwrap();
    let (header, lines) = kept.split_once('\n').unwrap();
    let columns: Vec<&str> = header.split(',').collect();
    assert!(["date", "cpu", "isa", "threads", "rate", "unit"].iter().all(|name| columns.contains(name)));
    let rate = columns.iter().position(|name| *name == "rate").unwrap();
    assert_eq!(lines.lines().count(), 4);
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), columns.len(), "{line}");
        assert!(fields[rate].parse::<f64>().unwrap() > 0.1, "{line}");
    }

    let two = ["roofline", "--threads", "2", "--read", "16", "--json"];
    let table = json(&bench(&place, "portable", &two).succeeds());
    let threads: Vec<u64> = rows(&table).iter().map(|row| row["threads"].as_u64().unwrap()).collect();
    assert_eq!(threads, [1, 1, 1, 2, 2, 2]);
}

#[test]
fn a_roofline_measures_nothing_twice_under_two_names() {
    let place = Place::new();
    let arguments = ["roofline", "--threads", "1", "--read", "16", "--json"];
    let table = json(&bench(&place, "", &arguments).succeeds());
    let of = |name: &str| -> BTreeSet<&str> {
        let rows = rows(&table).iter().filter(|row| row["name"] == name);
        rows.map(|row| row["isa"].as_str().unwrap()).collect()
    };
    let all = Isa::available();
    assert_eq!(of("multiply-add"), all.iter().map(|isa| isa.name_of_f32()).collect());
    assert_eq!(of("read"), of("multiply-add"));
    assert_eq!(of("multiply-add of bytes"), all.iter().map(|isa| isa.name_of_bytes()).collect());
    for isa in all {
        // One that is asked for by its name is measured under it, whosever its loops are.
        let table = json(&bench(&place, isa.name(), &arguments).succeeds());
        let names: Vec<&Value> = rows(&table).iter().map(|row| &row["isa"]).collect();
        assert_eq!(names, [isa.name(); 3]);
        let precisions: Vec<&Value> = rows(&table).iter().map(|row| &row["precision"]).collect();
        assert_eq!(precisions, ["f32", "int8", ""]);
    }
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

/// Whether a kernel is one of nets in `precision`.
fn is_of(precision: &str, kernel: &Kernel) -> bool {
    kernel.operation.is_integer() == (precision == "int8")
}

#[test]
fn every_kernel_that_this_processor_runs_has_rows_under_its_own_name() {
    let place = Place::new();
    for (precision, unit) in [("f32", "GFLOP/s"), ("int8", "GOP/s")] {
        let arguments =
            ["kernels", "--size", "32", "--seconds", "0.0001", "--json", "--precision", precision];
        let run = bench(&place, "", &arguments).succeeds();
        let table = json(&run);
        let runs = |kernel: &Kernel| Isa::available().into_iter().any(|isa| kernel.runs_on(isa));
        let expected = kernels().into_iter().filter(|kernel| is_of(precision, kernel) && runs(kernel));
        assert_eq!(names(&table), expected.map(|kernel| kernel.name).collect());
        for kernel in kernels() {
            let lacks = !runs(&kernel) && !kernel.runs_on(Isa::tile_machine()) && is_of(precision, &kernel);
            assert_eq!(run.stderr.contains(kernel.name), lacks, "{} in {run:?}", kernel.name);
        }
        let rows = rows(&table);
        let timed = |row: &Value| row["best_ns"].as_f64().unwrap() > 0.0 && row["precision"] == precision;
        assert!(rows.iter().all(timed) && rows.iter().any(|row| row["percent_of_peak"].is_f64()));
        let mut pairs = BTreeSet::new();
        for row in rows {
            assert!(row["name"].as_str().unwrap().ends_with(&format!("_{}", row["isa"].as_str().unwrap())));
            assert!(pairs.insert((row["name"].as_str(), row["geometry"].as_str())), "twice: {row}");
            assert!(row["macs"].is_null() || row["unit"] == unit, "{row}");
        }
    }
    // Without a word, those of f32.
    let plain =
        bench(&place, "portable", &["kernels", "--size", "32", "--seconds", "0.0001"]).succeeds().stdout;
    assert!(plain.contains("GFLOP/s") && plain.contains("_f32_") && !plain.contains("_i8_"), "{plain}");
}

#[test]
fn an_instruction_set_that_is_asked_for_has_the_kernels_that_it_uses() {
    let place = Place::new();
    for isa in Isa::available().into_iter().chain([Isa::tile_machine()]) {
        for precision in ["f32", "int8"] {
            let quick = ["kernels", "--size", "32", "--seconds", "0.0001", "--json", "--precision"];
            let table = json(&bench(&place, isa.name(), &[&quick[..], &[precision]].concat()).succeeds());
            assert!(rows(&table).len() >= 20, "{isa} in {precision}: {table}");
            if precision == "f32" {
                // The steps of a JPEG's decoder have no kernels of AVX-512.
                let of_jpegs = ["inverse_dct", "triangle", "ycc"];
                let is_right = |row: &Value| {
                    let name = row["name"].as_str().unwrap();
                    row["isa"] == isa.name_of_f32()
                        || of_jpegs.iter().any(|step| name.starts_with(step)) && row["isa"] == "avx2"
                };
                assert!(rows(&table).iter().all(is_right), "{table}");
            }
        }
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

    let (integer, machine) = (of(Operation::IntegerStem), "last_i8_32x32_tilemachine");
    for named in [integer, machine] {
        let one = json(&only("", &["--only", named]).succeeds());
        assert_eq!((names(&one), rows(&one).len()), ([named].into(), 1));
        assert_eq!(rows(&one)[0]["precision"], "int8");
    }
    let both = json(&only("", &["--only", integer, "--only", stem]).succeeds());
    assert_eq!(names(&both), [integer, stem].into());
    let text =
        bench(&place, "portable", &["kernels", "--size", "32", "--only", &format!("{integer},{stem}")]);
    let headings = text.stdout.lines().filter(|line| line.starts_with("kernel ")).count();
    assert_eq!(headings, 2, "a table for each precision: {text:?}");
    let other = only("", &["--only", integer, "--precision", "f32"]);
    assert!(other.fails(2).contains(integer), "{other:?}");

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
    let spec = Spec::with_width(1.0).unwrap();
    let all_layers = layers(&spec, Padding::Same, None, [64, 64]).unwrap();
    let of_net: usize = all_layers.iter().map(|layer| layer.macs).sum();
    // What is read with all bits takes two products: 32x32 16-96.
    let twice = 32 * 32 * 16 * 96;
    for (precision, expected, unit) in [("f32", of_net, "GFLOP/s"), ("int8", of_net + twice, "GOP/s")] {
        let arguments = ["layers", "--size", "64", "--seconds", "0.01", "--threads", "1", "--json"];
        let arguments = [&arguments[..], &["--precision", precision]].concat();
        let table = json(&bench(&place, "portable", &arguments).succeeds());
        let (all, steps) = rows(&table).split_last().unwrap();
        assert_eq!(all["name"], "all");
        let macs = |row: &Value| row["macs"].as_u64().unwrap_or(0);
        assert_eq!(macs(all), expected as u64);
        assert_eq!(steps.iter().map(macs).sum::<u64>(), expected as u64);
        assert!(steps.len() >= 5, "{} steps", steps.len());
        assert!(rows(&table).iter().all(|row| row["precision"] == precision && row["unit"] == unit));
    }
}

#[test]
fn steps_are_told_once_for_each_instruction_set_with_kernels_of_the_precision() {
    let place = Place::new();
    for precision in ["f32", "int8"] {
        let arguments = ["layers", "--size", "32", "--seconds", "0.001", "--threads", "1", "--json"];
        let table =
            json(&bench(&place, "", &[&arguments[..], &["--precision", precision]].concat()).succeeds());
        let told = rows(&table).iter().filter(|row| row["name"] == "all").map(|row| row["isa"].as_str());
        let own = |isa: &Isa| {
            let named = |kernel: &Kernel| kernel.name.ends_with(&format!("_{isa}"));
            kernels().iter().any(|kernel| is_of(precision, kernel) && named(kernel))
        };
        let expected = Isa::available().into_iter().filter(own).map(|isa| Some(isa.name()));
        assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{precision}");
    }
}

#[test]
fn a_step_of_tuning_is_told_block_by_block_in_both_directions() {
    let place = Place::new();
    let arguments = ["tune", "--size", "64", "--batch", "3", "--threads", "1", "--seconds", "0.01"];
    let with = |more: &[&str]| bench(&place, "", &[&arguments[..], more].concat()).succeeds();
    let parts = ["block_15", "block_16", "out_relu", "global_average_pooling2d"];
    let table = json(&with(&["--width", "0.35", "--from", "block_15", "--json"]));
    let expected = parts.iter().flat_map(|part| ["forward", "backward"].map(|pass| (*part, pass)));
    let expected = expected
        .chain([("unfold", "backward"), ("all", "forward"), ("all", "backward"), ("optimizer", "backward")])
        .map(|(part, pass)| (part.to_owned(), format!("{pass} of 3 photos")));
    let told = rows(&table).iter().map(|row| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        assert!(row["best_ns"].as_f64().unwrap() > 0.0 && row["size"] == 64, "{row}");
        (text("name"), text("geometry"))
    });
    assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let macs = |name: &str, pass: &str| {
        let mut found = rows(&table).iter().filter(|row| row["name"] == name);
        let row = found.find(|row| row["geometry"].as_str().unwrap().starts_with(pass)).unwrap();
        row["macs"].as_u64().unwrap()
    };
    let all_layers = layers(&Spec::with_width(0.35).unwrap(), Padding::Same, None, [64, 64]).unwrap();
    let of_block: usize =
        all_layers.iter().filter(|layer| layer.name.starts_with("block_16_")).map(|layer| layer.macs).sum();
    assert_eq!(
        [macs("block_16", "forward"), macs("block_16", "backward")],
        [3, 6].map(|n| n * of_block as u64)
    );

    let text = with(&["--from", "Conv_1"]).stdout;
    let starting = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!((starting("out_relu"), starting("all"), starting("block")), (1, 1, 0), "{text}");
    let refused = bench(&place, "", &["tune", "--weights", "starter", "--width", "1.0"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("--width"), "{refused:?}");
}

#[test]
fn no_kernel_is_quicker_than_the_peak_allows() {
    let place = Place::new();
    let of = |operation: Operation| {
        let mut named = kernels().into_iter().filter(move |kernel| kernel.operation == operation);
        named.find(|kernel| Isa::available().into_iter().any(|isa| kernel.runs_on(isa))).unwrap().name
    };
    // The quickest of both precisions, and those that are nearest to their peak.
    let names =
        [of(Operation::Pointwise), of(Operation::IntegerProject), "project_i8_4x16_portable"].join(",");
    let arguments = ["kernels", "--size", "96", "--seconds", "0.001", "--json", "--only", &names];
    // A machine with other work can give the peak less of a core than the kernels: one of a few runs is not so.
    let below_peak = (0..8).any(|_| {
        let table = json(&bench(&place, "", &arguments).succeeds());
        rows(&table).iter().all(|row| row["percent_of_peak"].as_f64().unwrap() < 110.0)
    });
    assert!(below_peak, "kernels are quicker than the peak allows");
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
        &["layers", "--precision=int4"],
        &["tune", "--from=block_17"],
        &["tune", "--size=31"],
        &["tune", "--batch=0"],
        &["kernels", "--precision=bf16"],
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
