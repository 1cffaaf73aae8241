//! `predict` as a person runs it: the binary itself, on photos drawn here.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::place::{EACH, Place};

#[test]
fn rows_come_in_the_order_of_a_list_and_fields_are_quoted() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    fs::rename(place.path("photos/red/0.png"), place.path("photos/red/a, \"b\".png")).unwrap();
    let list = "photos/red/a, \"b\".png\n\nmissing.jpg\nphotos/blue\nphotos/red/1.jpg\n";
    let predict = |options: &[&str]| {
        let arguments = [&["predict", "run/model.safetensors", "--files-from", "-"], options].concat();
        place.icecap_with(&arguments, list.as_bytes()).succeeds()
    };
    let csv = predict(&["--format", "csv", "--top", "5"]);
    let lines: Vec<&str> = csv.stdout.lines().collect();
    assert_eq!(lines[0], "path,label,probability,label_2,probability_2,novelty,true_label,error");
    assert_eq!(lines.len(), 1 + 3 + EACH as usize);
    assert!(
        lines[1].starts_with("\"photos/red/a, \"\"b\"\".png\",") && lines[1].ends_with(",red,"),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("missing.jpg,,,,,,,could not be read"), "{}", lines[2]);
    assert!(lines[3].starts_with("photos/blue/0.png,"), "{}", lines[3]);
    assert!(lines[3 + EACH as usize].starts_with("photos/red/1.jpg,"), "{}", lines[3 + EACH as usize]);

    // A file, its format by its name.
    predict(&["--out", "rows.jsonl", "--top", "2"]);
    let rows: Vec<Value> =
        place.text("rows.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 3 + EACH as usize);
    assert_eq!(
        (&rows[0]["path"], &rows[0]["true_label"]),
        (&"photos/red/a, \"b\".png".into(), &"red".into())
    );
    assert!(rows[1]["label"].is_null() && rows[1]["error"].is_string());
    let top = rows[0]["top"].as_array().unwrap();
    let probabilities = [0, 1].map(|place: usize| top[place]["probability"].as_f64().unwrap());
    assert!((probabilities[0] + probabilities[1] - 1.0).abs() < 1e-6 && probabilities[0] >= probabilities[1]);
    assert_eq!(top[0]["label"], rows[0]["label"]);

    let table = predict(&[]);
    assert!(
        table.stdout.lines().any(|line| line.starts_with("missing.jpg") && line.ends_with("unreadable")),
        "{}",
        table.stdout
    );
    assert!(table.stderr.contains("1 photo cannot be read, the first: missing.jpg"), "{}", table.stderr);
}

#[test]
fn a_list_is_answered_as_it_comes_and_a_line_without_end_is_refused() {
    use std::io::{BufRead, BufReader, Write};
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let arguments = ["predict", "run/model.safetensors", "--files-from", "-", "--format", "jsonl"];
    let mut command = place.command(&arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
    // The second line begins before the first is answered.
    for (part, path) in [("photos/red/0.png\nphotos/", "red/0.png"), ("blue/0.png\n", "blue/0.png")] {
        input.write_all(part.as_bytes()).unwrap();
        let row = rows.next().unwrap().unwrap();
        assert!(row.contains(path), "{row}");
    }
    drop(input);
    assert!(rows.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let longest = "x".repeat(64 << 10);
    let run = place.icecap_with(&arguments, format!("{longest}\nphotos/red/0.png\n").as_bytes()).succeeds();
    assert_eq!(run.stdout.lines().count(), 2);
    let run = place.icecap_with(&arguments, format!("{longest}x").as_bytes());
    assert!(run.fails(4).contains("the list of photos"));
}

#[test]
fn predict_warns_of_a_photo_that_ends_early() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let jpeg = fs::read(place.path("photos/red/1.jpg")).unwrap();
    fs::write(place.path("cut.jpg"), &jpeg[..jpeg.len() - 2]).unwrap();
    let run = place.icecap(&["predict", "run/model.safetensors", "cut.jpg"]).succeeds();
    assert!(run.stderr.contains("warning: cut.jpg: "), "{}", run.stderr);
}

#[test]
fn what_is_too_improbable_is_none_and_the_best_guess_stands_beside_it() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let predict = |options: &[&str]| {
        let arguments =
            [&["predict", "run/model.safetensors", "photos", "--format", "jsonl"], options].concat();
        let run = place.icecap(&arguments).succeeds();
        let rows: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (rows, run.stderr)
    };
    let (all, _) = predict(&[]);
    assert!(all[0].get("best_guess").is_none());
    // Between the photos, so that some are rejected and some are not.
    let mut probabilities: Vec<f64> = all.iter().map(|row| row["probability"].as_f64().unwrap()).collect();
    probabilities.sort_by(f64::total_cmp);
    let least = (probabilities[EACH as usize - 1] + probabilities[EACH as usize]) / 2.0;
    let (rows, said) = predict(&["--reject-below", &least.to_string()]);
    assert_eq!(rows.len(), 2 * EACH as usize);
    let mut rejected = 0;
    for (row, before) in rows.iter().zip(&all) {
        assert_eq!((&row["best_guess"], &row["probability"]), (&before["label"], &before["probability"]));
        let is_none = before["probability"].as_f64().unwrap() < least;
        assert_eq!(row["label"], if is_none { "none".into() } else { before["label"].clone() });
        rejected += usize::from(is_none);
    }
    assert!(rejected > 0 && rejected < rows.len(), "{rejected} below {least}");
    assert!(said.contains(&format!("none of the classes: {rejected} of 20 photos")), "{said}");
    assert!(said.contains(&format!("of {} right", rows.len() - rejected)), "{said}");

    let (rows, said) = predict(&["--reject-below", "0.5"]);
    assert!(
        rows.iter().all(|row| row["label"] == row["best_guess"]) && said.contains("rejects nothing"),
        "{said}"
    );
    for wrong in ["1.5", "-0.1", "NaN", "much"] {
        let run = place.icecap(&["predict", "run/model.safetensors", "photos", "--reject-below", wrong]);
        assert!(run.code == Some(2) && run.stderr.contains("use a probability"), "{run:?}");
    }
}

#[test]
fn the_class_of_a_photo_is_the_nearest_folder_of_that_name() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    place.draw("more/blue/red/deep/er", "red", 1);
    let run = place.icecap(&["predict", "run/model.safetensors", "more", "--format", "jsonl"]).succeeds();
    let row: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(row["true_label"], "red");
}

#[test]
fn a_head_alone_finds_the_starter_and_refuses_other_weights() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "whole"]).succeeds();
    place.icecap(&["train", "photos", "--out", "head", "--head-only"]).succeeds();
    let size = |run: &str| fs::metadata(place.path(run).join("model.safetensors")).unwrap().len();
    assert!(size("head") * 20 < size("whole"));
    let predict = |run: &str| {
        place
            .icecap(&["predict", &format!("{run}/model.safetensors"), "photos", "--format", "csv"])
            .succeeds()
            .stdout
    };
    assert_eq!(predict("head"), predict("whole"));
    // A model is a weight file, too.
    let over = ["predict", "head/model.safetensors", "photos", "--format", "csv", "--weights"];
    let over = place.icecap(&[&over[..], &["whole/model.safetensors"]].concat()).succeeds();
    assert_eq!(over.stdout, predict("whole"));
    let line =
        place.icecap(&["predict", "head/model.safetensors", "photos", "--weights", "head/model.safetensors"]);
    assert!(line.fails(3).contains("head/model.safetensors"));
}

#[test]
fn every_kind_of_bad_input_has_its_exit_code_and_one_line() {
    let place = Place::with_bad_input();
    let model = "run/model.safetensors";
    place.each_fails(&[
        (&["predict", model, "wide.png"], 4, "wide.png"),
        (
            &["predict", model, "photos", "--out", "rows.xlsx"],
            2,
            ".xlsx; name a file with .csv, .json, .jsonl or .txt",
        ),
        (&["predict", "garbage", "photos"], 3, "garbage"),
        (&["predict", model, "nothing"], 3, "no photo"),
        (&["predict", model, "garbage"], 3, "garbage"),
        (&["predict", model, "missing"], 5, "missing"),
        (&["predict", model, "photos", "--out", "missing/x.csv"], 5, "missing/x.csv"),
        (&["predict", model, "photos", "--out", "nothing"], 5, "nothing"),
    ]);
}

#[test]
fn damage_to_a_model_is_told_also_where_its_net_is_in_the_cache() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "2"]).succeeds();
    let model = std::fs::read(place.path("run/model.safetensors")).unwrap();
    // The net is packed by now.
    place.icecap(&["predict", "run/model.safetensors", "photos"]).succeeds();
    let verified = place.icecap(&["weights", "verify", "run/model.safetensors"]).succeeds().stdout;
    assert!(verified.contains("with classes and preprocessing, as the file states"), "{verified}");
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&model[8..8 + length]).unwrap();
    let place_of = |tensor: &str| 8 + length + header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    for (tensor, named) in [("head/kernel", "head_sha256"), ("block_5_project/kernel", "_sha256")] {
        let mut damaged = model.clone();
        damaged[place_of(tensor)] ^= 1;
        std::fs::write(place.path("damaged.safetensors"), damaged).unwrap();
        let line = place.icecap(&["predict", "damaged.safetensors", "photos"]).fails(3).to_owned();
        assert!(line.contains("the file is damaged"), "{tensor}: {line}");
        let line = place.icecap(&["weights", "verify", "damaged.safetensors"]).fails(3).to_owned();
        assert!(line.contains(named), "{tensor}: {line}");
    }
    // Another size than the head was trained on.
    let text = std::str::from_utf8(&model[8..8 + length]).unwrap();
    let other = text.replacen("\"input_size\":\"96\"", "\"input_size\":\"64\"", 1);
    assert_ne!(text, other);
    let file = [&model[..8], other.as_bytes(), &model[8 + length..]].concat();
    std::fs::write(place.path("other.safetensors"), file).unwrap();
    let line = place.icecap(&["predict", "other.safetensors", "photos"]).fails(3).to_owned();
    assert!(line.contains("head_sha256"), "{line}");
}

#[test]
fn photos_that_were_learned_from_are_told() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    let told =
        |model: &str, words: &[&str]| place.icecap(&[&["predict", model], words].concat()).succeeds().stderr;
    let all = told("run/model.safetensors", &["photos"]);
    assert!(
        all.contains("note: the model has learned from 16 of these 20 photos, by the split.csv beside it"),
        "{all}"
    );
    let heard = told("run/model.safetensors", &["photos", "--progress-json"]);
    assert!(heard.contains("{\"note\":\"note: the model has learned from 16 of these 20 photos"), "{heard}");
    place.draw("new", "red", 3);
    assert!(!told("run/model.safetensors", &["new"]).contains("learned from"));
    // A model that stands alone knows nothing of it.
    fs::copy(place.path("run/model.safetensors"), place.path("alone.safetensors")).unwrap();
    assert!(!told("alone.safetensors", &["photos"]).contains("learned from"));
}
