//! Photos whose names are no text: left out everywhere, and named so that one can find them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::place::{Place, Run};

#[test]
fn a_name_that_is_no_text_is_left_out_by_every_command_and_told() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let odd = OsStr::from_bytes(b"caf\xE9.png");
    if fs::copy(place.path("photos/red/0.png"), place.path("photos/red").join(odd)).is_err() {
        println!("skipped: this file system has no such names");
        return;
    }
    // A folder of such a name below a class holds photos that cannot be written down either.
    let folder = place.path("photos/blue").join(OsStr::from_bytes(b"\xFF"));
    fs::create_dir(&folder).unwrap();
    fs::copy(place.path("photos/blue/0.png"), folder.join("1.png")).unwrap();
    let commands: [&[&str]; 6] = [
        &["train", "photos", "--out", "other", "--epochs", "1"],
        &["evaluate", "run/model.safetensors", "photos"],
        &["predict", "run/model.safetensors", "photos"],
        &["extract", "photos", "-o", "features.safetensors"],
        &["similar", "photos/red/0.png", "--in", "photos"],
        &["train", "photos", "--folds", "2"],
    ];
    for command in commands {
        let run = place.icecap(command).succeeds();
        for name in [r"photos/red/caf\xE9.png", r"photos/blue/\xFF"] {
            let line = format!("{name}: the name is not valid UTF-8; rename it");
            let told = run.stderr.lines().filter(|said| said.contains(&line)).count();
            assert_eq!(told, 1, "{command:?}: {}", run.stderr);
        }
        // As text would have it, and as a photo.
        assert!(!run.stdout.contains("caf"), "{command:?}: {}", run.stdout);
    }
    let check = place.icecap(&["check", "photos"]);
    assert!(check.stdout.contains(r"photos/red/caf\xE9.png: the name is not valid UTF-8"), "{check:?}");
    // It is left out, as the trainings above did it.
    assert!(!check.stdout.contains("refuse") && check.stdout.contains("mend the errors"), "{check:?}");
    for command in ["train", "extract"] {
        let line = match command {
            "train" => place.icecap(&["train", "photos", "--out", "strict", "--strict"]),
            _ => place.icecap(&["extract", "photos", "-o", "strict.parquet", "--strict"]),
        };
        assert!(line.fails(3).contains(r"\x"), "{line:?}");
    }
}

#[test]
fn a_folder_above_all_photos_whose_name_is_no_text_is_refused_and_told_so() {
    let place = Place::two_classes();
    let odd = place.path("").join(OsStr::from_bytes(b"caf\xE9"));
    if fs::rename(place.path("photos"), &odd).is_err() {
        println!("skipped: this file system has no such names");
        return;
    }
    let typed = |command: &str| Run::of(place.command(&[command]).arg(&odd).output().unwrap());
    let (train, check) = (typed("train"), typed("check"));
    assert!(train.fails(3).contains("not valid UTF-8"), "{train:?}");
    assert!(check.stdout.contains("a training would refuse this dataset"), "{check:?}");
}
