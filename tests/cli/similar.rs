//! `similar` as a person runs it, held against a search by hand.

use std::fs;
use std::ops::ControlFlow;

use icecap::advanced::data::scan_photos;
use icecap::advanced::graph::Tap;
use icecap::model::{Extractor, Preprocessing};
use icecap::{Backbone, Settings, Source};
use serde_json::Value;

use crate::place::{EACH, Place};

/// The cosine between the starter's features of the first photo below `folder` and of each other, in order.
fn cosines(place: &Place, folder: &str) -> Vec<(String, f64)> {
    let backbone = Backbone::starter(Settings::threads(1)).unwrap();
    let preprocessing = Preprocessing::for_training(&backbone).unwrap();
    let mut extractor = Extractor::new(&backbone, preprocessing, Tap::Pooled).unwrap();
    let (photos, _) = scan_photos(&place.path(folder)).unwrap();
    let sources: Vec<Source<'_>> = photos.iter().map(|path| Source::Path(path)).collect();
    let mut rows = vec![0.0; sources.len() * extractor.row_len()];
    extractor.extract(&sources, &mut rows, &|_| ControlFlow::Continue(())).unwrap();
    let rows: Vec<&[f32]> = rows.chunks_exact(extractor.row_len()).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let cosine = |row| dot(rows[0], row) / (dot(rows[0], rows[0]) * dot(row, row)).sqrt();
    let name =
        |index: usize| photos[index].strip_prefix(place.path("")).unwrap().to_str().unwrap().to_owned();
    (1..rows.len()).map(|index| (name(index), cosine(rows[index]))).collect()
}

#[test]
fn the_nearest_come_first_and_the_image_itself_does_not_come() {
    let place = Place::two_classes();
    let mut expected = cosines(&place, "photos");
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    // First in the order of the folders: the one that was searched for by hand.
    let image = "photos/blue/0.png";
    fs::create_dir(place.path("photos/red/deep")).unwrap();
    fs::copy(place.path(image), place.path("photos/red/deep/copy.png")).unwrap();
    fs::write(place.path("photos/red/broken.jpg"), "no photo").unwrap();

    let run = place.icecap(&["similar", image, "--in", "photos", "--top", "6", "--json"]).succeeds();
    assert!(run.stderr.contains("skipped photos/red/broken.jpg"), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["photos"], &report["skipped"]), (&(2 * EACH + 1).into(), &1.into()));
    let found = &report["images"][0];
    assert_eq!(found["copies"], serde_json::json!([image, "photos/red/deep/copy.png"]));
    let similar = found["similar"].as_array().unwrap();
    assert_eq!(similar.len(), 6);
    for (row, (path, cosine)) in similar.iter().zip(&expected) {
        assert_eq!(row["path"], path.as_str());
        assert!((row["similarity"].as_f64().unwrap() - cosine).abs() < 1e-5, "{row} {cosine}");
        assert_eq!(row["class"], path.split('/').nth(1).unwrap());
    }

    // As a table it says which copy was left out, and the second run has its features from the cache.
    let table = place.icecap(&["similar", image, "--in", "photos", "--top", "2"]).succeeds();
    assert!(table.stderr.contains("left out as the same file: photos/red/deep/copy.png"), "{}", table.stderr);
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("image "), "{}", table.stdout);
    assert!(lines[1].starts_with(image) && lines[1].contains(expected[0].0.as_str()), "{}", table.stdout);
}

#[test]
fn several_images_are_looked_for_in_several_folders() {
    let place = Place::two_classes();
    place.draw("more", "red", 3);
    fs::copy(place.path("photos/red/4.png"), place.path("own.png")).unwrap();
    let arguments =
        ["similar", "own.png", "photos/blue/1.jpg", "--in", "photos/blue", "--in", "more", "--top", "60"];
    let csv = place.icecap(&[&arguments[..], &["--format", "csv"]].concat()).succeeds().stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "image,rank,similarity,path,class");
    // All of both folders for the first, all but itself for the second.
    assert_eq!(lines.len(), 1 + (EACH as usize + 3) + (EACH as usize + 3 - 1));
    assert!(lines[1].starts_with("own.png,1,") && lines.last().unwrap().starts_with("photos/blue/1.jpg,12,"));
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("photos/blue/1.jpg") && line.contains(",photos/blue/1.jpg,"))
    );
    let jsonl = place.icecap(&[&arguments[..], &["--format", "jsonl"]].concat()).succeeds().stdout;
    let images: Vec<Value> = jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&images[0]["image"], &images[1]["image"]), (&"own.png".into(), &"photos/blue/1.jpg".into()));

    // A model's backbone and size are those it was trained with.
    place.icecap(&["train", "photos", "--out", "run", "--size", "64", "--epochs", "1"]).succeeds();
    let with =
        |options: &[&str]| place.icecap(&[&arguments[..], &["--json"], options].concat()).succeeds().stdout;
    let model = with(&["--model", "run/model.safetensors"]);
    assert_eq!(model, with(&["--size", "64"]));
    assert_ne!(model, with(&[]));
}

#[test]
fn every_kind_of_bad_input_has_its_exit_code_and_one_line() {
    let place = Place::with_bad_input();
    let image = "photos/red/0.png";
    place.each_fails(&[
        (&["similar", "missing.png", "--in", "photos"], 5, "missing.png"),
        (&["similar", "garbage", "--in", "photos"], 3, "garbage"),
        (&["similar", "wide.png", "--in", "photos"], 4, "wide.png"),
        (&["similar", image, "--in", "missing"], 5, "missing"),
        (&["similar", image, "--in", "nothing"], 3, "no photo"),
        (&["similar", image, "--in", "unreadable"], 3, "none of 2 photos"),
        (&["similar", image, "--in", "broken", "--strict"], 3, "broken/blue/x.jpg"),
        (&["similar", image, "--in", "photos", "--model", "garbage"], 3, "garbage"),
    ]);
    let run = place.icecap(&["similar", image]);
    assert!(run.code == Some(2) && run.stderr.contains("--in"), "{run:?}");
    // A model says itself how photos become its input.
    for option in [["--exif", "ignore"], ["--size", "64"]] {
        let model = ["similar", image, "--in", "photos", "--model", "run/model.safetensors"];
        let run = place.icecap(&[&model[..], &option].concat());
        assert!(run.code == Some(2) && run.stderr.contains(option[0]), "{run:?}");
    }
}
