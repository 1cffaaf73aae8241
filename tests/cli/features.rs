//! `train --features`: training on what was extracted is training on the photos.

use std::fs;

use icecap_records::FeatureFile;

use crate::place::{Place, Run};
use crate::records::{extract, place};

fn model(place: &Place, run: &str) -> Vec<u8> {
    fs::read(place.path(run).join("model.safetensors")).unwrap()
}

/// Shares as tables and as tensors, in a folder.
fn parts(place: &Place) {
    fs::create_dir(place.path("parts")).unwrap();
    let files = ["parts/a.parquet", "parts/b.safetensors", "parts/c.parquet", "parts/d.safetensors"];
    for (number, file) in files.iter().enumerate() {
        extract(place, &["photos", "--shard", &format!("{}/4", number + 1), "-o", file]);
    }
}

/// Trains from what `source` names into `run`, anew if it is there.
fn train(place: &Place, words: &[&str], run: &str, source: &[&str]) -> Run {
    let words = [&["train"], source, &["--size", "32", "--out", run, "--force"], words].concat();
    place.icecap(&words).succeeds()
}

/// Photos that could not be read, by the parts that tell of them: tensors have no rows of these.
fn broken(place: &Place) -> Vec<String> {
    let parts =
        ["parts/a.parquet", "parts/c.parquet"].map(|part| FeatureFile::open(&place.path(part)).unwrap());
    let heads = parts.iter().flat_map(|part| part.heads());
    heads.filter(|head| head.error.is_some()).map(|head| head.path.clone()).collect()
}

#[test]
fn training_on_parts_is_training_on_their_photos() {
    let place = place();
    parts(&place);
    let broken = broken(&place);
    fs::write(place.path("leave.txt"), "photos/red/3.jpg\n").unwrap();
    let turned = ["parts/d.safetensors", "parts/c.parquet", "parts/a.parquet", "parts/b.safetensors"];
    for words in [
        &[][..],
        &["--val-split", "0.4", "--seed", "7", "--optimizer", "lbfgs"],
        &["--group", "([0-9])[.]", "--epochs", "3", "--early-stop"],
        &["--folds", "3", "--epochs", "2", "--hidden", "4"],
        &["--exclude", "leave.txt", "--class-weight", "balanced", "--epochs", "4"],
    ] {
        train(&place, words, "of-photos", &["photos"]);
        for source in [&["--features", "parts"][..], &[&["--features"], &turned[..]].concat()] {
            let run = train(&place, words, "of-parts", source);
            let told = run.stderr.lines().filter_map(|line| line.strip_prefix("skipped "));
            let told: Vec<&str> = told.filter_map(|line| Some(line.split_once(": ")?.0)).collect();
            assert!(
                told.len() == broken.len() && broken.iter().all(|path| told.contains(&path.as_str())),
                "{told:?}"
            );
            assert!(model(&place, "of-parts") == model(&place, "of-photos"), "{words:?} {source:?}");
            for name in ["split.csv", "predictions.csv", "metrics.csv"] {
                let [one, other] = ["of-parts", "of-photos"].map(|run| place.text(&format!("{run}/{name}")));
                assert_eq!(one, other, "{name} {words:?}");
            }
        }
    }
    assert!(place.text("of-parts/report.html").contains("data:image/jpeg"), "the photos are at hand");
}

#[test]
fn parts_are_enough_where_there_are_no_photos() {
    let place = place();
    parts(&place);
    let words = ["--folds", "3", "--epochs", "2"];
    train(&place, &words, "of-photos", &["photos"]);
    fs::rename(place.path("photos"), place.path("away")).unwrap();
    let run = train(&place, &words, "alone", &["--features", "parts"]);
    assert!(run.stdout.contains("as they were extracted"), "{}", run.stdout);
    // What would need the photos is no command to type.
    let commands: Vec<&str> = run.stdout.lines().filter(|line| line.contains("icecap train ")).collect();
    assert!(
        commands.iter().all(|line| !line.contains("--weights") && !line.contains("--unfreeze")),
        "{commands:?}"
    );
    assert!(model(&place, "alone") == model(&place, "of-photos"));
    assert!(!place.text("alone/report.html").contains("data:image/jpeg"));
    // And from the run's own words.
    place.icecap(&["train", "--config", "alone/args.toml", "--out", "again"]).succeeds();
    assert!(model(&place, "again") == model(&place, "of-photos"));
    // With what could not be read, a strict training fails as on the photos.
    let strict = ["train", "--features", "parts", "--size", "32", "--out", "strict", "--strict"];
    let strict = place.icecap(&strict);
    assert_eq!(strict.code, Some(if broken(&place).is_empty() { 0 } else { 3 }), "{strict:?}");
}

#[test]
fn parts_of_a_dataset_keep_their_photos() {
    let place = Place::new();
    for (part, photos) in [("train", 9), ("val", 4), ("test", 3)] {
        for class in ["red", "blue"] {
            place.draw(&format!("data/{part}/{class}"), class, photos);
        }
    }
    extract(&place, &["data", "-o", "data.parquet"]);
    let train = |source: &[&str], run: &str| {
        place
            .icecap(&[&["train"], source, &["--size", "32", "--epochs", "3", "--out", run]].concat())
            .succeeds();
        (model(&place, run), place.text(&format!("{run}/split.csv")))
    };
    assert!(train(&["data"], "a") == train(&["--features", "data.parquet"], "b"));
}

#[test]
fn parts_that_do_not_belong_together_are_refused_by_name() {
    let place = Place::two_classes();
    extract(&place, &["photos", "-o", "good.parquet"]);
    extract(&place, &["photos", "--shard", "1/2", "-o", "half.parquet"]);
    extract(&place, &["photos/red", "-o", "red.parquet"]);
    place.icecap(&["extract", "photos", "--size", "64", "-o", "larger.safetensors"]).succeeds();
    extract(&place, &["photos", "--maps", "-o", "maps.safetensors"]);
    fs::create_dir(place.path("nothing")).unwrap();
    fs::write(place.path("cut.parquet"), &fs::read(place.path("good.parquet")).unwrap()[..2000]).unwrap();
    let train = |parts: &'static [&'static str]| {
        [&["train", "--size", "32", "--out", "run", "--features"], parts].concat()
    };
    let cases: &[(&'static [&'static str], i32, &str)] = &[
        (&["good.parquet", "half.parquet"], 3, "half.parquet: has photos/"),
        (&["good.parquet", "good.parquet"], 3, "twice"),
        (&["good.parquet", "larger.safetensors"], 3, "larger.safetensors: its preprocessing is 64x64 squash"),
        (&["larger.safetensors"], 3, "and here it is 32x32 squash"),
        (&["maps.safetensors"], 3, "extract without --maps"),
        (&["red.parquet"], 3, "a classifier tells at least two apart"),
        (&["missing.parquet"], 5, "missing.parquet"),
        (&["nothing"], 5, "holds no .parquet and no .safetensors file"),
        (&["cut.parquet"], 3, "is damaged"),
        (&["photos/red/0.png"], 3, "is read as .parquet or .safetensors alone"),
        (&["good.parquet", "--unfreeze", "auto"], 2, "--unfreeze: needs the photos"),
        (&["good.parquet", "--augment", "flip"], 2, "--augment: needs the photos"),
        (&["good.parquet", "--try", "l2=0,1"], 2, "--try: needs the photos"),
        (&["good.parquet", "--group", "duplicates"], 2, "--group duplicates: needs the photos"),
        (&["good.parquet", "--precision", "int8"], 2, "a net is calibrated with photos"),
        (&["good.parquet", "--root", "photos"], 2, "--root"),
    ];
    for (parts, code, said) in cases {
        let run = place.icecap(&train(parts));
        let line = run.fails(*code);
        assert!(line.contains(said), "{parts:?}: {line}");
    }
    assert!(!place.path("run/model.safetensors").exists());
    let run =
        place.icecap(&["train", "--size", "32", "--out", "run", "--features", "half.parquet"]).succeeds();
    assert!(
        run.stderr.contains("1 of 2 shares are not among the parts, the first of them 2/2"),
        "{}",
        run.stderr
    );
}

#[test]
fn features_in_int8_are_trained_on_with_the_model_that_made_them() {
    let place = Place::two_classes();
    let train = |words: &[&str], run: &str| {
        place.icecap(&[&["train", "--size", "32", "--epochs", "2", "--out", run], words].concat()).succeeds();
        model(&place, run)
    };
    train(&["photos", "--precision", "int8"], "quantized");
    let weights = ["--weights", "quantized/model.safetensors"];
    extract(&place, &[&["photos", "-o", "f.parquet"], &weights[..]].concat());
    let of_photos = train(&[&["photos"], &weights[..]].concat(), "of-photos");
    assert!(train(&[&["--features", "f.parquet"], &weights[..]].concat(), "of-features") == of_photos);
    let run = place.icecap(&["train", "--features", "f.parquet", "--size", "32", "--out", "other"]);
    let line = run.fails(3);
    assert!(line.contains("f.parquet: its precision is int8, and here it is f32"), "{line}");
    train(&["photos", "--precision", "int8", "--seed", "5", "--val-split", "0.5"], "otherwise");
    let words =
        ["train", "--features", "f.parquet", "--size", "32", "--weights", "otherwise/model.safetensors"];
    let run = place.icecap(&words);
    assert!(run.fails(3).contains("f.parquet: its integers_sha256 is "), "{run:?}");
}
