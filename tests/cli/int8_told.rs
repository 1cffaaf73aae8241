//! What is told of models in int8: where their integers come from, what is known of them, and the way out where something
//! else was asked for.

use std::fs;

use serde_json::Value;

use crate::place::Place;

const MODEL: &str = "run/model.safetensors";

/// A place with a model in int8, on the starter, of so many photos of each class.
fn trained(each: u32) -> Place {
    let place = Place::new();
    place.draw("photos/red", "red", each);
    place.draw("photos/blue", "blue", each);
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "3", "--precision", "int8"]).succeeds();
    place
}

/// Writes a model with other texts for some keys of its metadata, or without them.
fn stating(place: &Place, model: &str, to: &str, texts: &[(&str, Option<&str>)]) {
    let bytes = fs::read(place.path(model)).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let metadata = header["__metadata__"].as_object_mut().unwrap();
    for &(key, text) in texts {
        match text {
            Some(text) => metadata.insert(key.to_owned(), text.into()),
            None => metadata.remove(key),
        };
    }
    let mut text = header.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let file = [&(text.len() as u64).to_le_bytes(), &text[..], &bytes[8 + length..]].concat();
    fs::write(place.path(to), file).unwrap();
}

#[test]
fn f32_of_a_model_in_int8_is_had_from_the_weights_that_it_names() {
    let place = trained(10);
    let train = ["train", "photos", "--epochs", "3", "--out", "other", "--force"];
    let extract = ["extract", "photos", "-o", "features.safetensors", "--force"];
    let f32 = ["--precision", "f32"];
    for words in [&train[..], &extract] {
        let line = place.icecap(&[words, &f32, &["--weights", MODEL]].concat()).fails(2).to_owned();
        assert!(line.contains("its net is in int8") && line.contains("starter-0.35"), "{line}");
        assert!(line.contains("name them with --weights starter, or leave --precision out"), "{line}");
        // Both ways out.
        place.icecap(&[words, &f32, &["--weights", "starter"]].concat()).succeeds();
        place.icecap(&[words, &["--weights", MODEL]].concat()).succeeds();
    }
    // Weights by another name are known by the hash of their file, others not at all.
    let other = |file: &str| {
        let words = [&extract[..], &f32, &["--weights", file]].concat();
        place.icecap(&words).fails(2).to_owned()
    };
    stating(&place, MODEL, "renamed.safetensors", &[("name", Some("mine"))]);
    let line = other("renamed.safetensors");
    assert!(line.contains("'mine'") && line.contains("name them with --weights starter"), "{line}");
    let hash = "0".repeat(64);
    stating(&place, MODEL, "unknown.safetensors", &[("name", None), ("weights_file_sha256", Some(&hash))]);
    let line = other("unknown.safetensors");
    assert!(line.contains("those whose params_sha256 is"), "{line}");
    assert!(line.contains("name their file with --weights, or leave --precision out"), "{line}");
    // A model says how it is trained again, a program that nobody can train says less.
    let line = place.icecap(&["predict", MODEL, "photos", "--precision", "f32"]).fails(2).to_owned();
    assert!(line.ends_with("or train again with --precision f32 --weights starter"), "{line}");
    let line = place.icecap(&["predict", MODEL, "photos", "--weights", "starter"]).fails(2).to_owned();
    assert!(line.ends_with("its net is in int8, and inside; leave --weights out"), "{line}");
}

#[test]
fn a_head_on_the_net_of_another_model_says_whose_figures_it_has() {
    let place = trained(30);
    let again = ["train", "photos", "--epochs", "3", "--weights", MODEL, "--out"];
    for (out, more) in [("again", &[][..]), ("asked", &["--precision", "int8"])] {
        let said = place.icecap(&[&again[..], &[out], more].concat()).succeeds().stdout;
        let line = said.lines().find(|line| line.starts_with("int8 ")).unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains(&format!("the net of {MODEL} as it is: not quantized again")), "{line}");
        assert!(line.contains("of its own training: quantized with 39 training photos; features "), "{line}");
        assert!(!line.contains("the same class"), "that was said of another head: {line}");
        let [first, metrics] =
            ["run", out].map(|run| place.json(&format!("{run}/metrics.json"))["int8"].clone());
        assert_eq!((first.get("net_of"), &metrics["net_of"]), (None, &Value::from(MODEL)));
        assert_eq!(metrics["feature_error"], first["feature_error"]);
        assert!(first["agreement"].is_f64() && metrics["agreement"].is_null(), "{metrics}");
        assert!(
            place.text(&format!("{out}/report.html")).contains("as the training found that made this net")
        );
        let stated =
            place.icecap(&["weights", "inspect", &format!("{out}/model.safetensors")]).succeeds().stdout;
        assert!(stated.contains("int8_photos: 39") && !stated.contains("int8_agreement"), "{stated}");
    }
    assert!(!place.text("run/report.html").contains("as the training found that made this net"));
}

#[test]
fn the_integers_of_a_model_are_shown_and_looked_at() {
    let place = trained(30);
    let inspect = |file: &str| place.icecap(&["weights", "inspect", file]).succeeds().stdout;
    let shown = inspect(MODEL);
    assert!(!shown.contains("no net"), "{shown}");
    for told in [
        "precision      int8, quantized with 39 training photos; features ",
        "integers       52 convolutions, ",
        ", as the file states",
        "range          expanded_conv: ",
        "range          block_16: ",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let json = place.icecap(&["weights", "inspect", MODEL, "--json"]).succeeds().stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let (int8, metrics) = (&json["net"]["int8"], &place.json("run/metrics.json")["int8"]);
    assert_eq!((&int8["feature_error"], &int8["photos"]), (&metrics["feature_error"], &metrics["photos"]));
    let blocks = int8["blocks"].as_array().unwrap();
    assert!(blocks.len() == 17 && blocks.iter().all(|block| block["low"].as_f64().unwrap() <= 0.0));
    assert!(blocks.iter().all(|block| block["high"].as_f64() > block["low"].as_f64()));

    // A weight of one of the blocks.
    let mut damaged = fs::read(place.path(MODEL)).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(place.path("damaged.safetensors"), damaged).unwrap();
    let shown = inspect("damaged.safetensors");
    assert!(shown.contains("no net") && shown.contains("the file is damaged"), "{shown}");
    assert!(!shown.contains("range "), "{shown}");
}

#[test]
fn what_a_file_does_not_state_of_its_integers_is_not_told() {
    let place = trained(30);
    let verify = |file: &str| place.icecap(&["weights", "verify", file]).succeeds().stdout;
    assert!(verify(MODEL).contains("off those in f32 on 9 others; the same class"), "{}", verify(MODEL));
    for key in ["int8_judged", "int8_judged_on"] {
        stating(&place, MODEL, "less.safetensors", &[(key, None)]);
        let told = verify("less.safetensors");
        assert!(
            told.contains("on photos that it does not tell the number of") && !told.contains("others"),
            "{told}"
        );
    }
    stating(&place, MODEL, "less.safetensors", &[("int8_error", None)]);
    assert!(!verify("less.safetensors").contains("features "));
    stating(&place, MODEL, "less.safetensors", &[("int8_judged_on", Some("same"))]);
    assert!(verify("less.safetensors").contains("on these, too few"), "{}", verify("less.safetensors"));
    stating(&place, MODEL, "less.safetensors", &[("int8_error", Some("-1"))]);
    let line = place.icecap(&["weights", "verify", "less.safetensors"]).fails(3).to_owned();
    assert!(line.contains("int8_error") && line.ends_with("expected a number from 0 up"), "{line}");
}

#[test]
fn a_summary_in_int8_lists_what_there_is() {
    let place = trained(10);
    let summary = |words: &[&str]| {
        let run = place.icecap(&[&["summary", "--json"], words].concat()).succeeds();
        serde_json::from_str::<Value>(&run.stdout).unwrap()
    };
    let types = |summary: &Value| {
        let layers = summary["layers"].as_array().unwrap().clone();
        layers.into_iter().map(|layer| layer["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let float = summary(&[]);
    assert_eq!(types(&float).iter().filter(|kind| *kind == "BatchNormalization").count(), 52);
    for of in [&["--precision", "int8"][..], &["--weights", MODEL]] {
        let int8 = summary(of);
        assert!(!types(&int8).contains(&"BatchNormalization".to_owned()), "{int8}");
        assert_eq!(types(&int8).len() + 52, types(&float).len());
        let (fewer, all) = (&int8["frozen_parameters"], &float["frozen_parameters"]);
        // Of each channel a bias instead of four numbers, but nine biases of the first convolution.
        assert!(fewer.as_u64() < all.as_u64() && fewer.as_u64() > Some(350_000), "{fewer} of {all}");
        assert_eq!(int8["trainable_parameters"], float["trainable_parameters"]);
    }
}

#[test]
fn what_a_check_ends_in_is_the_training_that_was_checked() {
    let place = Place::two_classes();
    let options = ["--precision", "int8", "--size", "96x64", "--resize", "center-crop", "--exif", "ignore"];
    let words = [&["check", "photos"], &options[..]].concat();
    let said = place.icecap(&words).succeeds().stdout;
    let next = said.lines().last().unwrap().split("icecap train ").nth(1).unwrap();
    assert!(
        next.starts_with("photos ") && next.contains("--precision int8") && next.contains("--size 96x64"),
        "{next}"
    );
    let typed: Vec<&str> = next.split(' ').filter(|word| !word.is_empty()).collect();
    let typed: Vec<String> = typed.iter().map(|word| word.replace('\'', "")).collect();
    // A rule of two words stands in quotes.
    let typed = typed.join(" ").replace("center-crop 0.875", "center-crop");
    let typed: Vec<&str> = typed.split(' ').collect();
    place.icecap(&[&["train"], &typed[..], &["--epochs", "1", "--out", "run"]].concat()).succeeds();
    let arguments = place.text("run/args.toml");
    assert!(
        arguments.contains("precision = \"int8\"") && arguments.contains("size = [96, 64]"),
        "{arguments}"
    );
    assert!(arguments.contains("center-crop") && arguments.contains("exif = \"ignore\""), "{arguments}");
    // And nothing where nothing was asked for.
    let said = place.icecap(&["check", "photos"]).succeeds().stdout;
    assert!(said.ends_with("icecap train photos\n"), "{said}");
}

#[test]
fn an_export_in_int8_of_no_net_says_once_what_it_lacks() {
    let place = trained(10);
    let run = place.icecap(&["export", MODEL, "--int8"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert_eq!(run.stderr.matches("--onnx <FILE>|").count(), 1, "{}", run.stderr);
    place.each_fails(&[(
        &["export", MODEL, "--int8", "--labels", "labels.txt"],
        2,
        "--int8: says how a net is written, and none is; name its file with --onnx, --onnx-u8 or --tflite",
    )]);
    assert!(!place.path("labels.txt").exists());
}
