//! `evaluate` as a person runs it: the binary itself, on photos drawn here.

use std::fs;

use serde_json::Value;

use crate::place::Place;

#[test]
fn what_was_trained_is_evaluated_and_predicts() {
    let place = Place::two_classes();
    place.draw("val/red", "red", 4);
    place.draw("val/blue", "blue", 3);
    place.icecap(&["train", "photos", "--val", "val", "--out", "run", "--epochs", "40"]).succeeds();
    let metrics = place.json("run/metrics.json");
    let model = "run/model.safetensors";

    let evaluated = place.icecap(&["evaluate", model, "val", "--json"]).succeeds();
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    // The same numbers, now from the file.
    assert_eq!(evaluated["loss"], metrics["val_loss_calibrated"]);
    assert_eq!(evaluated["temperature"], metrics["temperature"]);
    assert_eq!(evaluated["accuracy"], metrics["val_accuracy"]);
    let sum = |rows: &Value| -> u64 {
        rows.as_array()
            .unwrap()
            .iter()
            .flat_map(|row| row.as_array().unwrap())
            .map(|n| n.as_u64().unwrap())
            .sum()
    };
    assert_eq!(sum(&evaluated["confusion"]), 7);
    let text = place.icecap(&["evaluate", model, "val"]).succeeds().stdout;
    assert!(
        text.contains("true \\ predicted  blue  red") && text.contains("recall  precision  ROC-AUC"),
        "{text}"
    );

    let predicted = place.icecap(&["predict", model, "val", "--format", "csv"]).succeeds();
    let right = evaluated["right"].as_u64().unwrap();
    assert!(right >= 6, "red and blue are told apart: {right} of 7");
    assert!(predicted.stderr.contains(&format!("{right} of 7 right")), "{}", predicted.stderr);
    let rows: Vec<Vec<&str>> = predicted.stdout.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["path", "label", "probability", "novelty", "true_label", "error"]);
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[1..].iter().filter(|row| row[1] == row[4]).count() as u64, right);

    // Three parts in one folder: test is tried at the end, and what evaluate takes.
    fs::create_dir(place.path("parts")).unwrap();
    for (from, to) in [("photos", "parts/train"), ("val", "parts/val")] {
        fs::rename(place.path(from), place.path(to)).unwrap();
    }
    place.draw("parts/test/red", "red", 2);
    let run = place.icecap(&["train", "parts", "--out", "run", "--force"]).succeeds();
    assert!(run.stdout.contains("on 2 photos that had no part in the training"), "{}", run.stdout);
    assert!(run.stderr.contains("no photo of class 'blue' in test"), "{}", run.stderr);
    assert!(place.json("run/metrics.json")["test_accuracy"].is_number());
    assert!(place.icecap(&["evaluate", model, "parts"]).succeeds().stdout.contains("2 in parts/test"));
}

#[test]
fn an_unreadable_photo_is_named_and_skipped_and_an_error_where_that_is_asked_for() {
    let place = Place::two_classes();
    fs::write(place.path("photos/red/broken.jpg"), "no photo").unwrap();
    fs::write(place.path("photos/blue/empty.png"), "").unwrap();
    let run = place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    assert!(run.stderr.contains("photos/red/broken.jpg: ") && run.stderr.contains("the file is empty"));
    assert!(run.stdout.contains("2 skipped"));
    let metrics = place.json("run/metrics.json");
    assert_eq!(metrics["skipped"], 2);
    assert_eq!(metrics["skipped_photos"][0]["path"], "blue/empty.png");
    assert_eq!(metrics["skipped_photos"][0]["reason"], "the file is empty");
    let listed = place.text("run/skipped.csv");
    assert!(listed.starts_with("path,reason\nblue/empty.png,"), "{listed}");

    let strict = place.icecap(&["train", "photos", "--out", "strict", "--strict"]);
    let last = strict.fails(3);
    assert!(last.contains("2 of 22 photos cannot be read, the first: photos/blue/empty.png"), "{last}");
    assert!(!place.path("strict").exists(), "a run that failed leaves no folder");

    let model = "run/model.safetensors";
    let evaluated = place.icecap(&["evaluate", model, "photos"]).succeeds();
    assert!(evaluated.stdout.contains("20 in photos, 2 skipped"), "{}", evaluated.stdout);
    assert!(evaluated.stderr.contains("has learned from 1"), "{}", evaluated.stderr);
    place.icecap(&["evaluate", model, "photos", "--strict"]).fails(3);
    place.icecap(&["predict", model, "photos"]).succeeds();
    place.icecap(&["predict", model, "photos", "--strict"]).fails(3);
}

/// A folder with a path longer than the system takes: nobody can look into it.
#[cfg(target_os = "linux")]
#[test]
fn strict_takes_a_folder_that_cannot_be_looked_into_for_an_error_in_every_command() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let name = "d".repeat(250);
    let deep = |root: &str| (0..9).fold(place.path(root), |path, _| path.join(&name));
    fs::create_dir_all(deep("below")).unwrap();
    fs::create_dir_all(deep("photos/red/above")).unwrap();
    fs::rename(place.path("below"), deep("photos/red/above").join("below")).unwrap();
    let model = "run/model.safetensors";
    for arguments in [
        &["train", "photos", "--out", "again", "--epochs", "1"][..],
        &["extract", "photos", "-o", "features.safetensors"],
        &["evaluate", model, "photos"],
        &["predict", model, "photos"],
        &["classify", "photos"],
    ] {
        let strict = place.icecap(&[arguments, &["--strict"]].concat());
        let line = strict.fails(3);
        assert!(line.contains("photos/red/above/ddd") && line.contains("could not be read"), "{line}");
        // The rows of the others still come.
        assert_eq!(strict.stdout.lines().count(), if arguments[0] == "predict" { 21 } else { 0 });
        if arguments[0] != "classify" {
            let run = place.icecap(arguments).succeeds();
            assert!(run.stderr.contains("warning: photos/red/above/ddd"), "{}", run.stderr);
        }
    }
}

#[test]
fn every_kind_of_bad_input_has_its_exit_code_and_one_line() {
    let place = Place::with_bad_input();
    let model = "run/model.safetensors";
    place.each_fails(&[
        (&["evaluate", model, "other"], 3, "other/green"),
        (&["evaluate", model, "unreadable"], 3, "unreadable: none of 2 photos can be read"),
        (&["evaluate", model, "photos/red"], 3, "no class folders"),
        (&["evaluate", "garbage", "photos"], 3, "garbage"),
        (&["evaluate", "huge", "photos"], 4, "huge"),
        (&["evaluate", model, "missing"], 5, "missing"),
        (&["evaluate", "missing", "photos"], 5, "missing"),
    ]);
}
