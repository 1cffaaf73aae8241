//! Folders and photos whose names a terminal would obey: nothing of them reaches one raw, from any command, and programs
//! get them back as they are.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use icecap::advanced::data::CsvRecords;
use serde_json::Value;
use torture::product::raw;

use crate::place::{Place, Run};

/// A screen cleared, a C1 control, a direction turned, a line broken: as parts of names.
const CLASSES: [&str; 2] = ["red\u{1b}[2J\u{9b}31m", "blue\u{202e}gpj\u{2066}\u{85}\u{2028}"];
const PHOTOS: [&str; 4] =
    ["a\u{1b}]0;title\u{7}", "b\u{9d}2\u{9c}\u{200f}", "c\r\u{8}\u{7f}\u{61c}", "d\t\u{2029}"];

const RUN: &str = "r\u{1b}un";
const MODEL: &str = "r\u{1b}un/model.safetensors";
const MISSING: &str = "photo\u{1b}[2J\u{202e}.jpg";

#[track_caller]
fn is_plain(what: &str, text: &str) {
    assert_eq!(raw(text), None, "{what}: {text:?}");
}

fn hostile(place: &Place) {
    for (class, color) in CLASSES.into_iter().zip(["red", "blue"]) {
        let drawn = format!("drawn-{color}");
        place.draw(&drawn, color, 8);
        let folder = place.path("photos").join(class);
        fs::create_dir_all(&folder).unwrap();
        for (number, name) in place.names(&drawn).into_iter().enumerate() {
            let end = Path::new(&name).extension().unwrap().to_str().unwrap();
            let to = folder.join(format!("{}{number}.{end}", PHOTOS[number % PHOTOS.len()]));
            fs::copy(place.path(&drawn).join(&name), to).unwrap();
        }
        fs::write(folder.join("broken\u{1b}c\u{9b}.jpg"), "no photo").unwrap();
        fs::write(folder.join("note\u{1b}c\u{202e}.txt"), "no photo").unwrap();
    }
}

/// What is typed, `photo` in it, and whether JSON comes of it.
fn commands<'a>(photo: &'a str, broken: &'a str) -> Vec<(Vec<&'a str>, bool)> {
    let train = ["train", "photos", "--epochs", "3", "--out"];
    let (model, run, missing) = (MODEL, RUN, MISSING);
    vec![
        ([&train[..], &[run]].concat(), false),
        ([&train[..], &["third", "--json"]].concat(), true),
        ([&train[..], &["fourth", "--progress-json", "--folds", "3"]].concat(), false),
        ([&train[..], &["fifth", "--since", "second"]].concat(), false),
        ([&train[..], &[run]].concat(), false),
        (vec!["check", "photos"], false),
        (vec!["check", "photos", "--json"], true),
        (vec!["check", "photos", "--write-exclude", "left\u{1b}.csv"], false),
        (vec!["evaluate", model, "photos"], false),
        (vec!["evaluate", model, "photos", "--json"], true),
        (vec!["report", run], false),
        (vec!["compare", run, "second"], false),
        (vec!["compare", run, "second", "--json"], true),
        (vec!["predict", model, "photos"], false),
        (vec!["predict", model, "photos", "--format", "json"], true),
        (vec!["predict", model, "photos", "--format", "jsonl", "--progress-json"], true),
        (vec!["predict", model, "photos", "--all", "--heatmap", "ma\u{9b}ps"], false),
        (vec!["predict", model, broken], false),
        (vec!["predict", model, missing], false),
        (vec!["similar", photo, "--in", "photos"], false),
        (vec!["similar", photo, "--in", "photos", "--json"], true),
        (vec!["extract", "photos", "-o", "features\u{1b}.safetensors"], false),
        (vec!["export", model, "--onnx", "net\u{1b}.onnx"], false),
        (vec!["bundle", model, "-o", "pro\u{1b}gram"], false),
        (vec!["weights", "inspect", model], false),
        (vec!["weights", "inspect", model, "--json"], true),
        (vec!["weights", "verify", model], false),
        (vec!["weights", "inspect", missing], false),
        (vec!["summary", "--weights", missing], false),
        (vec!["classify", missing], false),
        (vec!["train", missing], false),
        (vec!["\u{1b}[2J\u{9b}"], false),
        (vec!["train", "--\u{1b}[2J\u{9b}"], false),
        (vec!["predict", "--positive\u{202e}", "x"], false),
    ]
}

#[test]
fn no_name_is_obeyed_and_programs_get_it_as_it_is() {
    let place = Place::new();
    hostile(&place);
    let photo = fs::read_dir(place.path("photos").join(CLASSES[0])).unwrap().flatten();
    let photo = photo.map(|entry| entry.path()).find(|path| path.extension().unwrap() == "png").unwrap();
    let photo = photo.strip_prefix(place.path("")).unwrap().to_str().unwrap();
    let broken = format!("photos/{}/broken\u{1b}c\u{9b}.jpg", CLASSES[0]);
    place.icecap(&["train", "photos", "--out", "second", "--epochs", "2", "-q"]).succeeds();
    let commands = commands(photo, &broken);
    let mut ended = 0;
    for (words, is_json) in &commands {
        let ran = place.icecap(words);
        is_plain(&format!("{words:?}, stdout"), &ran.stdout);
        is_plain(&format!("{words:?}, stderr"), &ran.stderr);
        ended += usize::from(ran.code == Some(0));
        if *is_json && ran.code == Some(0) {
            let values = serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>();
            let values: Vec<Value> =
                values.map(|value| value.unwrap_or_else(|e| panic!("{words:?}: {e}"))).collect();
            // The name stands in it as it is.
            let text = format!("{values:?}");
            assert!(text.contains(&format!("{:?}", CLASSES[0]).replace('"', "")), "{words:?}: {text}");
        }
        if words.contains(&"--progress-json") {
            ran.stderr.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
        }
    }
    assert!(ended >= 22, "{ended} of {} ended well", commands.len());
    for words in [&[photo, "--jsonl"][..], &[photo], &["--help"], &[MISSING], &["--\u{1b}"]] {
        let mut program = Command::new(place.path("pro\u{1b}gram"));
        let ran = Run::of(program.args(words).current_dir(place.path("")).output().unwrap());
        is_plain(&format!("bundle {words:?}, stdout"), &ran.stdout);
        is_plain(&format!("bundle {words:?}, stderr"), &ran.stderr);
    }
    for name in ["report.html", "metrics.json", "args.toml"] {
        is_plain(name, &place.text(&format!("{RUN}/{name}")));
    }
    // What is read back holds names as they are.
    let split = place.text(&format!("{RUN}/split.csv"));
    let rows: Vec<Vec<String>> = CsvRecords::new(&split).map(|row| row.unwrap().1).collect();
    assert!(rows.iter().any(|row| row[1] == CLASSES[0]), "{split:?}");
}

/// What is said to be typed next can be typed.
#[test]
fn the_next_command_of_a_training_can_be_typed() {
    if Command::new("bash").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: no bash");
        return;
    }
    let place = Place::new();
    hostile(&place);
    let told = place.icecap(&["train", "photos", "--epochs", "3", "--out", "r\u{1b}un"]).succeeds().stdout;
    let next =
        told.lines().find_map(|line| line.split_once("icecap predict ")).unwrap_or_else(|| panic!("{told}"));
    let typed = format!("\"$0\" predict {}", next.1);
    let mut bash = Command::new("bash");
    bash.args(["-c", &typed, env!("CARGO_BIN_EXE_icecap")]).current_dir(place.path(""));
    let ran = Run::of(bash.env("ICECAP_CACHE", place.path("cache")).output().unwrap()).succeeds();
    is_plain("next", &ran.stdout);
}
