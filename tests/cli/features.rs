//! `train --features`: training on what was extracted is training on the photos.

use std::fs;

use crate::place::Place;
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

#[test]
fn training_on_parts_is_training_on_their_photos() {
    let place = place();
    parts(&place);
    let named = |words: &[&str], run: &str, source: &[&str]| {
        place
            .icecap(&[&["train"], source, &["--size", "32", "--out", run, "--force"], words].concat())
            .succeeds()
    };
    fs::write(place.path("leave.txt"), "photos/red/3.jpg\n").unwrap();
    for words in [
        &[][..],
        &["--val-split", "0.4", "--seed", "7", "--optimizer", "lbfgs"],
        &["--group", "([0-9])[.]", "--epochs", "3", "--early-stop"],
        &["--folds", "3", "--epochs", "2", "--hidden", "4"],
        &["--exclude", "leave.txt", "--class-weight", "balanced", "--epochs", "4"],
    ] {
        named(words, "of-photos", &["photos"]);
        for source in [
            &["--features", "parts"][..],
            &[
                "--features",
                "parts/d.safetensors",
                "parts/c.parquet",
                "parts/a.parquet",
                "parts/b.safetensors",
            ],
        ] {
            let run = named(words, "of-parts", source);
            for broken in ["photos/red/7b.png", "photos/blue/0.jpg"] {
                let is_told = run.stderr.contains(&format!("skipped {broken}"));
                // Tensors have no rows of photos that could not be read.
                assert!(is_told || source.len() > 1, "{}", run.stderr);
            }
            assert!(model(&place, "of-parts") == model(&place, "of-photos"), "{words:?} {source:?}");
            for name in ["split.csv", "predictions.csv", "metrics.csv"] {
                let [one, other] = ["of-parts", "of-photos"].map(|run| place.text(&format!("{run}/{name}")));
                assert_eq!(one, other, "{name} {words:?}");
            }
        }
    }
    let page = place.text("of-parts/report.html");
    assert!(page.contains("data:image/jpeg"), "the photos are at hand");
    // Elsewhere there are no photos, and the same model.
    fs::rename(place.path("photos"), place.path("away")).unwrap();
    let run = named(&["--folds", "3", "--epochs", "2", "--hidden", "4"], "alone", &["--features", "parts"]);
    assert!(run.stdout.contains("as they were extracted"), "{}", run.stdout);
    // What would need the photos is no command to type.
    let commands: Vec<&str> = run.stdout.lines().filter(|line| line.contains("icecap train ")).collect();
    assert!(
        commands.iter().all(|line| !line.contains("--weights") && !line.contains("--unfreeze")),
        "{commands:?}"
    );
    named(
        &["--exclude", "leave.txt", "--class-weight", "balanced", "--epochs", "4"],
        "alone",
        &["--features", "parts"],
    );
    assert!(model(&place, "alone") == model(&place, "of-photos"));
    assert!(!place.text("alone/report.html").contains("data:image/jpeg"));
    // And from the run's own words.
    place.icecap(&["train", "--config", "alone/args.toml", "--out", "again"]).succeeds();
    assert!(model(&place, "again") == model(&place, "of-photos"));
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
