//! What a model says beside its classes, as a person gets it: a threshold of two classes, novelty, every class' probability,
//! a photo on standard input.

use std::fs;

use icecap::advanced::data::scan_photos;
use icecap::explain::Heatmaps;
use icecap::{Classifier, Source};
use serde_json::Value;

use crate::place::{EACH, Place};

const MODEL: &str = "run/model.safetensors";

fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// Arguments that are none: told with what is expected.
fn is_refused(place: &Place, words: &[&str], said: &str) {
    let run = place.icecap(words);
    assert_eq!(run.code, Some(2), "{words:?}");
    assert!(run.stderr.contains(said), "{words:?}: {}", run.stderr);
}

#[test]
fn a_photo_on_standard_input_is_what_it_is_in_its_file_and_a_list_is_told() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "5"]).succeeds();
    let photo = fs::read(place.path("photos/red/1.jpg")).unwrap();
    let piped = place.icecap_with(&["predict", MODEL, "-", "--json", "--all"], &photo).succeeds();
    let named = place.icecap(&["predict", MODEL, "photos/red/1.jpg", "--json", "--all"]).succeeds();
    let (piped, named) = (rows(&piped.stdout), rows(&named.stdout));
    assert_eq!((piped.len(), &piped[0]["path"]), (1, &"-".into()));
    for key in ["label", "probability", "probabilities", "novelty"] {
        assert_eq!(piped[0][key], named[0][key], "{key}");
    }
    let both = piped[0]["probabilities"].as_object().unwrap();
    let sum: f64 = both.values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-6 && both.contains_key("red") && both.contains_key("blue"));

    let list = place.icecap_with(&["predict", MODEL, "-"], b"photos/red/1.jpg\n");
    assert!(list.fails(3).contains("--files-from -"));
    assert!(place.icecap_with(&["predict", MODEL, "-"], b"").fails(3).contains("empty"));
    // Cut anywhere it is a photo that is told as unreadable, or one that is read as far as it goes.
    for end in [1, 2, 20, photo.len() / 2] {
        let run = place.icecap_with(&["predict", MODEL, "-", "--json"], &photo[..end]);
        assert!([Some(0), Some(3)].contains(&run.code), "{end}: {}", run.stderr);
        assert!(run.code == Some(0) || run.stderr.contains("standard input"), "{end}: {}", run.stderr);
    }
}

#[test]
fn a_file_of_json_is_an_array_and_each_format_has_a_word() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "5"]).succeeds();
    let predict = |options: &[&str]| {
        place.icecap(&[&["predict", MODEL, "photos", "--all"], options].concat()).succeeds().stdout
    };
    predict(&["--out", "rows.json"]);
    predict(&["--output", "rows.jsonl"]);
    let array = rows(&place.text("rows.json"));
    let lines: Vec<Value> =
        place.text("rows.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((array.len(), &array), (2 * EACH as usize, &lines));
    assert_eq!(rows(&predict(&["--json"])), array);
    assert_eq!(predict(&["--jsonl"]), predict(&["--format", "jsonl"]));
    assert_eq!(predict(&["--csv"]), predict(&["--format", "csv"]));
    let csv = predict(&["--csv"]);
    let header = csv.lines().next().unwrap();
    assert_eq!(header, "path,label,probability,probability:blue,probability:red,novelty,true_label,error");
    // What the run has written of the same photos, with the same digits.
    let kept = place.text("run/predictions.csv");
    assert!(kept.lines().next().unwrap().ends_with(",novelty,probability:blue,probability:red"), "{kept}");
    let of = |line: &str, from: usize, count: usize| {
        let fields: Vec<&str> = line.split(',').collect();
        fields[from..from + count].iter().map(|field| (*field).to_owned()).collect::<Vec<_>>()
    };
    for line in csv.lines().skip(1) {
        let path = line.split(',').next().unwrap();
        let below = path.strip_prefix("photos/").unwrap();
        let own = kept.lines().find(|line| line.contains(&format!(",{below},"))).unwrap();
        let fields = own.split(',').count();
        assert_eq!(of(line, 3, 2), of(own, fields - 2, 2), "{path}");
        assert_eq!(of(line, 5, 1), of(own, fields - 3, 1), "{path}");
    }
    for (words, said) in [
        (&["predict", MODEL, "photos", "--json", "--csv"][..], "--csv"),
        (&["predict", MODEL, "photos", "--reject-novel=0"], "above 0"),
        (&["predict", MODEL, "photos", "--reject-novel=NaN"], "above 0"),
        (&["predict", MODEL], "PATH"),
    ] {
        is_refused(&place, words, said);
    }
    place.each_fails(&[(&["predict", MODEL, "--files-from", "missing.txt"], 5, "missing.txt")]);
}

#[test]
fn a_threshold_is_chosen_kept_and_followed() {
    let place = Place::two_classes();
    place.draw("val/red", "red", 4);
    place.draw("val/blue", "blue", 4);
    let train = |out: &str, options: &[&str]| {
        let words = ["train", "photos", "--val", "val", "--epochs", "3", "--lr", "1e-4", "--out", out];
        place.icecap(&[&words, options].concat())
    };
    train("plain", &[]).succeeds();
    let predict = |model: &str| {
        let model = format!("{model}/model.safetensors");
        rows(&place.icecap(&["predict", &model, "val", "--json", "--all"]).succeeds().stdout)
    };
    // Between the photos, so that the second class is told of some of them alone.
    let of_red = |row: &Value| row["probabilities"]["red"].as_f64().unwrap();
    let mut all: Vec<f64> = predict("plain").iter().map(of_red).collect();
    all.sort_by(f64::total_cmp);
    let between = (all[5] + all[6]) / 2.0;
    let text = between.to_string();
    train("run", &["--threshold", &text]).succeeds();
    let told = predict("run");
    assert_eq!(told.iter().filter(|row| row["label"] == "red").count(), 2);
    for row in &told {
        assert_eq!(row["label"] == "red", of_red(row) >= between, "{row}");
        let own = row["probabilities"][row["label"].as_str().unwrap()].as_f64();
        assert_eq!(row["probability"].as_f64(), own);
    }
    let evaluated = place.icecap(&["evaluate", MODEL, "val", "--json"]).succeeds().stdout;
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let metrics = place.json("run/metrics.json");
    assert_eq!(evaluated["accuracy"], metrics["val_accuracy"]);
    assert_eq!(evaluated["roc_auc"], metrics["roc_auc"]);
    assert!((evaluated["threshold"].as_f64().unwrap() - between).abs() < 1e-6);
    assert!((metrics["threshold"]["probability"].as_f64().unwrap() - between).abs() < 1e-6);
    assert_eq!(metrics["threshold"]["class"], "red");
    let said = place.icecap(&["evaluate", MODEL, "val"]).succeeds().stdout;
    assert!(said.contains("red is told from this probability") && said.contains("blue above"), "{said}");
    let page = place.text("run/report.html");
    assert!(
        page.contains("Accuracy where unsure answers are left out") && page.contains("Threshold"),
        "no coverage"
    );

    is_stated_everywhere(&place, MODEL, metrics["threshold"]["probability"].as_f64().unwrap());

    // The other class, from its own probability on: what is left of the second's.
    let run = train("first", &["--threshold", "recall=0.9", "--positive", "blue"]).succeeds();
    assert!(run.stdout.contains("threshold   blue from a probability of"), "{}", run.stdout);
    let threshold = &place.json("first/metrics.json")["threshold"];
    assert!(threshold["recall"].as_f64().unwrap() >= 0.9, "{threshold}");
    assert!(place.text("first/args.toml").contains("threshold = \"recall=0.9\"\npositive = \"blue\""));
}

/// Whatever is made of a model with a threshold of its own states it, as does what tells of the model.
fn is_stated_everywhere(place: &Place, model: &str, threshold: f64) {
    let inspected = place.icecap(&["weights", "inspect", model, "--json"]).succeeds().stdout;
    let inspected: Value = serde_json::from_str(&inspected).unwrap();
    let stated = inspected["net"]["trained"]["threshold"].as_f64().unwrap();
    assert!((stated - threshold).abs() < 1e-6, "{inspected}");
    let text = (stated as f32).to_string();
    for (option, file) in [
        ("--onnx", "net.onnx"),
        ("--onnx-u8", "pixels.onnx"),
        ("--tflite", "net.tflite"),
        ("--safetensors-keras", "keras.safetensors"),
        ("--safetensors-torchvision", "torchvision.safetensors"),
    ] {
        let said = place.icecap(&["export", model, option, file]).succeeds().stdout;
        assert!(said.contains("threshold: red from a probability of"), "{said}");
        let bytes = fs::read(place.path(file)).unwrap();
        let held = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(held("threshold") && held(&text), "{file} has no threshold of {text}");
    }
    // What is drawn without a class is what is told: on either side of the threshold.
    let classifier = Classifier::open(place.path(model)).unwrap();
    let mut maps = Heatmaps::new(&classifier).unwrap();
    for photo in &scan_photos(&place.path("val")).unwrap().0 {
        let told = classifier.predict_file(photo).unwrap();
        assert_eq!(classifier.decide(&told.logits), told.class);
        let drawn = |maps: &mut Heatmaps, class| maps.overlay(Source::Path(photo), class, 24).unwrap();
        assert_eq!(drawn(&mut maps, None), drawn(&mut maps, Some(told.class)), "{}", photo.display());
    }
}

#[test]
fn a_threshold_that_is_none_is_refused_before_the_work() {
    let place = Place::two_classes();
    place.draw("three/a", "red", 3);
    place.draw("three/b", "blue", 3);
    place.draw("three/c", "red", 3);
    for (words, said) in [
        (&["train", "photos", "--threshold", "1.5"][..], "precision=0.95"),
        (&["train", "photos", "--threshold", "precision=1.01"], "precision=0.95"),
        (&["train", "photos", "--threshold", "cost=1"], "cost=FP:FN"),
        (&["train", "photos", "--positive", "red"], "--threshold"),
    ] {
        is_refused(&place, words, said);
    }
    place.each_fails(&[
        (&["train", "photos", "--threshold", "0.7", "--positive", "green"], 2, "blue and red"),
        (&["train", "three", "--threshold", "0.7"], 2, "only two classes"),
    ]);
}

#[test]
fn photos_unlike_the_training_are_none_of_the_classes() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "5"]).succeeds();
    let predict = |threads: &str| {
        let words = ["predict", MODEL, "photos", "--json", "--threads", threads];
        rows(&place.icecap(&words).succeeds().stdout)
    };
    let told = predict("1");
    assert_eq!(told, predict("2"));
    let mut all: Vec<f64> = told.iter().map(|row| row["novelty"].as_f64().unwrap()).collect();
    all.sort_by(f64::total_cmp);
    let limit = (all[EACH as usize] + all[EACH as usize - 1]) / 2.0;
    let option = format!("--reject-novel={limit}");
    let run = place.icecap(&["predict", MODEL, "photos", "--json", &option]).succeeds();
    let rejected = rows(&run.stdout).iter().filter(|row| row["label"] == "none").count();
    assert_eq!(rejected, EACH as usize);
    assert!(
        run.stderr.contains(&format!("{rejected} of {} photos, whose novelty", 2 * EACH)),
        "{}",
        run.stderr
    );
    // Both reasons, each counted by itself: every guess is below 1.
    let both =
        place.icecap(&["predict", MODEL, "photos", "--json", &option, "--reject-below", "1"]).succeeds();
    let none = rows(&both.stdout).iter().filter(|row| row["label"] == "none").count();
    let said =
        format!("none of the classes: {none} of {} photos; the novelty of {rejected} is above", 2 * EACH);
    assert!(both.stderr.contains(&said), "{}", both.stderr);
    assert!(
        both.stderr.contains(&format!("of {} others the best guess", none - rejected)),
        "{}",
        both.stderr
    );
    for (row, before) in rows(&run.stdout).iter().zip(&told) {
        assert_eq!((&row["best_guess"], &row["novelty"]), (&before["label"], &before["novelty"]));
    }
    let table = place.icecap(&["predict", MODEL, "photos", "--reject-novel"]).succeeds().stdout;
    assert!(table.lines().next().unwrap().contains("novelty"), "{table}");
    // A model that keeps nothing of it says so; its other answers stay.
    let golden =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../weights/tests/golden/format_1_embedded.safetensors");
    let older = place.icecap(&["predict", golden, "photos", "--reject-novel"]);
    assert!(older.fails(3).contains("keeps nothing that tells new photos"));
    assert!(
        rows(&place.icecap(&["predict", golden, "photos", "--json"]).succeeds().stdout)[0]
            .get("novelty")
            .is_none()
    );
}
