//! Class activation maps: their sum is the logit, and `predict --heatmap` draws them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use icecap::advanced::data::scan_photos;
use icecap::explain::{Heatmap, Heatmaps, MapKind, Overlay};
use icecap::{Classifier, Settings, Source};
use serde_json::Value;

use crate::place::{EACH, Place, assets};

const GO_ON: fn(icecap::model::Progress) -> ControlFlow<()> = |_| ControlFlow::Continue(());

fn maps(classifier: &Classifier, photos: &[PathBuf]) -> Vec<Heatmap> {
    let sources: Vec<Source<'_>> = photos.iter().map(|path| Source::Path(path)).collect();
    let maps = Heatmaps::new(classifier).unwrap().of(&sources, &GO_ON).unwrap();
    maps.into_iter().map(Result::unwrap).collect()
}

/// The cells of each logit's map and its bias are the predictor's logit; gives how many logits were looked at.
fn sums_are_logits(model: &Path, photos: &Path) -> usize {
    let classifier = Classifier::builder().settings(Settings::threads(2)).open(model).unwrap();
    let (photos, _) = scan_photos(photos).unwrap();
    let sources: Vec<Source<'_>> = photos.iter().map(|path| Source::Path(path)).collect();
    let predictions = classifier.predictor().unwrap().predict(&sources, &GO_ON).unwrap();
    let bias = classifier.head().bias().data();
    let mut logits = 0;
    for ((photo, map), prediction) in photos.iter().zip(maps(&classifier, &photos)).zip(predictions) {
        let prediction = prediction.unwrap();
        assert_eq!(map.logits().len(), prediction.logits.len());
        for (logit, &expected) in prediction.logits.iter().enumerate() {
            let sum: f64 = map.of_logit(logit).iter().map(|&cell| f64::from(cell)).sum();
            let off = sum + f64::from(bias[logit]) - f64::from(expected);
            assert!(off.abs() < 1e-4, "{}: logit {logit} {expected} is off by {off}", photo.display());
            assert!((map.logits()[logit] - expected).abs() < 1e-4);
            logits += 1;
        }
        assert_eq!(classifier.decide(&map.logits()), prediction.class, "{}", photo.display());
        // The map of the predicted class speaks for it.
        let of_class = map.of_class(prediction.class);
        let sign = if prediction.logits.len() == 1 && prediction.class == 0 { -1.0 } else { 1.0 };
        let logit = if prediction.logits.len() == 1 { 0 } else { prediction.class };
        assert!(of_class.iter().zip(map.of_logit(logit)).all(|(cell, own)| *cell == sign * own));
        assert!(map.of_logit(logit).iter().all(|cell| cell.abs() <= map.scale()));
    }
    logits
}

#[test]
fn the_maps_of_a_trained_starter_sum_to_its_logits() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "two"]).succeeds();
    assert_eq!(
        sums_are_logits(&place.path("two/model.safetensors"), &place.path("photos")),
        2 * EACH as usize
    );

    // Three classes have a logit each; another size, seen through a crop.
    place.draw("photos/odd", "red", 7);
    let crop = ["train", "photos", "--out", "three", "--size", "96x128", "--resize", "center-crop"];
    place.icecap(&crop).succeeds();
    let logits = sums_are_logits(&place.path("three/model.safetensors"), &place.path("photos"));
    assert_eq!(logits, 3 * (2 * EACH as usize + 7));
}

#[test]
fn the_maps_of_a_hidden_layer_sum_to_its_logits_and_say_what_they_are() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--hidden", "16", "--out", "deep"]).succeeds();
    let classifier = Classifier::open(place.path("deep/model.safetensors")).unwrap();
    let (photos, _) = scan_photos(&place.path("photos")).unwrap();
    let sources: Vec<Source<'_>> = photos.iter().map(|path| Source::Path(path)).collect();
    let predictions = classifier.predictor().unwrap().predict(&sources, &GO_ON).unwrap();
    for (map, prediction) in maps(&classifier, &photos).iter().zip(predictions) {
        let prediction = prediction.unwrap();
        assert_eq!(map.kind(), MapKind::GradientWeighted);
        assert!(
            (map.logits()[0] - prediction.logits[0]).abs() < 1e-4,
            "{:?} {:?}",
            map.logits(),
            prediction.logits
        );
        assert_eq!(classifier.decide(&map.logits()), prediction.class);
        assert!(map.of_logit(0).iter().any(|cell| cell.abs() > 1e-3));
    }
    let run = place.icecap(&["predict", "deep/model.safetensors", "photos", "--heatmap", "maps"]).succeeds();
    assert!(run.stderr.contains("heatmaps are gradient-weighted"), "{}", run.stderr);
}

#[test]
fn the_maps_of_imagenet_weights_sum_to_their_logits() {
    let Some(assets) = assets() else { return };
    let place = Place::new();
    for class in ["ants", "bees"] {
        let (photos, _) = scan_photos(&assets.join("datasets/hymenoptera/val").join(class)).unwrap();
        fs::create_dir_all(place.path("some").join(class)).unwrap();
        for photo in &photos[..12] {
            fs::copy(photo, place.path("some").join(class).join(photo.file_name().unwrap())).unwrap();
        }
    }
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let train = ["train", "some", "--out", "run", "--weights", weights.to_str().unwrap()];
    place.icecap(&train).succeeds();
    assert_eq!(sums_are_logits(&place.path("run/model.safetensors"), &place.path("some")), 24);
}

#[test]
fn maps_have_the_same_bits_for_any_batch_and_number_of_threads() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    let (photos, _) = scan_photos(&place.path("photos")).unwrap();
    let open = |threads| {
        Classifier::builder()
            .settings(Settings::threads(threads))
            .open(place.path("run/model.safetensors"))
            .unwrap()
    };
    let together = maps(&open(3), &photos);
    let alone = open(1);
    let mut heatmaps = Heatmaps::new(&alone).unwrap();
    for (photo, expected) in photos.iter().zip(&together) {
        let bytes = fs::read(photo).unwrap();
        let one = heatmaps.of(&[Source::Bytes(&bytes)], &GO_ON).unwrap().remove(0).unwrap();
        assert_eq!(one, *expected, "{}", photo.display());
        // The short way to an overlay is the long one.
        let overlay = heatmaps.overlay(Source::Path(photo), None, 24).unwrap();
        let class = alone.decide(&one.logits());
        assert_eq!(overlay, Overlay::of(&alone, Source::Path(photo), &one, class, 24).unwrap());
        assert_eq!(overlay.width.max(overlay.height), 24);
        assert_eq!(overlay.rgb.len(), overlay.width * overlay.height * 3);
    }
    let refused = heatmaps.overlay(Source::Path(&photos[0]), Some(2), 24).unwrap_err();
    assert!(refused.to_string().contains("no class 2"), "{refused}");
}

/// The JPEG with an EXIF block that says: the top of the picture is the right side of what is stored.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let mut block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let length = (block.len() as u16 + 2).to_be_bytes();
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1, length[0], length[1]]);
    bytes.append(&mut block);
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn a_photo_is_drawn_as_the_classifier_sees_it_upright_or_as_stored() {
    let place = Place::two_classes();
    // 41 x 32 pixels as stored.
    let stored = fs::read(place.path("photos/red/1.jpg")).unwrap();
    let photo = turned(&stored);
    let size = |run: &str, photo: &[u8]| {
        let classifier = Classifier::open(place.path(run).join("model.safetensors")).unwrap();
        let mut heatmaps = Heatmaps::new(&classifier).unwrap();
        let overlay = heatmaps.overlay(Source::Bytes(photo), None, 1024).unwrap();
        (overlay.width, overlay.height)
    };
    place.icecap(&["train", "photos", "--out", "upright", "--epochs", "1"]).succeeds();
    place.icecap(&["train", "photos", "--out", "stored", "--epochs", "1", "--exif", "ignore"]).succeeds();
    assert_eq!(size("upright", &stored), (41, 32));
    assert_eq!(size("upright", &photo), (32, 41));
    assert_eq!(size("stored", &photo), (41, 32));
}

/// How much warmer than cold a drawn map is, summed over its pixels.
fn warmth(file: &Path) -> i64 {
    let image = image::open(file).unwrap().to_rgb8();
    image.pixels().map(|pixel| i64::from(pixel[0]) - i64::from(pixel[2])).sum()
}

/// The file of a heatmap stands in rows of CSV and in what is told to a person.
fn named_in_every_format(place: &Place) {
    let csv = place.icecap(&[
        "predict",
        "run/model.safetensors",
        "photos/red/1.jpg",
        "--format",
        "csv",
        "--heatmap",
        "m",
    ]);
    let csv = csv.succeeds().stdout;
    assert!(csv.starts_with("path,label,probability,novelty,true_label,heatmap,error\n"), "{csv}");
    assert!(csv.ends_with(",red,m/1.png,\n"), "{csv}");
    assert!(
        place
            .icecap(&["predict", "run/model.safetensors", "photos/red/1.jpg", "--heatmap", "m", "--force"])
            .succeeds()
            .stdout
            .contains("m/1.png")
    );
}

#[test]
fn predict_writes_a_heatmap_beside_each_row() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    fs::write(place.path("photos/blue/broken.jpg"), "no photo").unwrap();
    image::RgbImage::from_pixel(3000, 40, image::Rgb([9, 9, 200]))
        .save(place.path("photos/wide.png"))
        .unwrap();
    let predict = |options: &[&str]| {
        let arguments =
            [&["predict", "run/model.safetensors", "photos", "--format", "jsonl"], options].concat();
        let run = place.icecap(&arguments).succeeds();
        run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let plain = predict(&[]);
    let rows = predict(&["--heatmap", "maps/deep"]);
    assert_eq!(rows.len(), 2 * EACH as usize + 2);
    let mut files = Vec::new();
    for (row, before) in rows.iter().zip(&plain) {
        let mut rest = row.clone();
        let heatmap = rest.as_object_mut().unwrap().remove("heatmap").unwrap();
        assert_eq!(rest, *before, "a heatmap changes nothing else");
        assert_eq!(heatmap.is_null(), !row["error"].is_null(), "{row}");
        files.extend(heatmap.as_str().map(str::to_owned));
    }
    let mut sorted: Vec<String> = files.iter().map(|file| file["maps/deep/".len()..].to_owned()).collect();
    sorted.sort();
    assert_eq!(sorted, place.names("maps/deep"));
    // 0.png of both classes, in the order of the rows.
    assert_eq!((files[0].as_str(), files[EACH as usize].as_str()), ("maps/deep/0.png", "maps/deep/0-2.png"));
    let size = |file: &str| image::image_dimensions(place.path(file)).unwrap();
    assert_eq!((size("maps/deep/0.png"), size("maps/deep/wide.png")), ((40, 30), (1024, 14)));

    // Of two classes, what speaks for one speaks against the other.
    let of = |class: &str| {
        let folder = format!("maps/{class}");
        predict(&["--heatmap", &folder, "--heatmap-class", class]);
        sorted.iter().map(|name| warmth(&place.path(&folder).join(name))).collect::<Vec<i64>>()
    };
    let (red, blue) = (of("red"), of("blue"));
    let opposed = red.iter().zip(&blue).filter(|(red, blue)| red.signum() == -blue.signum()).count();
    assert!(opposed * 4 >= red.len() * 3, "{red:?} {blue:?}");
    assert!(red.iter().any(|warmth| *warmth > 0) && red.iter().any(|warmth| *warmth < 0));

    named_in_every_format(&place);
}

#[test]
fn what_cannot_be_drawn_is_said_at_once() {
    let place = Place::with_bad_input();
    let model = "run/model.safetensors";
    place.each_fails(&[
        (
            &["predict", model, "photos", "--heatmap", "maps", "--heatmap-class", "green"],
            2,
            "no class 'green' in the model; --heatmap-class takes blue, red",
        ),
        (&["predict", model, "photos", "--heatmap", "garbage"], 5, "garbage"),
        (&["predict", model, "unreadable", "--heatmap", "maps"], 3, "2 of 2 photos"),
    ]);
    let run = place.icecap(&["predict", model, "photos", "--heatmap-class", "red"]);
    assert!(run.code == Some(2) && run.stderr.contains("--heatmap"), "{run:?}");
}
