//! Many photos in bounded memory, and a second training that begins at once.
//!
//! With a few hundred photos, so that it is quick; `ICECAP_TEST_LARGE=20000` is what is promised, in about a minute.
//! A process of its own: memory and seconds are counted.
#![allow(clippy::unwrap_used, reason = "what a test does not expect fails it")]

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "cli/place.rs"]
mod place;

use std::fs;
use std::io::{BufWriter, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use icecap::advanced::kernels::Shape;
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap_records::{Description, FeatureFile, FeatureRow, Format, begin};
use place::{Place, Run};

/// Photos where `ICECAP_TEST_LARGE` does not say how many: more than a window of 256.
const QUICK: u32 = 600;
/// The promise: this many megabytes at most.
const PEAK: u64 = 300;
/// The promise for a training whose last blocks learn, too.
const PEAK_TUNING: u64 = 600;
/// Rows of features at least, where photos are few: a second copy of most of them is more than what else is needed.
const ROWS: u32 = 60_000;
/// The promise for a training on rows of features: so many times their bytes, and megabytes beside that.
const PEAK_FEATURES: (f64, u64) = (1.15, 200);
/// The promise for the second training: seconds to its first epoch.
const SECONDS: f64 = 1.0;
/// Trainings of which one has to keep that promise.
const TRIES: usize = 12;

fn photos() -> u32 {
    match std::env::var("ICECAP_TEST_LARGE") {
        Ok(number) if !number.is_empty() => number.parse().expect("ICECAP_TEST_LARGE is a number of photos"),
        _ => QUICK,
    }
}

/// A place with that many photos of 32x32 pixels in two classes, no two of them alike.
fn many() -> Place {
    let place = Place::new();
    for class in ["red", "blue"] {
        fs::create_dir_all(place.path("many").join(class)).unwrap();
    }
    for number in 0..photos() {
        let class = if number % 2 == 0 { "red" } else { "blue" };
        let mut stream = Stream::new(u64::from(number), Purpose::Test, 0, 0);
        let photo = image::RgbImage::from_fn(32, 32, |_, _| {
            let [light, ..] = stream.next_u32().to_le_bytes();
            image::Rgb(if number % 2 == 0 { [light, light / 4, 9] } else { [9, light / 4, light] })
        });
        photo.save(place.path("many").join(class).join(format!("{number}.png"))).unwrap();
    }
    place
}

/// The most memory that a process has had so far, in megabytes, where the system tells.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().unwrap() / 1024)
}

/// Runs the command to its end; gives how it ended and the peak of its memory.
fn watched(mut command: Command, input: &[u8]) -> (Run, u64) {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut highest = 0;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // Whether it is read to its end shows in the rows.
            let _ = stdin.write_all(input);
        });
        while child.try_wait().unwrap().is_none() {
            highest = highest.max(peak(&child).unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    (Run::of(child.wait_with_output().unwrap()).succeeds(), highest)
}

#[track_caller]
fn is_bounded(what: &str, megabytes: u64) {
    is_within(PEAK, what, megabytes);
}

#[track_caller]
fn is_within(most: u64, what: &str, megabytes: u64) {
    println!("{what}: {megabytes} MB at most");
    assert!(megabytes > 0 || !cfg!(target_os = "linux"), "Linux tells");
    assert!(megabytes < most, "{what} took {megabytes} MB");
}

#[test]
fn the_last_blocks_learn_from_many_photos_in_bounded_memory() {
    let place = many();
    let words =
        ["train", "many", "--size", "96", "--epochs", "1", "--unfreeze", "block_13", "--tune-epochs", "1"];
    let told = watched(place.command(&[&words[..], &["--no-report", "--out", "run"]].concat()), b"");
    is_within(PEAK_TUNING, "train --unfreeze", told.1);
    // One epoch tells what so many photos are: whatever came of it, a trial was made.
    let metrics = place.json("run/metrics.json");
    assert_eq!(metrics["tuned"]["trials"][0]["loss"].as_array().map(Vec::len), Some(1), "{metrics}");
}

#[test]
fn features_stand_in_memory_once_while_they_are_trained_on() {
    let place = Place::two_classes();
    place.icecap(&["extract", "photos", "-o", "few.parquet"]).succeeds();
    let few = FeatureFile::open(&place.path("few.parquet")).unwrap();
    let (rows, len) = (ROWS.max(photos() * 10), few.row_len().unwrap());
    let (metadata, classes) = (few.metadata().clone(), few.classes().unwrap());
    let mut out = BufWriter::new(fs::File::create(place.path("many.parquet")).unwrap());
    let description = Description { metadata, classes: classes.clone(), row: Shape::of([len]) };
    let mut file = begin(Format::Parquet, &mut out, description, &[]).unwrap();
    let mut features = vec![0.0; len];
    for row in 0..rows {
        let (class, mut stream) = ((row % 2) as usize, Stream::new(u64::from(row), Purpose::Test, 0, 0));
        features.iter_mut().for_each(|value| *value = stream.range(0.0, 1.0));
        features[class] += 1.0;
        let path = format!("photos/{}/{row}.png", classes[class]);
        let of = FeatureRow {
            path: &path,
            class: Some(class),
            sha256: None,
            sides: None,
            features: Ok(&features),
        };
        file.push(&of).unwrap();
    }
    file.finish().unwrap();
    out.flush().unwrap();
    let words = ["train", "--features", "many.parquet", "--epochs", "1", "--no-report", "--out", "run"];
    let (_, peak) = watched(place.command(&words), b"");
    let bytes = f64::from(rows) * (len * 4) as f64;
    is_within((bytes * PEAK_FEATURES.0 / 1e6) as u64 + PEAK_FEATURES.1, "train --features", peak);
    assert_eq!(place.json("run/metrics.json")["photos"]["read"], rows);
}

#[test]
fn many_photos_take_little_memory_and_are_learned_from_at_once_the_second_time() {
    let place = many();
    let photos = photos();
    let extract = place.command(&["extract", "many", "-o", "features.safetensors", "--size", "32"]);
    is_bounded("extract", watched(extract, b"").1);
    assert!(fs::metadata(place.path("features.safetensors")).unwrap().len() > u64::from(photos) * 4 * 1280);

    // All is in the cache now, as after a first training.
    let train = ["train", "many", "--out", "run", "--force", "--size", "32", "--epochs", "1"];
    let mut seconds = std::iter::repeat_with(|| {
        place.icecap(&train).succeeds();
        let metrics = place.json("run/metrics.json");
        assert_eq!(metrics["photos"]["cached"], photos, "{}", metrics["photos"]);
        ["scan", "weights", "features"]
            .map(|part| metrics["seconds"][part].as_f64().unwrap())
            .iter()
            .sum::<f64>()
    });
    // One of a few: others may be at work on this machine.
    let quick = seconds.by_ref().take(TRIES).find(|seconds| *seconds < SECONDS);
    println!("{photos} photos: first epoch after {quick:?} s");
    assert!(quick.is_some(), "never within {SECONDS} s to the first epoch");

    let predict = |photos: &[&str]| {
        let words = ["predict", "run/model.safetensors", "--cache", "--force", "--out", "rows.csv"];
        place.command(&[&words, photos].concat())
    };
    is_bounded("predict", watched(predict(&["many"]), b"").1);
    let in_folder = place.text("rows.csv");
    assert_eq!(in_folder.lines().count(), 1 + photos as usize);

    // A list that names each photo several times.
    let (mut list, mut rows) = (String::new(), 0);
    for _ in 0..3 {
        for line in in_folder.lines().skip(1) {
            list += line.split(',').next().unwrap();
            list.push('\n');
            rows += 1;
        }
    }
    is_bounded("predict of a list", watched(predict(&["--files-from", "-"]), list.as_bytes()).1);
    assert_eq!(place.text("rows.csv").lines().count(), 1 + rows);

    // What the cache knows of photos does not outlive them: content and length are others, the time is the old one.
    let photo = place.path("many/red/0.png");
    let before = fs::metadata(&photo).unwrap().modified().unwrap();
    fs::copy(place.path("many/blue/1.png"), &photo).unwrap();
    fs::File::options().write(true).open(&photo).unwrap().set_modified(before).unwrap();
    let features = |file: &str, options: &[&str]| {
        let arguments = [&["extract", "many", "-o", file, "--size", "32"], options].concat();
        place.icecap(&arguments).succeeds();
        fs::read(place.path(file)).unwrap()
    };
    let kept = features("kept.safetensors", &[]);
    assert!(kept == features("made.safetensors", &["--no-cache"]), "a cache changes no result");
    assert!(kept != fs::read(place.path("features.safetensors")).unwrap(), "another photo, other features");
}
