//! `train --hidden`: a head with a hidden layer goes through whatever takes a model or a run.

use std::fs;

use serde_json::Value;

use crate::place::Place;

#[test]
fn a_hidden_layer_is_trained_told_and_kept() {
    let place = Place::two_classes();
    let train = |out: &str, more: &[&str]| {
        let options = ["train", "photos", "--hidden", "16", "--out", out];
        place.icecap(&[&options[..], more].concat()).succeeds();
        fs::read(place.path(out).join("model.safetensors")).unwrap()
    };
    let model = train("deep", &["--threads", "1"]);
    assert!(model == train("again", &["--threads", "2", "--no-cache"]), "other bytes with other threads");
    let header = String::from_utf8_lossy(&model[8..60_000]).into_owned();
    for text in
        [r#""format":"3""#, r#""head_activations":"relu,none""#, r#""training.hidden":"16""#, "head/2/kernel"]
    {
        assert!(header.contains(text), "{text}");
    }
    let arguments: toml::Table = place.text("deep/args.toml").parse().unwrap();
    assert_eq!(arguments["hidden"].as_integer(), Some(16));
    let told = place.icecap(&["train", "photos", "--hidden", "16", "--out", "told"]).succeeds();
    assert!(told.stdout.contains("a hidden layer of 16 units"), "{}", told.stdout);
    // Whatever takes a model takes it, and so does whatever takes a run.
    let metrics = place.icecap(&["evaluate", "deep/model.safetensors", "photos", "--json"]).succeeds();
    let metrics: Value = serde_json::from_str(&metrics.stdout).unwrap();
    assert!(metrics["accuracy"].as_f64().unwrap() > 0.9, "{metrics}");
    place.icecap(&["train", "photos", "--out", "plain"]).succeeds();
    let compared = place.icecap(&["compare", "deep", "plain"]).succeeds();
    assert!(compared.stdout.contains("hidden"), "{}", compared.stdout);
    for command in [
        &["report", "deep"][..],
        &["similar", "photos/blue/0.png", "--in", "photos", "--weights", "deep/model.safetensors"],
        &["train", "photos", "--since", "deep", "--out", "later", "--hidden", "16"],
        &["export", "deep/model.safetensors", "--onnx", "deep.onnx", "--tflite", "deep.tflite"],
        &["export", "deep/model.safetensors", "--onnx", "deep8.onnx", "--tflite", "deep8.tflite", "--int8"],
        &["export", "deep/model.safetensors", "--safetensors-keras", "k.safetensors"],
        &[
            "train",
            "photos",
            "--hidden",
            "9",
            "--out",
            "folds",
            "--folds",
            "2",
            "--early-stop",
            "--lr",
            "find",
        ],
        &["train", "photos", "--hidden", "9", "--out", "int8", "--precision", "int8"],
        &["predict", "int8/model.safetensors", "photos"],
        &["bundle", "deep/model.safetensors", "-o", "program"],
    ] {
        let run = place.icecap(command);
        assert_eq!(run.code, Some(0), "{command:?}: {}", run.stderr);
    }
    assert_eq!(place.icecap(&["train", "photos", "--hidden", "0"]).code, Some(2));
}

#[test]
fn inspect_names_the_head_of_a_model_and_what_it_learned_by() {
    let place = Place::two_classes();
    let train = ["train", "photos", "--out", "run", "--size", "64x96", "--epochs", "7", "--dropout", "0.3"];
    place.icecap(&[&train[..], &["--hidden", "8"]].concat()).succeeds();
    let inspected = place.icecap(&["weights", "inspect", "run/model.safetensors"]).succeeds().stdout;
    let values = 1280 * 8 + 8 + 8 + 1;
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        "classes        2: blue, red".to_owned(),
        "head           dense 8 relu, dense 1, sigmoid".to_owned(),
        "head takes     1,280 pooled features of a photo at 64x96 squash, exif apply, accurate DCT; 10,257 trained values".to_owned(),
        "head learned   binary cross-entropy by adam, 7 epochs, dropout 0.3".to_owned(),
        format!("made by        icecap {version}, file of 20"),
    ] {
        assert!(inspected.lines().any(|told| told.starts_with(&line)), "{line}: {inspected}");
    }
    assert_eq!(values, 10_257);
    place.icecap(&["train", "photos", "--out", "solved", "--optimizer", "lbfgs"]).succeeds();
    let json = place.icecap(&["weights", "inspect", "solved/model.safetensors", "--json"]).succeeds().stdout;
    let trained = serde_json::from_str::<serde_json::Value>(&json).unwrap()["net"]["trained"].clone();
    assert_eq!((&trained["features"], &trained["parameters"]), (&1280.into(), &1281.into()), "{trained}");
    assert!(trained["dropout"].is_null() && trained["optimizer"] == "lbfgs", "{trained}");
    // Weights without a head of ours have none.
    let starter = place.icecap(&["weights", "inspect", "starter"]).succeeds().stdout;
    assert!(!starter.contains("head takes"), "{starter}");
}
