//! Images as people have them in their folders, each with what has to become of it.
//!
//! One folder of them all. Every file is decoded, where the pixels are held against those that were drawn, and the
//! binary runs over the folder twice: `check --json` and `predict --format jsonl` name every file, with its size or
//! the reason why it cannot be used.

mod cases;
#[allow(dead_code, reason = "the tests of decoding use all of it")]
#[path = "../../crates/data/tests/photos/make.rs"]
mod make;
mod png;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;

use cases::{Case, Outcome, Pixels, cases};
use icecap::advanced::data::{ExifPolicy, Limits, decode};
use serde_json::Value;

use crate::place::Place;

/// Largest mean difference of a channel from what was drawn, in gray levels.
fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).sum();
    sum / a.len() as f64
}

#[test]
fn every_file_decodes_to_what_was_drawn_or_says_why_not() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} files", cases.len());
    let mut wrong = Vec::new();
    for Case { name, bytes, outcome } in &cases {
        let decoded = decode(bytes, &Limits::default(), ExifPolicy::Apply);
        let off = match (outcome, decoded) {
            (Outcome::Photo { width, height, pixels, .. }, Ok(photo)) => {
                let (pixels, most) = match pixels {
                    Pixels::Exactly(drawn) => (drawn, 0.0),
                    Pixels::Nearly(drawn, most) => (drawn, *most),
                };
                if (photo.width(), photo.height()) == (*width, *height) {
                    let off = mean_difference(&photo.to_rgb(), pixels);
                    (off > most).then(|| format!("{off} gray levels off in the mean"))
                } else {
                    Some(format!("{}x{} pixels", photo.width(), photo.height()))
                }
            }
            (Outcome::Unusable(reason), Err(error)) => {
                let said = error.to_string();
                (!said.contains(reason)).then_some(said)
            }
            (Outcome::Photo { .. }, Err(error)) => Some(error.to_string()),
            (Outcome::Unusable(_), Ok(photo)) => Some(format!("a photo, {:?}", photo.warnings())),
        };
        wrong.extend(off.map(|off| format!("{name:?}: {off}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The folder of all files in two classes, of which one holds photos that are like nothing else.
/// Trains on two colors, and predicts every odd file: the rows by the file's name.
fn predicted(place: &Place) -> HashMap<String, Value> {
    place.draw("train/red", "red", 6);
    place.draw("train/blue", "blue", 6);
    place.icecap(&["train", "train", "--out", "run", "--epochs", "1"]).succeeds();
    let predicted =
        place.icecap(&["predict", "run/model.safetensors", "photos/odd", "--format", "jsonl"]).succeeds();
    by_name(predicted.stdout.lines().map(|line| serde_json::from_str(line).unwrap()))
}

fn folder() -> Place {
    let place = Place::new();
    place.draw("photos/plain", "red", 6);
    fs::create_dir_all(place.path("photos/odd/folder.jpg")).unwrap();
    for Case { name, bytes, .. } in cases() {
        fs::write(place.path("photos/odd").join(name), bytes).unwrap();
    }
    place
}

/// The lines or entries of a report by their file's name.
fn by_name(entries: impl Iterator<Item = Value>) -> HashMap<String, Value> {
    let name = |entry: &Value| entry["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    entries
        .filter(|entry| entry["path"].as_str().unwrap().contains("odd/"))
        .map(|entry| (name(&entry), entry))
        .collect()
}

/// The cases whose names are text; others are left out of every folder.
fn named() -> Vec<Case> {
    cases().into_iter().filter(|case| case.name.to_str().is_some()).collect()
}

fn lossy(name: &OsString) -> String {
    name.to_string_lossy().into_owned()
}

#[test]
fn check_and_predict_tell_of_every_file_what_it_is() {
    let place = folder();
    let run = place.icecap(&["check", "photos", "--json"]).succeeds();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let files = by_name(report["files"].as_array().unwrap().iter().cloned());
    let wrong_names: Vec<&Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["kind"] == "extension")
        .collect();

    let rows = predicted(&place);

    let cases = named();
    assert_eq!((files.len(), rows.len()), (cases.len(), cases.len()), "a folder called x.jpg is no photo");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let name = lossy(&case.name);
            let told = wrong_names.iter().any(|finding| finding["photos"].to_string().contains(&name));
            Some(format!("{name:?}: {}", complaint(case, &files[&name], &rows[&name], told)?))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is wrong with what the two commands tell of a file; `renamed` where one says that its name lies.
fn complaint(case: &Case, file: &Value, row: &Value, renamed: bool) -> Option<String> {
    let name = lossy(&case.name);
    let found = match &case.outcome {
        Outcome::Photo { width, height, said, format, .. } => {
            let oddities = file["oddities"].to_string();
            let lied = name.contains('.') && !name.to_lowercase().ends_with(&extension(format));
            [
                (file["error"].is_null() && row["error"].is_null(), "an error"),
                (row["label"].is_string() && row["probability"].as_f64() > Some(0.0), "no label"),
                (file["width"].as_u64() == Some(*width as u64), "another width"),
                (file["height"].as_u64() == Some(*height as u64), "another height"),
                (file["format"].as_str() == Some(*format), "another format"),
                (said.iter().all(|said| oddities.contains(said)), "an oddity is missing"),
                (said.is_empty() == (oddities == "[]"), "an oddity too many"),
                (lied == renamed, "its name"),
            ]
        }
        Outcome::Unusable(reason) => {
            let error = |told: &Value| told["error"].as_str().unwrap_or_default().to_owned();
            let told = |error: String| {
                !error.is_empty() && error.contains(reason) && !error.contains(char::is_control)
            };
            [
                (told(error(file)), "check gives another reason"),
                (told(error(row)), "predict gives another reason"),
                (file["format"].is_null(), "a format"),
                (row["label"].is_null(), "a label"),
                (file["oddities"].as_array().is_some_and(Vec::is_empty), "an oddity"),
                (!renamed, "its name"),
                (true, ""),
                (true, ""),
            ]
        }
    };
    let found = found.into_iter().find(|(right, _)| !right);
    found.map(|(_, what)| format!("{what}: {file} {row}"))
}

fn extension(format: &str) -> String {
    match format {
        "JPEG" => ".jpg".to_owned(),
        other => format!(".{}", other.to_lowercase()),
    }
}

/// What the same pixels give is the same to the last digit, whatever file they come in.
#[test]
fn a_prediction_depends_on_pixels_and_not_on_the_file() {
    let place = folder();
    let rows = predicted(&place);
    let mut by_pixels = HashMap::<_, Vec<_>>::new();
    for Case { name, outcome, .. } in named() {
        if let Outcome::Photo { width, pixels: Pixels::Exactly(drawn), .. } = outcome {
            let told = rows[&lossy(&name)]["probability"].to_string();
            by_pixels.entry((width, drawn)).or_default().push((lossy(&name), told));
        }
    }
    let most = by_pixels.values().map(Vec::len).max().unwrap();
    assert!(most >= 12, "{most} files of the same pixels");
    for files in by_pixels.values() {
        let told = |file: &(String, String)| file.1.parse::<f64>().unwrap();
        for file in files {
            // A photo that is turned is turned when it is small already, and the weights of its pixels are rounded in
            // another place.
            let turned = file.0.starts_with("exif") && !file.0.starts_with("exif1");
            let off = (told(file) - told(&files[0])).abs();
            assert!(off <= if turned { 1e-5 } else { 0.0 }, "{file:?} is not {:?}", files[0]);
        }
    }
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_passed_over_and_a_file_without_permission_is_named() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::new();
    place.draw("photos/red", "red", 5);
    place.draw("photos/blue", "blue", 5);
    symlink("nowhere.jpg", place.path("photos/red/dangling.jpg")).unwrap();
    symlink(".", place.path("photos/red/circle")).unwrap();
    symlink("../blue/0.png", place.path("photos/red/link.png")).unwrap();
    let locked = place.path("photos/red/locked.png");
    fs::copy(place.path("photos/red/0.png"), &locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o0)).unwrap();
    let run = place.icecap(&["check", "photos", "--json"]).succeeds();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let messages: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| format!("{} {} {}", finding["kind"], finding["message"], finding["photos"]))
        .collect();
    let told =
        |parts: &[&str]| messages.iter().any(|message| parts.iter().all(|part| message.contains(part)));
    assert!(told(&["stray", "and 1 more: a link to nothing or in a circle"]), "{messages:?}");
    // The same photo in two classes, by way of a link.
    assert!(told(&["identical", "'blue' and 'red'", "link.png"]), "{messages:?}");
    // Root reads every file.
    if fs::read(&locked).is_err() {
        assert!(told(&["unreadable", "could not be read", "locked.png"]), "{messages:?}");
    }
}
