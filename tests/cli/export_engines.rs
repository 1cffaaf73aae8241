//! What LiteRT makes of exported TFLite files, and every engine of nets in int8.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use icecap::Classifier;
use icecap::advanced::data::scan_photos;
use icecap::advanced::graph::{Input, Net, Numerics, Padding, Plan, Scaling, Tap};
use icecap::advanced::kernels::Threads;
use icecap::advanced::weights::OnnxPixels;
use serde_json::{Value, json};

use crate::engines::{check, labels_on_starter, load, on_starter, python, scores, write_case};
use crate::place::{Place, assets};

/// Class scores of another engine in f32 may differ by this much from ours.
const TOLERANCE: f64 = 1e-4;
/// The share of photos of which another engine in int8 names the class that we name.
const AGREEMENT: f64 = 0.97;

#[test]
fn files_in_int8_and_for_tflite_are_written_and_told_of() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--size", "64x96", "--epochs", "1"]).succeeds();
    let model = "run/model.safetensors";
    let files = ["--force", "--onnx", "a.onnx", "--onnx-u8", "b.onnx", "--tflite", "c.tflite"];
    let report = |extra: &[&str]| -> Value {
        let arguments = [&["export", model, "--json"], &files[..], extra].concat();
        serde_json::from_str(&place.icecap(&arguments).succeeds().stdout).unwrap()
    };
    let classifier = Classifier::open(place.path(model)).unwrap();
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    let contents = |report: &Value| -> Vec<String> {
        let files = report["files"].as_array().unwrap();
        files.iter().map(|file| file["content"].as_str().unwrap().to_owned()).collect()
    };
    let float = report(&[]);
    assert_eq!(contents(&float), ["onnx", "onnx-u8", "tflite", "labels"]);
    assert_eq!(read("c.tflite"), classifier.to_tflite().unwrap());
    let pixels = |element, sides: [usize; 3]| json!({ "name": "pixels", "type": element, "shape": [1, sides[0], sides[1], sides[2]] });
    assert_eq!(float["files"][2]["input"], pixels("float32", [64, 96, 3]));
    assert_eq!(float["files"][2]["outputs"][0]["shape"], json!([1, 2]));

    let int8 = report(&["--int8"]);
    assert_eq!(contents(&int8), ["onnx-int8", "onnx-u8-int8", "tflite-int8", "labels"]);
    assert_eq!(int8["files"][2]["input"], pixels("uint8", [64, 96, 3]));
    assert_eq!(read("a.onnx"), classifier.to_onnx_int8(OnnxPixels::Scaled).unwrap());
    assert_eq!(read("b.onnx"), classifier.to_onnx_int8(OnnxPixels::Bytes).unwrap());
    assert_eq!(read("c.tflite"), classifier.to_tflite_int8().unwrap());
    for (small, large) in
        int8["files"].as_array().unwrap().iter().zip(float["files"].as_array().unwrap()).take(3)
    {
        assert!(2 * small["bytes"].as_u64().unwrap() < large["bytes"].as_u64().unwrap(), "{small} {large}");
    }
    let told = place.icecap(&[&["export", model, "--int8"], &files[..]].concat()).succeeds().stdout;
    for words in
        ["backbone in int8 and head for LiteRT", "pixels uint8 [1, 64, 96, 3], RGB of 0 to 255 as they are"]
    {
        assert!(told.contains(words), "{words} in {told}");
    }
    // The class names are inside: no file comes beside it.
    fs::remove_file(place.path("labels.txt")).unwrap();
    place.icecap(&["export", model, "--force", "--tflite", "c.tflite"]).succeeds();
    assert!(!place.path("labels.txt").exists());
    place.each_fails(&[
        (&["export", model, "--tflite", model], 2, model),
        (&["export", model, "--tflite", "run"], 5, "run: is a folder"),
    ]);
    // A head has no net that could be in int8.
    assert_eq!(place.icecap(&["export", model, "--int8", "--safetensors-keras", "k"]).code, Some(2));
    assert!(!place.path("k").exists());
}

/// A classifier, pixels of 0 to 255 and our answers in f32, as a case for LiteRT.
fn float_case(place: &Place, classifier: &Classifier, pixels: &[f32]) -> [String; 2] {
    let [height, width] = classifier.preprocessing().size();
    let images = pixels.len() / (height * width * 3);
    let mut pooled = vec![0.0; images * classifier.backbone().features()];
    classifier
        .backbone()
        .session([height, width], Tap::Pooled)
        .unwrap()
        .run(Input::F32(pixels), &mut pooled)
        .unwrap();
    let (probabilities, logits) = scores(classifier, &pooled);
    let (file, case) = (place.path("net.tflite"), place.path("case.safetensors"));
    fs::write(&file, classifier.to_tflite().unwrap()).unwrap();
    let scaling = classifier.backbone().record().numerics.scaling;
    let scaled: Vec<f32> = pixels
        .iter()
        .enumerate()
        .map(|(at, value)| value * scaling.scale[at % 3] + scaling.shift[at % 3])
        .collect();
    let floats = [
        ("pixels", &[images, height, width, 3][..], &scaled[..]),
        ("probabilities", &[images, classifier.classes().len()], &probabilities),
        ("logits", &[images, classifier.head().logits()], &logits),
    ];
    write_case(&case, &floats, None);
    [file, case].map(|path| path.to_str().unwrap().to_owned())
}

fn numerics_of_torch() -> Numerics {
    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    Numerics { epsilon: 1e-5, padding: Padding::Symmetric, scaling }
}

#[test]
fn litert_agrees_on_any_padding_size_and_number_of_classes() {
    let Some(_) = python() else { return };
    let place = Place::two_classes();
    let cases = [
        (Numerics::KERAS, [96, 96], 5),
        (Numerics::KERAS, [97, 131], 2),
        (numerics_of_torch(), [96, 96], 1000),
        (numerics_of_torch(), [131, 97], 3),
    ]
    .map(|(numerics, size, classes)| on_starter(&place, numerics, size, classes));
    for (classifier, pixels) in cases.into_iter().chain([labels_on_starter(&place)]) {
        let (size, classes) = (classifier.preprocessing().size(), classifier.classes().len());
        let [file, case] = float_case(&place, &classifier, &pixels);
        let Some(result) = check("tflite_check.py", &["graph", &file, &case]) else { return };
        for way in ["delegate", "plain", "batch"] {
            println!("{size:?}, {classes} classes, {way}: {}", result[way]);
            // Logits have no range of their own.
            let largest = result["largest_logit"].as_f64().unwrap().max(1.0);
            for (output, most) in [("probabilities", TOLERANCE), ("logits", TOLERANCE * largest)] {
                let apart = result[way][output].as_f64().unwrap();
                assert!(apart <= most, "{size:?} {classes}: {way} {output} {apart}");
            }
        }
        assert_eq!(result["input"], json!(["float32", [1, size[0], size[1], 3]]));
        let labels: Vec<&str> =
            result["labels"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        assert_eq!(labels, classifier.classes());
    }
    // The comparison tells a wrong answer from a right one: another net of the same shape.
    let (classifier, pixels) = on_starter(&place, Numerics::KERAS, [96, 96], 5);
    let [file, case] = float_case(&place, &classifier, &pixels);
    let (other, _) = on_starter(&place, numerics_of_torch(), [96, 96], 5);
    fs::write(&file, other.to_tflite().unwrap()).unwrap();
    let Some(result) = check("tflite_check.py", &["graph", &file, &case]) else { return };
    assert!(result["plain"]["probabilities"].as_f64().unwrap() > 10.0 * TOLERANCE, "{result}");
}

/// Our logits of `pixels` in int8, from the weights alone.
fn int8_logits(classifier: &Classifier, pixels: &[u8]) -> Vec<f32> {
    let (backbone, size) = (classifier.backbone(), classifier.preprocessing().size());
    let net = Arc::new(Net::int8(&backbone.params().unwrap()).unwrap());
    let plan = Plan::new(&net, backbone.isa(), size, Tap::Image..Tap::Pooled, 1).unwrap();
    let (mut arena, threads) = (plan.arena(), Threads::serial());
    let mut pooled = vec![0.0; backbone.features()];
    let images = pixels.chunks_exact(size[0] * size[1] * 3);
    images
        .flat_map(|image| {
            plan.run(&threads, Input::U8(image), std::slice::from_mut(&mut arena), &mut pooled).unwrap();
            classifier.of_features(&pooled).logits
        })
        .collect()
}

/// Asks every engine that is there for the classes of `pixels`, and holds them against ours in int8.
fn int8_agrees(place: &Place, classifier: &Classifier, pixels: &[u8]) {
    let [height, width] = classifier.preprocessing().size();
    let images = pixels.len() / (height * width * 3);
    let logits = int8_logits(classifier, pixels);
    let case = place.path("case.safetensors");
    let shape = [images, height, width, 3];
    write_case(&case, &[("logits", &[images, classifier.head().logits()], &logits)], Some((&shape, pixels)));
    for (name, bytes) in [
        ("scaled.onnx", classifier.to_onnx_int8(OnnxPixels::Scaled).unwrap()),
        ("bytes.onnx", classifier.to_onnx_int8(OnnxPixels::Bytes).unwrap()),
        ("bytes.tflite", classifier.to_tflite_int8().unwrap()),
    ] {
        fs::write(place.path(name), bytes).unwrap();
        let file = place.path(name);
        let arguments = ["agree", file.to_str().unwrap(), case.to_str().unwrap()];
        let Some(result) = check("tflite_check.py", &arguments) else { continue };
        println!("{name}: {result}");
        for (engine, result) in result.as_object().unwrap() {
            assert_eq!(result["images"], images);
            let same = result["same"].as_f64().unwrap();
            assert!(same >= AGREEMENT, "{engine} of {name}: {same}");
        }
    }
}

#[test]
fn engines_name_the_classes_that_we_name_in_int8() {
    let (Some(assets), Some(_)) = (assets(), python()) else { return };
    let place = Place::new();
    let photos = assets.join("datasets/hymenoptera");
    let mut chosen = Vec::new();
    for folder in ["train/ants", "train/bees", "val/ants", "val/bees"] {
        chosen.extend(scan_photos(&photos.join(folder)).unwrap().0);
    }
    assert!(chosen.len() >= 390);
    let photos = photos.to_str().unwrap();
    let imagenet = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    for (weights, size) in [(Some(imagenet), "160"), (None, "96")] {
        let weights: Vec<&str> =
            weights.iter().flat_map(|path| ["--weights", path.to_str().unwrap()]).collect();
        place.icecap(&[&["train", photos, "--size", size, "--out", size], &weights[..]].concat()).succeeds();
        let classifier = Classifier::open(place.path(Path::new(size).join("model.safetensors"))).unwrap();
        let pixels: Vec<u8> =
            load(&classifier, &chosen).iter().map(|value| value.round_ties_even() as u8).collect();
        int8_agrees(&place, &classifier, &pixels);
    }
}

/// Zeros around the image, and pixels whose zero is another one for each color, go through other operators.
#[test]
fn engines_name_the_classes_that_we_name_in_int8_on_weights_of_torch() {
    let Some(_) = python() else { return };
    let place = Place::two_classes();
    for size in [[96, 96], [97, 131]] {
        let (classifier, pixels) = on_starter(&place, numerics_of_torch(), size, 2);
        let pixels: Vec<u8> = pixels.iter().map(|value| value.round_ties_even() as u8).collect();
        int8_agrees(&place, &classifier, &pixels);
    }
}
