//! The binary itself, run as a person runs it: demo, extract, classify, summary, bench.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use icecap::advanced::data::{Labeled, scan_labeled};
use icecap::advanced::graph::Tap;
use icecap::model::{Extractor, Preprocessing};
use icecap::{Backbone, Classifier, Settings, Source};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::place::{Place, Run, assets};

/// A run that must fail with `code` and say `text`.
#[track_caller]
fn fails(run: &Run, code: i32, text: &str) {
    let said = run.fails(code);
    assert!(said.contains(text), "'{text}' in: {said}");
}

/// Writes a small photo, another for each `number`.
fn photo(path: &Path, number: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let pixel = |x: u32, y: u32| {
        let mix = (x + 31 * y + 977 * number).wrapping_mul(2_654_435_761);
        image::Rgb(mix.to_le_bytes()[1..].try_into().unwrap())
    };
    image::RgbImage::from_fn(24, 20, pixel).save(path).unwrap();
}

/// 300 photos of two classes and none, more than a window, three broken ones between them.
fn many_photos() -> Place {
    let place = Place::new();
    for number in 0..300 {
        let class = ["photos/a", "photos/b", "photos"][number as usize % 3];
        photo(&place.path(class).join(format!("{number}.png")), number);
    }
    for broken in ["photos/a/0x.jpg", "photos/b/200x.png", "photos/x.gif"] {
        std::fs::write(place.path(broken), "no photo").unwrap();
    }
    place
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = file.tensor(name).unwrap().data().as_chunks::<4>().0;
    bytes.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn labels(file: &SafeTensors<'_>) -> Vec<i64> {
    let bytes = file.tensor("labels").unwrap().data().as_chunks::<8>().0;
    bytes.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
}

/// What the facade makes of the readable photos among `found`: rows, labels, paths.
fn expected(found: &Labeled, size: [usize; 2], tap: Tap) -> (Vec<f32>, Vec<i64>, Vec<String>) {
    let backbone = Backbone::starter(Settings::threads(1)).unwrap();
    let mut preprocessing = Preprocessing::for_training(&backbone).unwrap();
    (preprocessing.resize.height, preprocessing.resize.width) = (size[0], size[1]);
    let mut extractor = Extractor::new(&backbone, preprocessing, tap).unwrap();
    let sources: Vec<Source<'_>> = found.photos.iter().map(|(path, _)| Source::Path(path)).collect();
    let len = extractor.row_len();
    let mut rows = vec![0.0; len * sources.len()];
    let outcomes = extractor.extract(&sources, &mut rows, &|_| ControlFlow::Continue(())).unwrap();
    let (mut features, mut labels, mut paths) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (path, class)) in found.photos.iter().enumerate() {
        if outcomes[index].is_ok() {
            features.extend_from_slice(&rows[index * len..][..len]);
            labels.push(class.map_or(-1, |class| class as i64));
            paths.push(path.to_str().unwrap().to_owned());
        }
    }
    (features, labels, paths)
}

#[test]
fn demo_learns_its_sample_set_and_leaves_a_model_that_predicts() {
    let place = Place::new();
    let output = place.icecap(&["demo", "--out", "run", "--threads", "2"]).succeeds().stdout;
    let accuracy: f32 = output
        .lines()
        .find_map(|line| {
            line.strip_prefix("after       validation accuracy ")?.split(',').next()?.parse().ok()
        })
        .unwrap_or_else(|| panic!("no accuracy in:\n{output}"));
    assert!(accuracy > 0.9, "{output}");
    assert!(output.contains("predict run/model.safetensors run/photos/"), "{output}");
    assert!(output.contains("report      run/report.html, opens in any browser"), "{output}");
    let page = place.text("run/report.html");
    for shown in
        ["id=\"curves\"", "id=\"confusion\"", "data:image/jpeg", "<span>icecap</span> <span>demo</span>"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    place.icecap(&["report", "run", "-o", "again.html"]).succeeds();
    assert_eq!(place.text("again.html"), page);

    let classifier = Classifier::open(place.path("run/model.safetensors")).unwrap();
    assert!(classifier.classes().len() >= 4);
    let found = scan_labeled(&[place.path("run/photos")]).unwrap();
    assert!(found.photos.len() >= 200, "{} photos", found.photos.len());
    let right = found
        .photos
        .iter()
        .step_by(10)
        .filter(|(path, class)| Some(classifier.predict_file(path).unwrap().class) == *class);
    assert!(right.count() * 10 >= found.photos.len() * 8 / 10);
    let sheet = image::open(place.path("run/predictions.png")).unwrap().into_rgb8();
    assert!(sheet.width() > 500 && sheet.height() > 500);

    // Again into its own folder, with the same result; never into another.
    let again = place.icecap(&["demo", "--out", "run", "--threads", "1"]).succeeds().stdout;
    let told = |text: &str| {
        text.lines().filter(|line| line.contains("accuracy")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told(&again), told(&output));
    fails(&place.icecap(&["demo", "--out", "run/photos"]), 5, "name another folder with --out");
}

#[test]
fn extracted_features_are_those_of_the_facade_in_the_order_of_the_photos() {
    let place = many_photos();
    let photos = place.path("photos");
    let arguments = ["extract", photos.to_str().unwrap(), "-o", "f.safetensors", "--size", "32"];
    let output = place.icecap(&arguments).succeeds();
    let told = &output.stdout;
    assert!(told.contains("features [300, 1280], 2 classes; 0 photos from the cache, 3 skipped"), "{told}");
    for broken in ["0x.jpg", "200x.png", "x.gif"] {
        assert!(output.stderr.lines().any(|l| l.starts_with("skipped ") && l.contains(broken)), "{broken}");
    }

    let bytes = std::fs::read(place.path("f.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let found = scan_labeled(std::slice::from_ref(&photos)).unwrap();
    let (features, classes, paths) = expected(&found, [32, 32], Tap::Pooled);
    assert_eq!(file.tensor("features").unwrap().shape(), [300, 1280]);
    assert!(floats(&file, "features") == features, "other features than the facade's");
    assert_eq!(labels(&file), classes);
    assert_eq!([-1, 0, 1].map(|class| classes.iter().filter(|c| **c == class).count()), [100; 3]);
    assert_eq!(file.tensor("paths").unwrap().data(), paths.join("\n").as_bytes());

    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    let backbone = Backbone::starter(Settings::threads(1)).unwrap();
    assert_eq!(metadata["params_sha256"], backbone.record().params_sha256.to_string());
    assert_eq!(metadata["classes"], r#"["a","b"]"#);
    assert_eq!(metadata["preprocessing"], "32x32 squash, exif apply, accurate DCT");
    assert_eq!(metadata["tap"], Tap::Pooled.to_string());

    // Out of the cache and on another number of threads: the same bytes.
    let again = place.icecap(&[&arguments[..], &["--threads", "1", "--force"]].concat()).succeeds().stdout;
    assert!(again.contains("300 photos from the cache"), "{again}");
    assert!(std::fs::read(place.path("f.safetensors")).unwrap() == bytes);
}

#[test]
fn extracted_maps_keep_their_place_in_the_photo() {
    let place = Place::new();
    for number in 0..5 {
        photo(&place.path(format!("{number}.png")), number);
    }
    let paths: Vec<PathBuf> = [3, 1, 4].map(|number| place.path(format!("{number}.png"))).into();
    let mut arguments = vec!["extract", "--maps", "--size", "64x96", "-o", "maps.safetensors"];
    arguments.extend(paths.iter().map(|path| path.to_str().unwrap()));
    place.icecap(&arguments).succeeds();
    let bytes = std::fs::read(place.path("maps.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (features, labels_expected, _) = expected(&scan_labeled(&paths).unwrap(), [64, 96], Tap::Features);
    assert_eq!(file.tensor("features").unwrap().shape(), [3, 2, 3, 1280]);
    assert!(floats(&file, "features") == features, "other maps than the facade's");
    assert_eq!(labels(&file), labels_expected);
    assert!(!place.path("cache").exists(), "maps are too large for the cache");
}

#[test]
fn extract_says_what_is_wrong_and_leaves_nothing_half_written() {
    let place = Place::new();
    let at = |name: &str| place.path(name);
    photo(&at("good/1.png"), 1);
    photo(&at("mixed/1.png"), 1);
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::create_dir(at("bad")).unwrap();
    std::fs::write(at("bad/1.png"), "no photo").unwrap();
    std::fs::write(at("mixed/2.png"), "no photo").unwrap();
    std::fs::write(at("old.safetensors"), "old").unwrap();
    let run = |arguments: &[&str]| {
        place.icecap(&[&["extract", "--size", "32", "--no-cache", "--force"], arguments].concat())
    };
    fails(&run(&["good", "-o", "none/f.parquet"]), 5, "none/f.parquet: no such folder");
    std::fs::create_dir(at("empty/f.csv")).unwrap();
    fails(&run(&["good", "-o", "empty/f.csv"]), 5, "is a folder");
    std::fs::remove_dir(at("empty/f.csv")).unwrap();
    fails(&run(&["missing", "-o", "f.npy"]), 5, "missing: no such file or folder");
    fails(&run(&["empty", "-o", "f.npy"]), 3, "no photo found");
    fails(&run(&["bad", "-o", "old.safetensors"]), 3, "none of 1 photo could be used");
    fails(&run(&["mixed", "-o", "old.safetensors", "--strict"]), 3, "mixed/2.png");
    assert_eq!(std::fs::read(at("old.safetensors")).unwrap(), b"old");
    let mut left: Vec<_> =
        std::fs::read_dir(place.path("")).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["bad", "empty", "good", "mixed", "old.safetensors"]);
    run(&["mixed", "-o", "old.safetensors"]).succeeds();
    assert!(SafeTensors::deserialize(&std::fs::read(at("old.safetensors")).unwrap()).is_ok());
}

#[test]
fn a_few_skipped_photos_are_named_and_the_others_counted() {
    let place = Place::new();
    photo(&place.path("photos/good.png"), 1);
    for number in 0..25 {
        std::fs::write(place.path(format!("photos/{number}.jpg")), "no photo").unwrap();
    }
    let run = place.icecap(&["extract", "photos", "-o", "f.jsonl", "--size", "32", "--no-cache"]).succeeds();
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("skipped ")).count(), 20);
    assert!(run.stderr.contains("and 5 more skipped photos"), "{}", run.stderr);
    assert!(run.stdout.contains("25 skipped"), "{}", run.stdout);
}

#[test]
fn classify_needs_weights_with_a_top() {
    let place = Place::new();
    photo(&place.path("1.png"), 1);
    fails(&place.icecap(&["classify", "1.png"]), 3, "the starter: these weights have no classification top");
    fails(&place.icecap(&["classify", "2.png"]), 5, "2.png: no such file or folder");
}

#[test]
fn classify_names_what_is_on_the_photos() {
    let Some(assets) = assets() else { return };
    let place = Place::new();
    let broken = place.path("broken.jpg");
    std::fs::write(&broken, "no photo").unwrap();
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let images =
        ["parrot.jpg", "cat_1080p.jpg", "grace_hopper.bmp"].map(|name| assets.join("images").join(name));
    let mut arguments = vec!["classify", "--weights", weights.to_str().unwrap(), broken.to_str().unwrap()];
    arguments.extend(images.iter().map(|image| image.to_str().unwrap()));
    let text = place.icecap(&arguments).succeeds().stdout;
    let names = ["macaw", "Egyptian cat", "military uniform"];
    assert!(names.iter().all(|name| text.contains(name)), "{text}");

    arguments.extend(["--json", "--top", "1"]);
    let output = place.icecap(&arguments).succeeds();
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let photos = report["photos"].as_array().unwrap();
    let first: Vec<&str> =
        photos.iter().map(|photo| photo["predictions"][0]["label"].as_str().unwrap()).collect();
    assert_eq!(first, names);
    assert!(photos.iter().all(|photo| photo["predictions"].as_array().unwrap().len() == 1));
    assert_eq!(report["skipped"][0]["path"], broken.to_str().unwrap());
    assert!(output.stderr.contains("skipped "), "{output:?}");

    let only_broken = ["classify", "--weights", weights.to_str().unwrap(), "broken.jpg"];
    fails(&place.icecap(&only_broken), 3, "none of 1 photo could be used");
    arguments.push("--strict");
    fails(&place.icecap(&arguments), 3, "broken.jpg");
}

#[test]
fn summary_counts_frozen_and_trainable_parameters() {
    let place = Place::new();
    let starter = place.icecap(&["summary", "--classes", "5", "--json"]).succeeds().stdout;
    let summary: Value = serde_json::from_str(&starter).unwrap();
    assert_eq!(summary["trainable_parameters"], 1280 * 5 + 5);
    let Some(assets) = assets() else { return };
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let text = place.icecap(&["summary", "--weights", weights.to_str().unwrap()]).succeeds().stdout;
    assert!(text.contains("2,257,984 frozen and 1,281 trainable parameters"), "{text}");
}

#[test]
fn bench_model_tells_times_and_an_answer_to_check() {
    let place = Place::new();
    let arguments =
        ["bench", "model", "--size", "96", "--batch", "2", "--threads", "1", "--seconds", "0.01", "--json"];
    let text = place.icecap(&arguments).succeeds().stdout;
    let report: Value = serde_json::from_str(&text).unwrap();
    let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("no {key} in {report}"));
    assert!(number("min_ms") > 0.0 && number("median_ms") >= number("min_ms"));
    assert!(report["isa"].is_string() && report["precision"] == "f32");
    let pooled = report["pooled_first"].as_array().unwrap();
    assert_eq!(pooled.len(), 16);
    assert!(pooled.iter().any(|value| value.as_f64().unwrap() > 0.0));
    for wrong in
        ["--seconds=inf", "--seconds=nan", "--seconds=-1", "--seconds=0", "--seconds=3601", "--threads=1025"]
    {
        let run = place.icecap(&["bench", "model", wrong]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(wrong.split('=').next().unwrap()), "{run:?}");
    }
}
