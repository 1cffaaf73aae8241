//! `train --unfreeze`: what is told and kept of a fine-tuning, and that whatever takes a model or a run takes a tuned one.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::place::{Place, Run};

/// Two epochs from block 16 on, whatever the slice says of so few photos.
const TUNE: [&str; 9] =
    ["train", "photos", "--unfreeze", "block_16", "--tune-epochs", "2", "--tune-lr", "1e-3", "--force"];

fn tune(place: &Place, more: &[&str]) -> Run {
    place.icecap(&[&TUNE[..], more].concat()).succeeds()
}

fn model(place: &Place, run: &str) -> Vec<u8> {
    fs::read(place.path(run).join("model.safetensors")).unwrap()
}

#[test]
fn a_tuned_model_is_told_kept_and_taken_by_all() {
    let place = Place::two_classes();
    let told = tune(&place, &["--out", "tuned", "--threads", "1"]);
    for words in [
        "fine-tuning from block_16, adam, at most 2 epochs, learning rate 1.00e-3, cosine",
        "head alone",
        "as asked: there are too few photos to tell",
        "tuned       from block_16, 2 epochs",
        "by the head alone",
        "held back from the trial",
    ] {
        assert!(told.stdout.contains(words), "'{words}' in {}", told.stdout);
    }
    let bytes = model(&place, "tuned");
    for more in [["--threads", "2"], ["--threads", "3"], ["--no-cache", "--no-report"]] {
        tune(&place, &[&["--out", "again"][..], &more].concat());
        assert!(model(&place, "again") == bytes, "other bytes with {more:?}");
    }
    let header = String::from_utf8_lossy(&bytes[8..60_000]).into_owned();
    for text in [
        r#""tuned_from":""#,
        r#""tuned_block":"block_16""#,
        r#""tuned_norms":"trained""#,
        r#""training.unfreeze":"block_16""#,
        r#""training.tuned_epochs":"2""#,
    ] {
        assert!(header.contains(text), "{text}");
    }
}

#[test]
fn a_run_keeps_both_phases() {
    let place = Place::two_classes();
    tune(&place, &["--out", "tuned"]);
    let arguments: toml::Table = place.text("tuned/args.toml").parse().unwrap();
    assert_eq!(arguments["unfreeze"].as_str(), Some("block_16"));
    assert_eq!(
        (arguments["tune_epochs"].as_integer(), arguments["tune_lr"].as_float()),
        (Some(2), Some(1e-3))
    );
    let metrics = place.json("tuned/metrics.json");
    let tuned = &metrics["tuned"];
    assert_eq!((tuned["outcome"].as_str(), tuned["judged"].as_bool()), (Some("tuned"), Some(false)));
    let head = tuned["first_epoch"].as_u64().unwrap() - 1;
    let epochs: Vec<u64> =
        metrics["history"].as_array().unwrap().iter().map(|row| row["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, (1..=head + 2).collect::<Vec<_>>());
    assert_eq!(place.text("tuned/metrics.csv").lines().count(), 1 + epochs.len());
    assert!(tuned["moved"].as_array().unwrap().iter().any(|row| row["tensor"] == "block_16_project/kernel"));
    let page = place.text("tuned/report.html");
    assert!(page.contains("How far each layer moved") && page.contains("the net learns too"));
}

#[test]
fn whatever_takes_a_model_or_a_run_takes_a_tuned_one() {
    let place = Place::two_classes();
    tune(&place, &["--out", "tuned"]);
    let evaluated = place.icecap(&["evaluate", "tuned/model.safetensors", "photos", "--json"]).succeeds();
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    assert!(evaluated["accuracy"].as_f64().unwrap() > 0.9, "{evaluated}");
    let inspected = place.icecap(&["weights", "inspect", "tuned/model.safetensors"]).succeeds();
    assert!(inspected.stdout.contains("block_16 and all behind it"), "{}", inspected.stdout);
    let as_weights = ["--weights", "tuned/model.safetensors"];
    place.icecap(&["train", "photos", "--out", "plain"]).succeeds();
    let compared = place.icecap(&["compare", "tuned", "plain"]).succeeds();
    assert!(compared.stdout.contains("unfreeze"), "{}", compared.stdout);
    for command in [
        &["report", "tuned"][..],
        &["predict", "tuned/model.safetensors", "photos/blue/0.png", "--heatmap", "heat"],
        &["similar", "photos/blue/0.png", "--in", "photos", as_weights[0], as_weights[1]],
        &["train", "photos", "--since", "tuned", "--force", "--out", "later"],
        &["train", "photos", "--out", "int8", "--precision", "int8", as_weights[0], as_weights[1]],
        &[
            "train",
            "photos",
            "--out",
            "twice",
            "--unfreeze",
            "Conv_1",
            "--freeze-norm",
            as_weights[0],
            as_weights[1],
        ],
        &["export", "tuned/model.safetensors", "--onnx", "tuned.onnx", "--tflite", "tuned.tflite"],
        &["bundle", "tuned/model.safetensors", "-o", "program"],
    ] {
        let run = place.icecap(command);
        assert_eq!(run.code, Some(0), "{command:?}: {}", run.stderr);
    }
    let since =
        place.icecap(&["train", "photos", "--since", "tuned", "--force", "--out", "later"]).succeeds();
    assert!(since.stderr.contains("--unfreeze block_16"), "{}", since.stderr);
}

#[test]
fn the_head_is_kept_where_nothing_can_be_told_or_the_loss_is_no_number() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "plain"]).succeeds();
    for (more, words) in [
        (&["--unfreeze", "auto"][..], "fewer than 50 photos a class"),
        (&["--unfreeze", "block_15", "--tune-lr", "1e30", "--tune-warmup", "0"], "no number any more"),
    ] {
        let told =
            place.icecap(&[&["train", "photos", "--force", "--out", "kept"][..], more].concat()).succeeds();
        assert!(told.stdout.contains(words), "{}", told.stdout);
        assert_eq!(place.text("kept/predictions.csv"), place.text("plain/predictions.csv"));
        let metrics = place.json("kept/metrics.json");
        assert!(metrics["tuned"]["from"].is_null() && metrics["tuned"]["paired"].is_null(), "{metrics}");
        assert!(place.text("kept/report.html").contains("head alone is kept"));
    }
}

#[test]
fn an_interrupted_tuning_goes_on_to_the_same_bytes() {
    let place = Place::two_classes();
    let words = [&TUNE[..], &["--tune-epochs", "40", "--no-report", "--out"]].concat();
    // The later number counts for nobody: it is typed once.
    let words: Vec<&str> = words
        .iter()
        .copied()
        .enumerate()
        .filter(|(index, _)| ![4, 5].contains(index))
        .map(|(_, word)| word)
        .collect();
    place.icecap(&[&words[..], &["unbroken"]].concat()).succeeds();
    let mut broken = 0;
    for (number, moment) in [150, 400, 800, 1600].into_iter().enumerate() {
        let run = format!("run-{number}");
        let mut command = place.command(&[&words[..], &[run.as_str()]].concat());
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(moment));
        let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        let ended = Run::of(child.wait_with_output().unwrap());
        if ended.code == Some(130) && place.path(&run).exists() {
            broken += 1;
            place.icecap(&["train", "--resume", &run]).succeeds();
        }
        assert!(
            !place.path(&run).exists() || model(&place, &run) == model(&place, "unbroken"),
            "{moment} ms"
        );
    }
    assert!(broken > 0, "nothing was interrupted");
}

#[test]
fn one_photo_a_class_and_steps_of_one_photo_are_tuned_as_asked() {
    let place = Place::two_classes();
    place.draw("one/train/red", "red", 1);
    place.draw("one/train/blue", "blue", 1);
    let told = place.icecap(&[
        "train",
        "one/train",
        "--val",
        "photos",
        "--unfreeze",
        "block_16",
        "--tune-batch",
        "1",
        "--out",
        "few",
    ]);
    assert!(told.succeeds().stdout.contains("as asked"));
    assert_eq!(place.json("few/metrics.json")["tuned"]["held"].as_u64(), Some(0));
    tune(&place, &["--tune-batch", "1", "--optimizer", "lbfgs", "--augment", "flip", "--out", "steps"]);
    assert_eq!(place.json("steps/metrics.json")["tuned"]["outcome"], "tuned");
}

#[test]
fn what_cannot_be_meant_is_refused_before_the_work() {
    let place = Place::two_classes();
    for (words, named) in [
        (&["train", "photos", "--unfreeze", "block_17"][..], "did you mean 'block_16'"),
        (&["train", "photos", "--unfreeze", "16"], "did you mean 'block_16'"),
        (&["train", "photos", "--tune-epochs", "3"], "--unfreeze"),
        (&["train", "photos", "--freeze-norm"], "--unfreeze"),
        (&["train", "photos", "--unfreeze", "block_16", "--tune-lr", "0"], "above 0"),
        (&["train", "photos", "--unfreeze", "block_16", "--tune-epochs", "0"], "1 to 10000"),
        (&["train", "photos", "--unfreeze", "block_16", "--tune-warmup", "-1"], "from 0 up"),
        (&["summary", "--unfreeze", "auto"], "name a block"),
    ] {
        let run = place.icecap(words);
        assert!(run.code == Some(2) && run.stderr.contains(named), "{words:?}: {run:?}");
    }
    place.each_fails(&[
        (&["train", "photos", "--unfreeze", "block_16", "--head-only"], 2, "--head-only"),
        (&["train", "photos", "--unfreeze", "block_16", "--folds", "3"], 2, "--folds"),
        (&["train", "photos", "--unfreeze", "auto", "--precision", "int8"], 2, "blocks learn in f32"),
    ]);
    assert!(!place.path("icecap-run").exists());
}

/// The counts of `model.summary()` of Keras 3.15 for a MobileNetV2 of width 0.35 with a dense layer of one unit, the layers
/// from the block on trainable; with `layer.trainable = False` for each BatchNormalization where norms are frozen.
#[test]
fn a_summary_counts_what_learns() {
    let place = Place::new();
    let count = |more: &[&str]| {
        let told = place.icecap(&[&["summary", "--json"][..], more].concat()).succeeds();
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        (told["trainable_parameters"].as_u64().unwrap(), told["frozen_parameters"].as_u64().unwrap())
    };
    let (head, frozen) = count(&[]);
    assert_eq!(head, 1281);
    let all = head + frozen;
    // Kernels of block 16 and the last convolution: 56*336 + 9*336 + 336*112 + 112*1280.
    let kernels = 56 * 336 + 9 * 336 + 336 * 112 + 112 * 1280;
    let norms = 2 * (336 + 336 + 112 + 1280);
    assert_eq!(count(&["--unfreeze", "block_16"]), (head + kernels + norms, all - head - kernels - norms));
    assert_eq!(count(&["--unfreeze", "block_16", "--freeze-norm"]), (head + kernels, all - head - kernels));
    assert_eq!(count(&["--unfreeze", "Conv_1"]).0, head + 112 * 1280 + 2 * 1280);
    let text = place.icecap(&["summary", "--unfreeze", "block_16"]).succeeds().stdout;
    let line = text.lines().find(|line| line.contains("block_16_expand ")).unwrap();
    assert!(line.contains("trainable"), "{line}");
    let line = text.lines().find(|line| line.contains("block_15_project ")).unwrap();
    assert!(!line.contains("trainable"), "{line}");
    // Of weights whose BatchNorm is folded a bias learns for each output, which is what the training counts, too.
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "plain"]).succeeds();
    place.icecap(&["export", "plain/model.safetensors", "--onnx", "folded.onnx"]).succeeds();
    let folded = ["--weights", "folded.onnx", "--unfreeze", "block_16"];
    let told = place.icecap(&[&["summary", "--json"][..], &folded].concat()).succeeds();
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["trainable_parameters"].as_u64(), Some(head + kernels + norms / 2));
    tune(&place, &["--weights", "folded.onnx", "--out", "tuned"]);
    assert_eq!(place.json("tuned/metrics.json")["tuned"]["trainable"].as_u64(), Some(kernels + norms / 2));
}
