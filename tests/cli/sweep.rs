//! `train --try`: combinations of settings judged by folds, and the run that is trained with one of them.

use std::fs;

use serde_json::Value;

use crate::place::Place;

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["train", "photos", "--size", "64", "--optimizer", "lbfgs", "--out", out], more].concat()
}

fn model(place: &Place, run: &str) -> Vec<u8> {
    fs::read(place.path(run).join("model.safetensors")).unwrap()
}

/// What `metrics.json` says of the combinations, without the time.
fn tried(place: &Place, run: &str) -> Vec<Value> {
    let mut rows =
        place.json(&format!("{run}/metrics.json"))["tried"]["combinations"].as_array().unwrap().clone();
    rows.iter_mut().for_each(|row| row["seconds"] = Value::Null);
    rows
}

#[test]
fn the_run_is_that_of_the_settings_that_were_chosen() {
    let place = Place::two_classes();
    let words = ["--try", "l2=1e6,0.01", "--try", "label-smoothing=0,0.1", "--threads", "1"];
    let swept = place.icecap(&train("swept", &words)).succeeds();
    let rows = tried(&place, "swept");
    assert_eq!(rows.len(), 4);
    let table: Vec<&str> =
        swept.stdout.lines().skip_while(|line| !line.contains("against the first")).collect();
    assert_eq!(table[1..].iter().take_while(|line| line.contains("0.01") || line.contains("1e6")).count(), 4);
    let chosen: Vec<&Value> = rows.iter().filter(|row| row["chosen"] == true).collect();
    // Under a penalty of a million all weights are nothing.
    assert_eq!((chosen.len(), &chosen[0]["settings"]["l2"]), (1, &"0.01".into()));
    assert!(rows[0]["loss"].as_f64() > chosen[0]["loss"].as_f64() && rows[0]["gain"] == 0.0);
    assert!(swept.stdout.contains("chosen      l2 0.01, label-smoothing "), "{}", swept.stdout);
    assert!(place.text("swept/report.html").contains("id=\"tried\""));

    // Without the sweep those settings make the same bytes; so does the sweep on other threads, and the run's own file.
    let smoothing = chosen[0]["settings"]["label-smoothing"].as_str().unwrap();
    place.icecap(&train("plain", &["--l2", "0.01", "--label-smoothing", smoothing])).succeeds();
    assert!(model(&place, "swept") == model(&place, "plain"));
    let json =
        place.icecap(&train("threads", &[&words[..5], &["3", "--json", "--no-cache"]].concat())).succeeds();
    assert!(model(&place, "swept") == model(&place, "threads"));
    assert_eq!(tried(&place, "threads"), rows);
    let printed: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(printed["tried"]["combinations"].as_array().unwrap().len(), 4);
    place.icecap(&["train", "--config", "swept/args.toml", "--out", "again"]).succeeds();
    assert!(model(&place, "swept") == model(&place, "again"));
    let arguments: toml::Table = place.text("swept/args.toml").parse().unwrap();
    assert_eq!(arguments["l2"].as_float(), Some(0.01));
    assert!(arguments["command"].as_str().unwrap().contains("--try l2=1e6,0.01 --try label-smoothing=0,0.1"));
    assert!(place.json("plain/metrics.json").get("tried").is_none());
}

#[test]
fn what_changes_the_photos_may_vary_and_what_has_no_say_is_left_out() {
    let place = Place::two_classes();
    let words = [
        "train",
        "photos",
        "--out",
        "run",
        "--try",
        "size=32,64",
        "--try",
        "augment=none,flip+crop:0.8",
        "--try",
        "views=2,3",
        "--try",
        "optimizer=lbfgs,adam",
        "--try",
        "epochs=2,3",
        "--folds",
        "3",
    ];
    place.icecap(&words).succeeds();
    let rows = tried(&place, "run");
    // For a size: no views or 2 or 3, and of each lbfgs or adam of 2 or 3 epochs.
    assert_eq!(rows.len(), 2 * 3 * 3);
    let settings = |row: &Value| row["settings"].as_object().unwrap().clone();
    for row in &rows {
        let settings = settings(row);
        assert_eq!(settings.contains_key("epochs"), settings["optimizer"] == "adam", "{row}");
        assert_eq!(settings.contains_key("views"), settings["augment"] != "none", "{row}");
    }
    let metrics = place.json("run/metrics.json");
    assert_eq!((&metrics["tried"]["folds"], &metrics["tried"]["photos"]), (&3.into(), &20.into()));
    // No photo is read twice: the run finds all of them in the cache.
    assert_eq!(metrics["photos"]["read"], metrics["photos"]["cached"]);

    place.icecap(&["train", "photos", "--out", "earlier", "--size", "32"]).succeeds();
    // Beside an earlier run, with fine-tuning, and above an earlier run's file.
    for more in [
        &["--since", "earlier"][..],
        &["--unfreeze", "Conv_1", "--tune-epochs", "1"],
        &["--config", "run/args.toml"],
    ] {
        let out = more[0].trim_start_matches('-');
        place.icecap(&[&["train", "photos", "--out", out, "--try", "l2=0,0.1"], more].concat()).succeeds();
        assert_eq!(tried(&place, out).len(), 2, "{more:?}");
    }
}

#[test]
fn what_cannot_be_tried_is_refused_by_name_before_any_work() {
    let place = Place::two_classes();
    let many = (0..15).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    let (l2, seeds) = (format!("l2={many}"), format!("warmup={many}"));
    for (words, said) in [
        (&["--try", "weights=a,b"][..], "weights may not vary; what may is size, resize,"),
        (&["--try", "seed=1,2"], "seed may not vary"),
        (&["--try", "l2"], "NAME=VALUE"),
        (&["--try", "l2=1,,2"], "empty"),
        (&["--try", "l2=-1,1"], "'--l2 <L2>': use a number from 0 up, or auto"),
        (&["--try", "size=9,64"], "sides from 32 to"),
        (&["--try", "optimizer=adam,x"], "invalid value 'x' for '--optimizer <NAME>'"),
        (&["--try", "l2=1,2", "--l2", "1"], "--l2 is given, too"),
        (&["--try", "l2=1,2", "--try", "l2=3"], "l2 is named twice"),
        (&["--try", "l2=1,1.0"], "one combination alone"),
        (&["--try", "views=2,4"], "--augment"),
        (
            &["--try", "optimizer=lbfgs", "--try", "l2=1,2", "--batch", "8"],
            "--batch: --optimizer lbfgs has no use",
        ),
        (&["--try", &l2, "--try", &seeds], "225 combinations, and 200 are the most"),
    ] {
        let run = place.icecap(&[&["train", "photos", "--out", "run"], words].concat());
        assert_eq!(run.code, Some(2), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{words:?}: {}", run.stderr);
        assert!(!place.path("run").exists(), "{words:?}");
    }
}

#[test]
fn options_of_steps_are_passed_over_by_a_solver_that_takes_none_and_obeyed_by_the_others() {
    let place = Place::two_classes();
    let begin = ["train", "photos", "--size", "64", "--threads", "1"];
    let steps = ["--epochs", "3", "--lr", "0.01", "--dropout", "0.4"];
    place.icecap(&[&begin[..], &steps, &["--out", "steps"]].concat()).succeeds();
    let typed = [&begin[..], &steps, &["--try", "optimizer=adam,lbfgs", "--out", "typed"]].concat();
    place.icecap(&typed).succeeds();
    let of_file = ["train", "--config", "steps/args.toml", "--try", "optimizer=adam,lbfgs", "--out", "file"];
    place.icecap(&of_file).succeeds();
    // What is chosen is trained as if it had been typed, alone.
    let chosen = |run: &str| {
        let rows = tried(&place, run);
        rows.iter().find(|row| row["chosen"] == true).unwrap()["settings"]["optimizer"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    place.icecap(&[&begin[..], &["--optimizer", "lbfgs", "--out", "lbfgs"]].concat()).succeeds();
    for run in ["typed", "file"] {
        let alone = if chosen(run) == "adam" { "steps" } else { "lbfgs" };
        // The file has the penalty that was settled, which lbfgs would have chosen itself.
        if (run, alone) != ("file", "lbfgs") {
            assert!(model(&place, run) == model(&place, alone), "{run}: {alone}");
        }
    }
}

#[test]
fn what_is_chosen_in_int8_is_trained_as_if_it_had_been_typed() {
    let place = Place::two_classes();
    let begin = ["train", "photos", "--precision", "int8", "--optimizer", "lbfgs"];
    place
        .icecap(&[&begin[..], &["--out", "swept", "--try", "size=32,64", "--try", "l2=0.01,1"]].concat())
        .succeeds();
    let rows = tried(&place, "swept");
    assert_eq!(rows.len(), 4);
    let chosen = &rows.iter().find(|row| row["chosen"] == true).unwrap()["settings"];
    let (size, l2) = (chosen["size"].as_str().unwrap(), chosen["l2"].as_str().unwrap());
    place.icecap(&[&begin[..], &["--out", "alone", "--size", size, "--l2", l2]].concat()).succeeds();
    assert!(model(&place, "swept") == model(&place, "alone"));
    assert_eq!(place.json("swept/metrics.json")["precision"], "int8");
}

#[test]
fn too_few_photos_for_folds_are_told_to_whoever_tries_settings() {
    let place = Place::new();
    place.draw("train/red", "red", 6);
    place.draw("train/blue", "blue", 1);
    place.draw("val/red", "red", 2);
    place.draw("val/blue", "blue", 2);
    let run = place.icecap(&["train", "train", "--val", "val", "--epochs", "1", "--try", "l2=0,1"]);
    let line = run.fails(2);
    assert!(line.contains("class 'blue' has 1 of them") && line.contains("leave --try out"), "{line}");
}
