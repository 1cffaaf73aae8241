//! Features in files: the formats of `extract`, and shares of the photos.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use icecap::advanced::data::CsvRecords;
use icecap_records::{FeatureFile, RowHead};
use serde_json::Value;

use crate::archive::pack;
use crate::place::Place;
use crate::zip_writer::Writing;

/// Every row of a file.
fn rows(path: &Path) -> Vec<(RowHead, Vec<u32>)> {
    let file = FeatureFile::open(path).unwrap();
    let mut rows: Vec<(RowHead, Vec<u32>)> =
        file.heads().iter().map(|head| (head.clone(), Vec::new())).collect();
    file.each(&mut |row, features| {
        rows[row].1 = features.iter().map(|value| value.to_bits()).collect();
        Ok(())
    })
    .unwrap();
    rows
}

/// Two classes, one with folders in it, a photo without a class and two files that are no photos.
pub(crate) fn place() -> Place {
    let place = Place::new();
    place.draw("photos/red", "red", 14);
    place.draw("photos/blue", "blue", 9);
    place.draw("photos/blue/deep", "blue", 6);
    fs::write(place.path("photos/red/7b.png"), "no photo").unwrap();
    fs::write(place.path("photos/blue/0.jpg"), "").unwrap();
    place
}

pub(crate) fn extract(place: &Place, words: &[&str]) -> String {
    let run = place.icecap(&[&["extract", "--size", "32"], words].concat());
    run.succeeds().stdout.clone()
}

const BROKEN: usize = 2;

#[test]
fn every_format_tells_the_same_of_the_same_photos() {
    let place = place();
    fs::copy(place.path("photos/red/0.png"), place.path("photos/loose.png")).unwrap();
    for file in ["f.parquet", "f.safetensors", "f.csv", "f.jsonl", "f.npy"] {
        let told = extract(&place, &["photos", "-o", file]);
        assert!(told.contains("features [30, 1280], 2 classes") && told.contains("2 skipped"), "{told}");
    }
    let table = rows(&place.path("f.parquet"));
    let tensors = rows(&place.path("f.safetensors"));
    let good: Vec<_> = table.iter().filter(|(head, _)| head.error.is_none()).cloned().collect();
    assert_eq!((table.len(), good.len()), (30 + BROKEN, 30));
    assert!(good == tensors, "a table has what tensors have");
    let lines: Vec<Value> =
        place.text("f.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let csv = place.text("f.csv");
    let mut csv = CsvRecords::new(&csv).map(|record| record.unwrap().1);
    assert_eq!(
        csv.next().unwrap()[..7],
        ["path", "label", "sha256", "width", "height", "error", "embedding_0"]
    );
    let npy = fs::read(place.path("f.npy")).unwrap();
    let values = &npy[npy.len() - table.len() * 1280 * 4..];
    let mut values = values.chunks(1280 * 4);
    for ((head, features), line) in table.iter().zip(&lines) {
        let fields = csv.next().unwrap();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        assert_eq!((line["path"].as_str().unwrap(), fields[0]), (head.path.as_str(), head.path.as_str()));
        assert_eq!(
            (line["label"].as_str(), fields[1]),
            (head.label.as_deref(), head.label.as_deref().unwrap_or(""))
        );
        assert_eq!(line["error"].as_str(), head.error.as_deref());
        let npy = values.next().unwrap().as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value));
        if head.error.is_some() {
            assert!(npy.into_iter().all(f32::is_nan) && line["embedding"].is_null() && fields[6].is_empty());
            assert_eq!((&line["width"], head.sha256), (&Value::Null, None));
            continue;
        }
        let numbers = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        let json = line["embedding"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32);
        assert_eq!(numbers(json.collect()), *features);
        assert_eq!(numbers(fields[6..].iter().map(|value| value.parse().unwrap()).collect()), *features);
        assert_eq!(numbers(npy.collect()), *features);
        let sha256 = head.sha256.unwrap().to_string();
        assert_eq!((line["sha256"].as_str().unwrap(), fields[2]), (sha256.as_str(), sha256.as_str()));
        let (width, height) = image::image_dimensions(place.path(&head.path)).unwrap();
        assert_eq!(
            (line["width"].as_u64(), line["height"].as_u64()),
            (Some(width.into()), Some(height.into()))
        );
        assert_eq!((fields[3], fields[4]), (width.to_string().as_str(), height.to_string().as_str()));
    }
    // From the cache, which may have been filled without them, photos have their sides, too.
    let cold = Place::new();
    fs::rename(place.path("photos"), cold.path("photos")).unwrap();
    extract(&cold, &["photos", "-o", "first.safetensors"]);
    let told = extract(&cold, &["photos", "-o", "f.parquet"]);
    assert!(told.contains("30 photos from the cache"), "{told}");
    assert!(fs::read(cold.path("f.parquet")).unwrap() == fs::read(place.path("f.parquet")).unwrap());
}

#[test]
fn a_name_says_the_format_and_others_are_refused_by_what_goes() {
    let place = Place::two_classes();
    place.each_fails(&[
        (&["extract", "photos", "-o", "f"], 2, "none of .safetensors, .parquet, .csv, .jsonl, .npy"),
        (&["extract", "photos", "-o", "f.txt"], 2, "f.txt: the ending of the name says the format"),
        (&["extract", "photos", "--maps", "-o", "f.parquet"], 2, "name a .safetensors or .npy file"),
        (&["extract", "photos", "--maps", "-o", "f.csv"], 2, "name a .safetensors or .npy file"),
    ]);
    for (shard, said) in [("0/4", "use 1/4 to 4/4"), ("5/4", "use 1/4 to 4/4"), ("4", "as in 1/4")] {
        let run = place.icecap(&["extract", "photos", "--shard", shard, "-o", "f.csv"]);
        assert!(run.code == Some(2) && run.stderr.contains(said), "{run:?}");
    }
    place.icecap(&["extract", "photos", "--maps", "--size", "64", "-o", "maps.npy"]).succeeds();
    let npy = fs::read(place.path("maps.npy")).unwrap();
    assert!(npy.windows(18).any(|text| text == b"(20, 2, 2, 1280), "));
}

/// A list of the same photos in another order, by paths below it.
fn list(place: &Place) {
    let mut lines: Vec<String> = Vec::new();
    for folder in ["red", "blue", "blue/deep"] {
        let class = folder.split('/').next().unwrap();
        let names = place.names(&format!("photos/{folder}"));
        lines.extend(
            names
                .iter()
                .filter(|name| name.contains('.'))
                .map(|name| format!("photos/{folder}/{name},{class}")),
        );
    }
    lines.reverse();
    fs::write(place.path("list.csv"), format!("path,label\n{}\n", lines.join("\n"))).unwrap();
}

#[test]
fn shares_are_disjoint_and_together_what_one_run_gives() {
    let place = place();
    list(&place);
    pack(&place, "photos", "", "photos.zip", Writing::default());
    let mut dealt: BTreeMap<&str, Vec<Vec<String>>> = BTreeMap::new();
    for (input, name) in [("photos", "folder"), ("photos.zip", "zip"), ("list.csv", "list")] {
        extract(&place, &[input, "-o", "whole.parquet", "--force"]);
        let whole = rows(&place.path("whole.parquet"));
        assert_eq!(whole.len(), 29 + BROKEN);
        let mut together = Vec::new();
        for number in 1..=4 {
            let (shard, file) = (format!("{number}/4"), format!("{name}-{number}.parquet"));
            extract(&place, &[input, "--shard", &shard, "-o", &file, "--threads", "1"]);
            let part = rows(&place.path(&file));
            // Each in the order of the whole.
            let place_of = |row: &(RowHead, Vec<u32>)| {
                whole.iter().position(|(head, _)| head.path == row.0.path).unwrap()
            };
            assert!(part.is_sorted_by_key(place_of), "{file}");
            dealt.entry(name).or_default().push(
                part.iter()
                    .map(|(head, _)| {
                        head.path.rsplit_once("red/").or(head.path.rsplit_once("blue/")).unwrap().1.to_owned()
                    })
                    .collect(),
            );
            together.extend(part);
        }
        together.sort_by_key(|row| whole.iter().position(|(head, _)| head.path == row.0.path));
        assert!(together == whole, "{input}: the shares are not the whole");
    }
    // A photo is in the share of its number wherever it is found; lists name one more folder.
    assert_eq!(dealt["folder"], dealt["zip"]);
    assert!(dealt["folder"].iter().all(|part| part.len() < 20), "{dealt:?}");
}

#[test]
fn a_share_that_is_complete_is_left_and_another_is_not_replaced() {
    let place = place();
    let words = ["photos", "--shard", "2/3", "-o", "part.parquet"];
    extract(&place, &words);
    let before = fs::read(place.path("part.parquet")).unwrap();
    let told = extract(&place, &words);
    assert!(told.starts_with("part.parquet: is complete already: "), "{told}");
    let fails = |words: &[&str], said: &str| {
        let run = place.icecap(&[&["extract"], words].concat());
        let line = run.fails(5);
        assert!(line.contains(said) && line.ends_with("with --force"), "{line}");
        assert_eq!(fs::read(place.path("part.parquet")).unwrap(), before);
    };
    fails(&[&words[..], &["--size", "64"]].concat(), "another preprocessing, 32x32 squash");
    fails(
        &["photos", "--shard", "1/3", "--size", "32", "-o", "part.parquet"],
        "another shard, 2/3, where this is 1/3",
    );
    fails(&["photos/red", "--shard", "2/3", "--size", "32", "-o", "part.parquet"], "is of ");
    fails(&["photos", "--size", "32", "-o", "part.parquet"], "is there already");
    fs::write(place.path("broken.parquet"), "no table").unwrap();
    let run = place.icecap(&["extract", "photos", "--shard", "1/3", "-o", "broken.parquet"]);
    let line = run.fails(5);
    assert!(line.contains("cannot be gone by"), "{line}");
    // Without a class, one of the photos of the share leaves it.
    let one =
        rows(&place.path("part.parquet")).into_iter().find(|(head, _)| head.error.is_none()).unwrap().0.path;
    let bytes = fs::read(place.path(&one)).unwrap();
    fs::remove_file(place.path(&one)).unwrap();
    fails(&[&words[..], &["--size", "32"]].concat(), "is of other photos");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    fs::write(place.path(&one), bytes).unwrap();
    fs::File::options().write(true).open(place.path(&one)).unwrap().set_modified(later).unwrap();
    fails(&[&words[..], &["--size", "32"]].concat(), "was changed since");
    extract(&place, &[&words[..], &["--force"]].concat());
    assert_eq!(fs::read(place.path("part.parquet")).unwrap(), before);
    // A share may be empty, in every format.
    for file in ["none.parquet", "none.safetensors", "none.csv", "none.jsonl", "none.npy"] {
        let empty = (1..=400).map(|number| format!("{number}/400")).find(|shard| {
            extract(&place, &["photos/red/0.png", "--shard", shard, "-o", file, "--force"])
                .contains("features [0, 1280]")
        });
        assert!(empty.is_some());
    }
    assert_eq!(
        (rows(&place.path("none.parquet")).len(), rows(&place.path("none.safetensors")).len()),
        (0, 0)
    );
}

#[test]
fn predictions_in_shares_are_those_of_all_photos() {
    let place = place();
    place.icecap(&["train", "photos", "--size", "32", "--epochs", "1", "--out", "run"]).succeeds();
    let predict = |words: &[&str]| -> Vec<String> {
        let words = [&["predict", "run/model.safetensors", "--jsonl"], words].concat();
        place.icecap(&words).succeeds().stdout.lines().map(str::to_owned).collect()
    };
    let list: Vec<String> =
        ["red/0.png", "blue/1.jpg", "blue/2.png"].map(|name| format!("photos/{name}\n")).into();
    fs::write(place.path("list.txt"), list.concat()).unwrap();
    for source in [
        &["photos"][..],
        &["photos/red/0.png", "photos/red/1.jpg", "photos/blue/2.png"],
        &["--files-from", "list.txt"],
    ] {
        let mut together: Vec<String> = ["1/3", "2/3", "3/3"]
            .iter()
            .flat_map(|shard| predict(&[source, &["--shard", shard]].concat()))
            .collect();
        let mut whole = predict(source);
        together.sort();
        whole.sort();
        assert_eq!(together, whole);
    }
    let run = place.icecap_with(&["predict", "run/model.safetensors", "-", "--shard", "1/2"], b"x");
    let line = run.fails(2);
    assert!(line.contains("have no path that tells their share"), "{line}");
    // What is extracted of a photo and what is said of it are in the same share.
    extract(&place, &["photos", "--shard", "2/3", "-o", "part.jsonl"]);
    let paths = |lines: Vec<String>| -> Vec<Value> {
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["path"].clone()).collect()
    };
    let extracted = place.text("part.jsonl").lines().map(str::to_owned).collect();
    assert_eq!(paths(predict(&["photos", "--shard", "2/3"])), paths(extracted));
}
