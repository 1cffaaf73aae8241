//! `train --config RUN/args.toml`: a run's arguments once more.

use std::fs;

use crate::place::Place;

/// Options of every kind, and the run that they begin.
const RUNS: [&[&str]; 5] = [
    &[],
    &[
        "--size",
        "64x96",
        "--resize",
        "center-crop",
        "--exif",
        "ignore",
        "--dct",
        "fast",
        "--seed",
        "7",
        "--strict",
    ],
    &[
        "--hidden",
        "8",
        "--lr",
        "0.002",
        "--schedule",
        "cosine",
        "--warmup",
        "1",
        "--early-stop",
        "3",
        "--no-cache",
    ],
    &[
        "--optimizer",
        "lbfgs",
        "--l2",
        "0.5",
        "--class-weight",
        "balanced",
        "--folds",
        "3",
        "--max-pixels",
        "9M",
    ],
    &[
        "--augment",
        "flip,crop:0.8",
        "--views",
        "2",
        "--label-smoothing",
        "0.1",
        "--val-split",
        "0.3",
        "--group",
        "^(.)",
    ],
];

#[test]
fn a_run_is_repeated_to_the_byte() {
    let place = Place::two_classes();
    for (number, options) in RUNS.iter().enumerate() {
        let (first, again) = (format!("first-{number}"), format!("again-{number}"));
        place.icecap(&[&["train", "photos", "--out", &first], *options].concat()).succeeds();
        let config = format!("{first}/args.toml");
        place.icecap(&["train", "--config", &config, "--out", &again]).succeeds();
        let model = |run: &str| fs::read(place.path(run).join("model.safetensors")).unwrap();
        let arguments = |run: &str| {
            let mut table: toml::Table = place.text(&format!("{run}/args.toml")).parse().unwrap();
            table.retain(|key, _| key != "command" && key != "out");
            table
        };
        assert_eq!(arguments(&first), arguments(&again), "{options:?}");
        assert!(model(&first) == model(&again), "{options:?}");
    }
}

#[test]
fn what_is_typed_wins_and_what_it_makes_idle_is_left_out() {
    let place = Place::two_classes();
    let first = ["train", "photos", "--out", "first", "--epochs", "3", "--lr", "0.002", "--val-split", "0.3"];
    place.icecap(&first).succeeds();
    let key = |key: &str| {
        let table: toml::Table = place.text("second/args.toml").parse().unwrap();
        table.get(key).map(ToString::to_string).unwrap_or_default()
    };
    let second = |words: &[&str]| {
        let words = [&["train", "--config", "first/args.toml", "--out", "second", "--force"], words].concat();
        place.icecap(&words).succeeds()
    };
    // A folder of a run stands for the file in it.
    place.icecap(&["-q", "train", "--config", "first", "--out", "folder"]).succeeds();
    second(&["--lr", "0.01", "--seed", "5"]);
    assert_eq!([key("lr"), key("seed"), key("epochs"), key("val_split")], ["0.01", "5", "3", "0.3"]);
    second(&["--folds", "3"]);
    assert_eq!([key("folds"), key("lr")], ["3", "0.002"]);
    second(&["--optimizer", "lbfgs"]);
    assert_eq!(key("optimizer"), "\"lbfgs\"");
    place.draw("other/red", "red", 6);
    place.draw("other/blue", "blue", 6);
    second(&["other"]);
    assert_eq!([key("folder"), key("lr")], ["\"other\"", "0.002"]);
    // Without --out it is a new run, and the old one stays.
    place.icecap(&["train", "--config", "first/args.toml"]).succeeds();
    assert!(place.path("icecap-run/model.safetensors").exists());
}

#[test]
fn a_file_that_cannot_be_followed_says_what_to_do() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let text = place.text("run/args.toml");
    let version = env!("CARGO_PKG_VERSION");
    for (name, text) in [
        ("older", text.replace(version, "0.0.9")),
        ("none", text.lines().skip(1).collect::<Vec<_>>().join("\n")),
        ("unknown", format!("label_smothing = 0.1\n{text}")),
        ("value", text.replace("batch = 32", "batch = 0")),
        ("kind", text.replace("strict = false", "strict = 1979-05-27")),
        ("broken", "version = ".to_owned()),
    ] {
        fs::write(place.path(name), text).unwrap();
    }
    fs::write(place.path("bytes"), [0xff; 9]).unwrap();
    place.each_fails(&[
        (&["train", "--config", "older"], 3, "older: is of version 0.0.9, and this is"),
        (&["train", "--config", "none"], 3, "has no version; name the args.toml of a run"),
        (
            &["train", "--config", "unknown"],
            3,
            "label_smothing = 0.1: no option of a training; did you mean label_smoothing?",
        ),
        (&["train", "--config", "value"], 3, "value: invalid value '0' for '--batch <N>'"),
        (&["train", "--config", "kind"], 3, "strict = 1979-05-27: no value of that option"),
        (&["train", "--config", "broken"], 3, "broken: "),
        (&["train", "--config", "bytes"], 3, "bytes: is no text"),
        (&["train", "--config", "photos"], 5, "photos/args.toml"),
        (&["train", "--config", "missing.toml"], 5, "missing.toml"),
    ]);
    assert_eq!(place.icecap(&["train", "--config", "run", "--resume", "run"]).code, Some(2));
    assert!(!place.path("icecap-run").exists());
}

#[test]
fn an_earlier_run_and_the_root_of_a_list_are_repeated_too() {
    let place = Place::two_classes();
    place
        .icecap(&[
            "train",
            "photos",
            "--out",
            "earlier",
            "--epochs",
            "2",
            "--val-split",
            "0.3",
            "--seed",
            "5",
        ])
        .succeeds();
    place.draw("photos/blue", "blue", 14);
    place.icecap(&["train", "photos", "--out", "later", "--epochs", "2", "--since", "earlier"]).succeeds();
    let rows: String = ["red", "blue"]
        .iter()
        .flat_map(|class| {
            place
                .names(&format!("photos/{class}"))
                .into_iter()
                .map(move |name| format!("{class}/{name},{class}\n"))
        })
        .collect();
    fs::create_dir(place.path("lists")).unwrap();
    fs::write(place.path("lists/photos.csv"), format!("path,label\n{rows}")).unwrap();
    let list = ["train", "lists/photos.csv", "--root", "photos", "--epochs", "2", "--out", "listed"];
    place.icecap(&list).succeeds();
    for run in ["later", "listed"] {
        let (config, again) = (format!("{run}/args.toml"), format!("{run}-again"));
        place.icecap(&["train", "--config", &config, "--out", &again]).succeeds();
        for file in ["model.safetensors", "split.csv"] {
            let of = |run: &str| fs::read(place.path(run).join(file)).unwrap();
            assert!(of(run) == of(&again), "{run}: {file}");
        }
    }
}
