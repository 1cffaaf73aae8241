//! `--precision int8` from training to a program that runs alone, and what is refused because a head was trained on features
//! of the other precision.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::place::{Place, Run};

const MODEL: &str = "run/model.safetensors";

/// A place with a run in int8 of so many photos of each class.
fn trained(each: u32, options: &[&str]) -> (Place, Run) {
    let place = Place::new();
    place.draw("photos/red", "red", each);
    place.draw("photos/blue", "blue", each);
    let arguments = ["train", "photos", "--out", "run", "--epochs", "3", "--precision", "int8"];
    let run = place.icecap(&[&arguments[..], options].concat()).succeeds();
    (place, run)
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// The JSON text in front of a file's tensors.
fn header(place: &Place, file: &str) -> Value {
    let bytes = fs::read(place.path(file)).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    serde_json::from_slice(&bytes[8..8 + length]).unwrap()
}

#[test]
fn a_run_tells_what_its_precision_costs() {
    // Of 48 training photos a fifth is kept to measure the error on.
    let (place, run) = trained(30, &[]);
    for told in
        ["in int8", "quantized with 39 training photos", "on 9 others", "the same class as in f32 for"]
    {
        assert!(run.stdout.contains(told), "{told}: {}", run.stdout);
    }
    let metrics = place.json("run/metrics.json");
    assert_eq!(metrics["precision"], "int8");
    let int8 = &metrics["int8"];
    assert_eq!((int8["photos"].as_u64(), int8["judged"].as_u64()), (Some(39), Some(9)), "{int8}");
    assert_eq!(int8["on_others"], true);
    let (error, agreement) = (int8["feature_error"].as_f64().unwrap(), int8["agreement"].as_f64().unwrap());
    assert!(error > 1e-4 && error < 0.12 && agreement > 0.9 && agreement <= 1.0, "{int8}");
    assert!(place.text("run/args.toml").contains("precision = \"int8\""));
    let page = place.text("run/report.html");
    assert!(page.contains("off f32, by computing in int8") && page.contains("the same class as in f32"));

    let header = header(&place, MODEL);
    let stated = &header["__metadata__"];
    assert_eq!((&stated["format"], &stated["precision"]), (&Value::from("2"), &Value::from("int8")));
    assert_eq!(stated["int8_error"].as_str().unwrap().parse::<f32>().unwrap(), error as f32);
    let types = header.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("Conv1/"));
    assert_eq!(types.filter(|(_, tensor)| tensor["dtype"] == "F32").count(), 0, "integers alone");
    let len = |file: &str| fs::metadata(place.path(file)).unwrap().len();
    place.icecap(&["train", "photos", "--out", "f32", "--epochs", "3"]).succeeds();
    assert!(3 * len(MODEL) < len("f32/model.safetensors"));
    assert_eq!(place.json("f32/metrics.json")["precision"], "f32");
    assert_eq!(place.json("f32/metrics.json").get("int8"), None);
}

#[test]
fn too_few_photos_to_keep_some_back_are_all_seen_and_that_is_told() {
    let (place, run) = trained(10, &[]);
    assert!(run.stdout.contains("quantized with 16 training photos"), "{}", run.stdout);
    assert!(run.stdout.contains("on these, too few to keep others back"), "{}", run.stdout);
    let int8 = &place.json("run/metrics.json")["int8"];
    assert_eq!((&int8["on_others"], int8["judged"].as_u64()), (&Value::from(false), Some(16)), "{int8}");
}

#[test]
fn a_model_runs_in_its_own_precision_and_in_no_other() {
    let (place, _) = trained(10, &[]);
    place.icecap(&["train", "photos", "--out", "f32", "--epochs", "3"]).succeeds();
    let f32_model = "f32/model.safetensors";
    for words in
        [&["predict"][..], &["evaluate"], &["predict", "--format", "csv", "--heatmap", "maps", "--force"]]
    {
        let run = |model: &str, more: &[&str]| {
            place.icecap(&[&words[..1], &[model, "photos"], &words[1..], more].concat())
        };
        let own = run(MODEL, &[]).succeeds().stdout;
        assert_eq!(run(MODEL, &["--precision", "int8"]).succeeds().stdout, own);
        assert_eq!(run(MODEL, &["--threads", "1"]).succeeds().stdout, own);
        let line = run(MODEL, &["--precision", "f32"]).fails(2).to_owned();
        assert!(line.contains("features in int8, and f32 was asked for"), "{line}");
        assert!(line.contains("leave --precision out"), "{line}");
        let line = run(f32_model, &["--precision", "int8"]).fails(2).to_owned();
        assert!(line.contains("features in f32, and int8 was asked for"), "{line}");
        assert!(line.contains("train again with --precision int8"), "{line}");
        run(f32_model, &["--precision", "f32"]).succeeds();
    }
    place.icecap(&["similar", "photos/red/0.png", "--in", "photos", "--model", MODEL]).succeeds();
    // A net that was trained on other features is not put below the head, whatever its weights are.
    let line = place.icecap(&["predict", MODEL, "photos", "--weights", "starter"]);
    assert!(line.fails(2).contains("its net is in int8, and inside"), "{line:?}");
    // As weights the file gives the net that it has.
    let cut = |model: &str, precision: &[&str]| {
        let words = ["extract", "photos", "-o", "features.safetensors", "--force", "--weights", model];
        place.icecap(&[&words[..], precision].concat())
    };
    cut(MODEL, &[]).succeeds();
    let stated = header(&place, "features.safetensors")["__metadata__"].clone();
    assert_eq!(stated["precision"], "int8");
    assert_eq!(stated["integers_sha256"], header(&place, MODEL)["__metadata__"]["integers_sha256"]);
    assert!(cut(MODEL, &["--precision", "f32"]).fails(2).contains("int8"));
    cut("starter", &[]).succeeds();
    assert_eq!(header(&place, "features.safetensors")["__metadata__"].get("precision"), None);
}

#[test]
fn features_of_two_precisions_are_never_taken_for_each_other() {
    let place = Place::two_classes();
    let train = |out: &str, precision: &str, cache: &[&str]| {
        let words = ["train", "photos", "--epochs", "3", "--no-report", "--json", "--precision", precision];
        let run = place.icecap(&[&words[..], &["--out", out], cache].concat()).succeeds();
        (
            json(&run)["photos"]["cached"].as_u64(),
            fs::read(place.path(out).join("model.safetensors")).unwrap(),
        )
    };
    let alone = ["f32", "int8"].map(|precision| train("alone", precision, &["--no-cache", "--force"]).1);
    // Each after the other, in both orders, on one cache.
    let (cached, model) = train("first", "f32", &[]);
    assert!(cached == Some(0) && model == alone[0]);
    let (cached, model) = train("second", "int8", &[]);
    assert!(cached == Some(0) && model == alone[1], "{cached:?}");
    let (cached, model) = train("third", "f32", &[]);
    assert!(cached == Some(20) && model == alone[0], "{cached:?}");
    let (cached, model) = train("fourth", "int8", &[]);
    assert!(cached == Some(20) && model == alone[1], "{cached:?}");
    fs::remove_dir_all(place.path("cache")).unwrap();
    // The comparison of int8 with f32 leaves features of both there: of the training photos.
    assert!(train("fifth", "int8", &[]).1 == alone[1]);
    let (cached, model) = train("sixth", "f32", &[]);
    assert!(cached == Some(16) && model == alone[0], "{cached:?}");
}

#[test]
fn a_bundle_in_int8_runs_alone() {
    let (place, _) = trained(10, &[]);
    place.icecap(&["bundle", MODEL, "-o", "colors"]).succeeds();
    let expected = place.icecap(&["predict", MODEL, "photos", "--format", "csv"]).succeeds().stdout;
    let program = tempfile::tempdir().unwrap();
    fs::copy(place.path("colors"), program.path().join("colors")).unwrap();
    let run = loop {
        let mut command = Command::new(program.path().join("colors"));
        command.args(["photos", "--csv"]).current_dir(place.path("")).env("ICECAP_CACHE", "/nowhere/cache");
        match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => break Run::of(output.unwrap()),
        }
    };
    assert_eq!(run.succeeds().stdout, expected);
    assert_eq!(place.icecap(&["predict", "colors", "photos", "--format", "csv"]).succeeds().stdout, expected);
    place.each_fails(&[(
        &["bundle", MODEL, "-o", "other", "--precision", "f32"],
        2,
        "features in int8, and f32 was asked for",
    )]);
}

#[test]
fn a_run_is_gone_on_from_in_the_precision_that_it_had() {
    let (place, _) = trained(10, &[]);
    place.draw("photos/red", "red", 14);
    let since = |out: &str, more: &[&str]| {
        let words = ["train", "photos", "--epochs", "3", "--since", "run", "--out", out];
        place.icecap(&[&words[..], more].concat()).succeeds();
        let metrics = place.json(&format!("{out}/metrics.json"));
        assert!(metrics["since"]["old_accuracy"].as_f64().is_some(), "{metrics}");
        metrics["precision"].as_str().unwrap().to_owned()
    };
    assert_eq!(since("same", &[]), "int8");
    assert_eq!(since("other", &["--precision", "f32"]), "f32");
}

#[test]
fn what_int8_cannot_do_is_refused_by_name() {
    let (place, _) = trained(10, &[]);
    place.each_fails(&[
        (&["train", "photos", "--precision", "int8", "--head-only"], 2, "--head-only"),
        (&["train", "photos", "--precision", "f32", "--weights", MODEL], 2, "its net is in int8"),
        (&["export", MODEL, "--onnx", "model.onnx"], 2, "write it as that with --int8"),
        (&["weights", "import", MODEL, "-o", "w.safetensors"], 3, "integers alone"),
    ]);
    place.icecap(&["export", MODEL, "--onnx", "m.onnx", "--tflite", "m.tflite", "--int8"]).succeeds();
    place.icecap(&["export", MODEL, "--safetensors-keras", "head.safetensors"]).succeeds();
    place.each_fails(&[(&["export", MODEL, "--backbone", "net"], 2, "no trained tensors")]);
    // A new head on the net as it is.
    let again = ["train", "photos", "--epochs", "3", "--weights", MODEL, "--out", "again"];
    place.icecap(&again).succeeds();
    let stated = |file: &str| header(&place, file)["__metadata__"]["integers_sha256"].clone();
    assert_eq!(stated("again/model.safetensors"), stated(MODEL));
    let verified = place.icecap(&["weights", "verify", MODEL]).succeeds().stdout;
    assert!(verified.contains("int8") && verified.contains("all of it holds"), "{verified}");
    let inspected = place.icecap(&["weights", "inspect", MODEL]).succeeds().stdout;
    assert!(inspected.contains("Conv1/kernel") && inspected.contains("I8"), "{inspected}");

    let bytes = fs::read(place.path(MODEL)).unwrap();
    let mut damaged = bytes.clone();
    // A weight of one of the blocks.
    damaged[bytes.len() / 2] ^= 1;
    fs::write(place.path("damaged.safetensors"), &damaged).unwrap();
    // The net that the file names is in the cache, and would do.
    place.each_fails(&[
        (&["predict", "damaged.safetensors", "photos"], 3, "damaged.safetensors"),
        (&["weights", "verify", "damaged.safetensors"], 3, "damaged.safetensors"),
    ]);
}
