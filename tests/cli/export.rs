//! `export` as a person runs it, and what other programs make of its files.

use std::fs;
use std::path::Path;

use icecap::advanced::data::scan_photos;
use icecap::advanced::graph::{Input, Numerics, Padding, Scaling, Tap};
use icecap::advanced::kernels::rng::{Purpose, Stream};
use icecap::advanced::weights::{HeadLayout, OnnxPixels};
use icecap::{Classifier, Settings};
use serde_json::{Value, json};

use crate::engines::{check, labels_on_starter, load, on_starter, python, scores, write_case};
use crate::place::{Place, assets};

/// Class scores of another engine may differ by this much from ours.
const TOLERANCE: f64 = 1e-4;
/// Logits of a head in another framework, on the same features.
const HEAD_TOLERANCE: f64 = 1e-5;

#[test]
fn a_model_becomes_the_files_that_were_asked_for() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--size", "64x96", "--epochs", "1"]).succeeds();
    let model = "run/model.safetensors";
    let all = [
        "--onnx",
        "a.onnx",
        "--onnx-u8",
        "b.onnx",
        "--safetensors-keras",
        "k",
        "--safetensors-torchvision",
        "t",
        "--backbone",
        "n",
    ];
    let run = place.icecap(&[&["export", model], &all[..]].concat()).succeeds();
    for word in
        ["a.onnx", "b.onnx", "labels.txt", "pixels float32 [N, 3, 64, 96]", "pixels uint8 [N, 64, 96, 3]"]
    {
        assert!(run.stdout.contains(word), "{word} in {}", run.stdout);
    }
    assert!(run.stderr.contains("torchvision makes other features"), "{}", run.stderr);
    assert_eq!(place.text("labels.txt"), "blue\nred\n");

    // The library gives the same bytes, and a second run does.
    let classifier = Classifier::open(place.path(model)).unwrap();
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert_eq!(read("a.onnx"), classifier.to_onnx(OnnxPixels::Scaled).unwrap());
    assert_eq!(read("b.onnx"), classifier.to_onnx(OnnxPixels::Bytes).unwrap());
    assert_eq!(read("n"), classifier.backbone_to_bytes().unwrap());
    assert_eq!(read("k"), classifier.head_to_bytes(HeadLayout::Keras).unwrap());
    assert_eq!(read("t"), classifier.head_to_bytes(HeadLayout::Torchvision).unwrap());
    let before = all.map(|name| fs::read(place.path(name)).ok());
    let run = place.icecap(&[&["export", model, "--json", "--force"], &all[..]].concat()).succeeds();
    assert_eq!(all.map(|name| fs::read(place.path(name)).ok()), before);

    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["classes"], json!(["blue", "red"]));
    let files = report["files"].as_array().unwrap();
    let contents: Vec<&str> = files.iter().map(|file| file["content"].as_str().unwrap()).collect();
    assert_eq!(
        contents,
        ["onnx", "onnx-u8", "backbone", "safetensors-keras", "safetensors-torchvision", "labels"]
    );
    for file in files {
        assert_eq!(file["bytes"], read(file["path"].as_str().unwrap()).len());
    }
    let outputs = json!([
        { "name": "probabilities", "type": "float32", "shape": ["N", 2] },
        { "name": "logits", "type": "float32", "shape": ["N", 1] },
    ]);
    assert_eq!(files[1]["input"], json!({ "name": "pixels", "type": "uint8", "shape": ["N", 64, 96, 3] }));
    assert_eq!(files[1]["outputs"], outputs);
}

#[test]
fn a_head_alone_is_exported_with_the_backbone_that_it_was_trained_on() {
    let place = Place::two_classes();
    for (out, kind) in [("whole", &[][..]), ("head", &["--head-only"][..])] {
        place.icecap(&[&["train", "photos", "--epochs", "1", "--out", out], kind].concat()).succeeds();
        let model = format!("{out}/model.safetensors");
        place.icecap(&["export", &model, "--onnx", &format!("{out}.onnx")]).succeeds();
    }
    assert_eq!(fs::read(place.path("whole.onnx")).unwrap(), fs::read(place.path("head.onnx")).unwrap());
}

#[test]
fn a_backbone_alone_is_weights_of_the_same_net() {
    let place = Place::two_classes();
    let train = |out: &str, weights: &[&str]| {
        let words = ["train", "photos", "--epochs", "2", "--size", "96", "--out", out];
        place.icecap(&[&words[..], weights].concat()).succeeds();
        Classifier::open(place.path(format!("{out}/model.safetensors"))).unwrap()
    };
    let whole = train("whole", &[]);
    place.icecap(&["export", "whole/model.safetensors", "--backbone", "net.safetensors"]).succeeds();
    let again = train("again", &["--weights", "net.safetensors"]);
    assert_eq!(again.backbone().record().params_sha256, whole.backbone().record().params_sha256);
    let kernel = |classifier: &Classifier| classifier.head().kernel().data().to_vec();
    assert_eq!(kernel(&again), kernel(&whole), "the same features, so the same head");
}

#[test]
fn no_file_is_replaced_unless_somebody_says_so() {
    let place = Place::with_bad_input();
    let model = "run/model.safetensors";
    let bytes = fs::read(place.path(model)).unwrap();
    fs::write(place.path("labels.txt"), "something of mine\n").unwrap();
    place.each_fails(&[
        (&["export", model, "--onnx", "x.onnx"], 5, "labels.txt: holds something else"),
        (&["export", model, "--safetensors-keras", model], 2, model),
        (&["export", model, "--onnx", "run/../run/model.safetensors"], 2, "model"),
        (&["export", model, "--onnx", "x", "--onnx-u8", "./x"], 2, "./x"),
        (&["export", model, "--onnx", "labels.txt"], 2, "labels.txt"),
        (&["export", model, "--onnx", "run"], 5, "run: is a folder"),
        (&["export", model, "--onnx", "missing/x.onnx"], 5, "missing/x.onnx: no such folder"),
        (&["export", "garbage", "--onnx", "x.onnx"], 3, "garbage"),
        (&["export", "missing", "--onnx", "x.onnx"], 5, "missing"),
    ]);
    assert_eq!(place.icecap(&["export", model]).code, Some(2));
    assert!(!place.path("x.onnx").exists() && !place.path("x").exists());
    assert_eq!(fs::read(place.path(model)).unwrap(), bytes);
    assert_eq!(place.text("labels.txt"), "something of mine\n");
    let named = ["export", model, "--onnx", "x.onnx", "--labels", "labels.txt"];
    assert!(place.icecap(&named).fails(5).contains("labels.txt: is there already"));
    assert!(!place.path("x.onnx").exists());
    place.icecap(&["export", model, "--onnx", "x.onnx", "--force"]).succeeds();
    assert_eq!(place.text("labels.txt"), "blue\nred\n");
}

/// ONNX Runtime's scores of `pixels` [N, H, W, 3] in 0 to 255 beside ours, of both variants.
fn compare(name: &str, folder: &Path, classifier: &Classifier, pixels: &[f32]) {
    let [height, width] = classifier.preprocessing().size();
    let images = pixels.len() / (height * width * 3);
    let mut session = classifier.backbone().session([height, width], Tap::Pooled).unwrap();
    let bytes: Vec<u8> = pixels.iter().map(|value| value.round() as u8).collect();
    let shape = [images, height, width, 3];
    let classes = classifier.classes().len();
    for (kind, input) in [(OnnxPixels::Scaled, Input::F32(pixels)), (OnnxPixels::Bytes, Input::U8(&bytes))] {
        let mut pooled = vec![0.0; images * classifier.backbone().features()];
        session.run(input, &mut pooled).unwrap();
        let (probabilities, logits) = scores(classifier, &pooled);
        let (p_shape, l_shape) = ([images, classes], [images, classifier.head().logits()]);
        let mut floats =
            vec![("probabilities", &p_shape[..], &*probabilities), ("logits", &l_shape, &*logits)];
        let (onnx, case) = (folder.join(format!("{name}.onnx")), folder.join(format!("{name}.safetensors")));
        fs::write(&onnx, classifier.to_onnx(kind).unwrap()).unwrap();
        match kind {
            OnnxPixels::Scaled => {
                floats.push(("pixels", &shape, pixels));
                write_case(&case, &floats, None);
            }
            OnnxPixels::Bytes => write_case(&case, &floats, Some((&shape, &bytes))),
        }
        let arguments = ["graph", onnx.to_str().unwrap(), case.to_str().unwrap()];
        let Some(result) = check("onnx_check.py", &arguments) else { return };
        let apart = |output: &str| result[output].as_f64().unwrap();
        let (element, [a, b, c]) = (kind.element(), kind.shape([height, width]));
        println!(
            "{name}, {element}: probabilities {:.2e}, logits {:.2e}",
            apart("probabilities"),
            apart("logits")
        );
        assert!(apart("probabilities") <= TOLERANCE, "{name}: {result}");
        assert_eq!(result["images"], images);
        assert_eq!(result["classes"], json!(classifier.classes()));
        let element = if kind == OnnxPixels::Scaled { "tensor(float)" } else { "tensor(uint8)" };
        assert_eq!(result["input"], json!([element, ["N", a, b, c]]));
    }
}

#[test]
fn onnx_runtime_agrees_on_twenty_photos() {
    let (Some(assets), Some(_)) = (assets(), python()) else { return };
    let place = Place::new();
    let photos = assets.join("datasets/hymenoptera");
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let (photos, weights) = (photos.to_str().unwrap(), weights.to_str().unwrap());
    place.icecap(&["train", photos, "--weights", weights, "--size", "160", "--out", "run"]).succeeds();
    let classifier = Classifier::open(place.path("run/model.safetensors")).unwrap();
    assert_eq!(classifier.classes(), ["ants", "bees"]);
    let mut chosen = Vec::new();
    for class in ["ants", "bees"] {
        chosen
            .extend(scan_photos(&Path::new(photos).join("val").join(class)).unwrap().0.into_iter().take(10));
    }
    assert_eq!(chosen.len(), 20);
    let pixels = load(&classifier, &chosen);
    // What is compared is what `predict` says of these photos.
    let mut pooled = vec![0.0; 1280];
    let one = &pixels[..160 * 160 * 3];
    classifier
        .backbone()
        .session([160, 160], Tap::Pooled)
        .unwrap()
        .run(Input::F32(one), &mut pooled)
        .unwrap();
    let predicted = classifier.predict_file(&chosen[0]).unwrap();
    assert_eq!(scores(&classifier, &pooled), (predicted.probabilities, predicted.logits));
    compare("hymenoptera", &place.path("."), &classifier, &pixels);
}

#[test]
fn weights_with_a_top_are_a_classifier_and_leave_as_one() {
    let Some(assets) = assets() else { return };
    let weights =
        icecap::advanced::weights::read(assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors"))
            .unwrap();
    let names: Vec<String> = (0..1000).map(|class| format!("class {class}")).collect();
    let classifier = Classifier::from_weights(weights, names, Settings::default()).unwrap();
    assert_eq!(classifier.preprocessing().size(), [224, 224]);
    assert_eq!(classifier.backbone().classes(), None);

    // What Keras says of four photos.
    let golden = fs::read(assets.join("golden/keras_imagenet_224x224.safetensors")).unwrap();
    let golden = safetensors::SafeTensors::deserialize(&golden).unwrap();
    let tensor = |name: &str| golden.tensor(name).unwrap().data().to_vec();
    let (images, expected) = (tensor("images_top"), tensor("probabilities_top"));
    let expected = expected.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let mut pooled = vec![0.0; 4 * 1280];
    let mut session = classifier.backbone().session([224, 224], Tap::Pooled).unwrap();
    session.run(Input::U8(&images), &mut pooled).unwrap();
    let (probabilities, _) = scores(&classifier, &pooled);
    assert_eq!(probabilities.len(), expected.len());
    let apart = probabilities.iter().zip(expected).map(|(got, expected)| (got - expected).abs());
    assert!(apart.fold(0.0, f32::max) < 1e-3);
    let pixels: Vec<f32> = images.iter().map(|&value| f32::from(value)).collect();
    let place = Place::new();
    compare("imagenet", &place.path("."), &classifier, &pixels);
}

#[test]
fn onnx_runtime_agrees_on_any_padding_size_and_number_of_classes() {
    let Some(_) = python() else { return };
    let place = Place::two_classes();
    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let symmetric = Numerics { epsilon: 1e-5, padding: Padding::Symmetric, scaling };
    for (name, numerics, size, classes) in [
        ("starter", Numerics::KERAS, [96, 96], 5),
        ("starter_odd", Numerics::KERAS, [97, 131], 3),
        ("symmetric", symmetric, [96, 96], 5),
        ("symmetric_odd", symmetric, [131, 97], 2),
    ] {
        let (classifier, pixels) = on_starter(&place, numerics, size, classes);
        assert_eq!(classifier.backbone().record().numerics.padding, numerics.padding);
        compare(name, &place.path("."), &classifier, &pixels);
    }
    let (classifier, pixels) = labels_on_starter(&place);
    assert!(classifier.head().is_multi_label() && classifier.head().layers().len() == 2);
    compare("labels", &place.path("."), &classifier, &pixels);
    // The comparison tells a wrong answer from a right one: other pixels than those of the case.
    let (classifier, mut pixels) = on_starter(&place, Numerics::KERAS, [96, 96], 5);
    let (onnx, case) = (place.path("starter.onnx"), place.path("starter.safetensors"));
    fs::write(&onnx, classifier.to_onnx(OnnxPixels::Scaled).unwrap()).unwrap();
    let images = pixels.len() / (96 * 96 * 3);
    let mut pooled = vec![0.0; images * 1280];
    classifier
        .backbone()
        .session([96, 96], Tap::Pooled)
        .unwrap()
        .run(Input::F32(&pixels), &mut pooled)
        .unwrap();
    let (probabilities, logits) = scores(&classifier, &pooled);
    pixels.reverse();
    let shape = [images, 96, 96, 3];
    let floats = [
        ("pixels", &shape[..], &pixels[..]),
        ("probabilities", &[images, 5], &probabilities),
        ("logits", &[images, 5], &logits),
    ];
    write_case(&case, &floats, None);
    let Some(result) = check("onnx_check.py", &["graph", onnx.to_str().unwrap(), case.to_str().unwrap()])
    else {
        return;
    };
    assert!(result["probabilities"].as_f64().unwrap() > 10.0 * TOLERANCE, "{result}");
}

#[test]
fn keras_and_torchvision_take_the_head() {
    let Some(_) = python() else { return };
    let place = Place::two_classes();
    for classes in [2, 5] {
        let (classifier, _) = on_starter(&place, Numerics::KERAS, [32, 32], classes);
        let mut stream = Stream::new(9, Purpose::Test, 0, 0);
        let features: Vec<f32> = (0..20 * 1280).map(|_| stream.range(-3.0, 3.0).max(0.0)).collect();
        let (probabilities, logits) = scores(&classifier, &features);
        let case = place.path("case.safetensors");
        let floats = [
            ("features", &[20, 1280][..], &features[..]),
            ("probabilities", &[20, classes], &probabilities),
            ("logits", &[20, classifier.head().logits()], &logits),
        ];
        write_case(&case, &floats, None);
        for layout in [HeadLayout::Keras, HeadLayout::Torchvision] {
            let file = place.path("head.safetensors");
            fs::write(&file, classifier.head_to_bytes(layout).unwrap()).unwrap();
            let arguments = ["head", layout.name(), file.to_str().unwrap(), case.to_str().unwrap()];
            let Some(result) = check("onnx_check.py", &arguments) else { continue };
            let apart = |what: &str| result[what].as_f64().unwrap();
            let (logits, probabilities) = (apart("logits"), apart("probabilities"));
            println!(
                "{}, {classes} classes: logits {logits:.2e}, probabilities {probabilities:.2e}",
                layout.name()
            );
            assert!(logits <= HEAD_TOLERANCE && probabilities <= HEAD_TOLERANCE, "{result}");
            assert_eq!(result["classes"], json!(classifier.classes()));
        }
    }
}
