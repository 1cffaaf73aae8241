//! What a program that starts the binary hears of a training.

use serde_json::Value;

use crate::place::Place;

#[test]
fn a_program_hears_of_the_progress_in_lines() {
    let place = Place::two_classes();
    let run = place.icecap(&["train", "photos", "--epochs", "3", "--json", "--progress-json"]).succeeds();
    let lines: Vec<Value> = run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["step"].is_string() || line["note"].is_string()), "{lines:?}");
    let of = |step: &str| lines.iter().filter(|line| line["step"] == step).collect::<Vec<_>>();
    assert_eq!(of("epoch").iter().map(|line| line["done"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(of("epoch").iter().all(|line| line["of"] == 3 && line["seconds_left"].is_number()), "{lines:?}");
    let features = of("features");
    let last = features.last().unwrap();
    assert!(last["done"] == 20 && last["of"] == 20 && last["seconds_left"] == 0.0, "{lines:?}");
    serde_json::from_str::<Value>(&run.stdout).unwrap();
}

#[test]
fn epochs_are_heard_with_what_was_measured_in_both_phases() {
    let place = Place::two_classes();
    let train = ["train", "photos", "--epochs", "3", "--out", "run", "--progress-json"];
    let tune = ["--unfreeze", "Conv_1", "--tune-epochs", "2"];
    let run = place.icecap(&[&train[..], &tune].concat()).succeeds();
    let lines = run.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let epochs: Vec<Value> = lines.filter(|line| line["step"] == "epoch").collect();
    // Each is a line of metrics.csv, under its names.
    let csv = place.text("run/metrics.csv");
    let mut rows = csv.lines();
    let names: Vec<&str> = rows.next().unwrap().split(',').collect();
    let head = epochs.iter().filter(|line| line["phase"] == "head").count();
    assert_eq!(head, 3, "{epochs:?}");
    for (line, row) in epochs.iter().zip(rows.by_ref()) {
        for (name, cell) in names.iter().zip(row.split(',')) {
            let number = &line[*name];
            assert_eq!(number.as_f64(), cell.parse().ok(), "{name} in {line} and {row}");
        }
        assert_eq!(line["done"], line["epoch"], "{line}");
    }
    let tuned = place.json("run/metrics.json")["tuned"]["outcome"] == "tuned";
    assert_eq!(epochs.iter().any(|line| line["phase"] == "tuning"), tuned, "{epochs:?}");
    assert_eq!(rows.count(), 0, "{csv}");
}
