//! `icecap weights` and `--weights NAME|FILE`, run as a person runs them.

use std::fs;

use icecap::advanced::weights::{Record, Weights, read};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::file_server::Server;
use crate::file_server::own_net::{self, cached, command, fails, file, manifest, other_file, pinned, sha256};
use crate::place::{Place, Run, assets};

fn run(place: &Place, arguments: &[&str]) -> Run {
    Run::of(command(place, arguments).output().unwrap())
}

fn json(place: &Place, arguments: &[&str]) -> Value {
    serde_json::from_str(&run(place, arguments).succeeds().stdout).unwrap()
}

fn values(weights: &Weights) -> impl Iterator<Item = (&str, icecap::advanced::kernels::Shape, &[f32])> {
    weights.params.tensors().map(|(name, tensor)| (name, tensor.shape(), tensor.data()))
}

/// A place with the starter's file in it, the manifest of which leads nowhere.
fn with_file() -> Place {
    let place = own_net::place("http://127.0.0.1:1/own.safetensors", "");
    fs::write(place.path("starter.safetensors"), file()).unwrap();
    place
}

#[test]
fn the_list_shows_every_entry_and_whether_it_is_cached() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), "aliases = [\"ours\"]\ntop1 = 61.25");
    let rows =
        |place: &Place| json(place, &["weights", "list", "--json"])["weights"].as_array().unwrap().clone();
    let named = |rows: &[Value], name: &str| rows.iter().find(|row| row["name"] == name).unwrap().clone();
    let before = rows(&place);
    assert_eq!((named(&before, "own")["cached"].as_bool(), &before[0]["name"]), (Some(false), &"own".into()));
    let recommended = named(&before, "keras-1.0-160");
    assert_eq!((&recommended["bytes"], &recommended["sha256"]), (&9_406_464.into(), &Value::Null));
    assert_eq!(
        (&recommended["size"], &recommended["layout"]),
        (&serde_json::json!([160, 160]), &"keras".into())
    );

    run(&place, &["weights", "pull", "ours"]).succeeds();
    assert_eq!(named(&rows(&place), "own")["cached"], true);
    let text = run(&place, &["weights", "list"]).succeeds().stdout;
    let line = text.lines().find(|line| line.starts_with("own, ours ")).unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["own,", "ours", "~1.6", "0.35", "64", "61.2", "our", "own", "yes"]
    );
    let columns: Vec<usize> =
        text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.find(" 0.35 ")).collect();
    assert!(columns.len() > 2 && columns.iter().all(|column| *column == columns[0]), "{text}");
}

#[test]
fn a_name_is_fetched_where_it_is_not_cached_and_its_record_is_the_entry_s() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    let first = run(&place, &["summary", "--weights", "own", "--json"]).succeeds();
    assert!(first.stderr.starts_with("fetching own (about 1.6 MB) from http://127.0.0.1"), "{first:?}");
    let again = command(&place, &["summary", "--json"]).env("ICECAP_WEIGHTS", "own").output().unwrap();
    let again = Run::of(again).succeeds();
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), (first.stdout.as_str(), ""));
    assert_eq!(server.asked().len(), 1);
    let summary: Value = serde_json::from_str(&first.stdout).unwrap();
    // The file says 96; what the file does not say, the entry does.
    assert_eq!(summary["weights"], "own");
    assert!(summary["input"].as_str().unwrap().contains("96x96 center-crop 0.9"), "{summary}");

    // A model that was saved without its backbone opens over the name, too.
    place.draw("photos/red", "red", 4);
    place.draw("photos/blue", "blue", 4);
    let train = ["train", "photos", "--weights", "own", "--head-only", "--epochs", "1", "--out", "run"];
    run(&place, &train).succeeds();
    let model = "run/model.safetensors";
    run(&place, &["predict", model, "photos/red/0.png", "--weights", "own"]).succeeds();
    assert_eq!(place.text("run/args.toml").matches("weights = \"own\"").count(), 1);
    fs::remove_dir_all(cached(&place, "")).unwrap();
    run(&place, &["evaluate", model, "photos", "--weights", "own"]).succeeds();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_path_wins_over_a_name_and_what_is_neither_is_told() {
    let place = with_file();
    fs::copy(place.path("starter.safetensors"), place.path("keras-1.0-160")).unwrap();
    assert_eq!(json(&place, &["summary", "--weights", "keras-1.0-160", "--json"])["width"], 0.35);
    assert_eq!(json(&place, &["summary", "--weights", "starter", "--json"])["width"], 0.35);
    let near = ["keras-1.0-192: no such file", "did you mean", "keras-1.0-160"];
    let typo = |name| run(&place, &["summary", "--weights", name]);
    fails(
        &typo("keras-1.0-19"),
        5,
        &["keras-1.0-19: no such file", "did you mean keras-1.0-192", "weights list"],
    );
    fails(
        &run(&place, &["weights", "pull", "kears-1.0-192"]),
        5,
        &["kears-1.0-192", near[1], "keras-1.0-192"],
    );
    fails(
        &typo("down/weights.h5"),
        5,
        &["down/weights.h5: no such file, and no weights of that name; `icecap"],
    );
    fails(&typo("."), 3, &[".", "starter.safetensors"]);
}

#[test]
fn an_import_opens_with_the_same_net_and_record() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), &pinned());
    run(&place, &["weights", "import", "own", "-o", "first.safetensors"]).succeeds();
    run(&place, &["weights", "import", "first.safetensors", "-o", "second.safetensors"]).succeeds();
    let open = |name: &str| read(place.path(name)).unwrap();
    let same = |a: &Weights, b: &Weights| {
        let file = a.record.file_sha256;
        assert_eq!(a.record, Record { file_sha256: file, ..b.record.clone() });
        assert!(values(a).eq(values(b)));
    };
    let (first, second) = (open("first.safetensors"), open("second.safetensors"));
    same(&first, &second);
    assert_eq!(first.record.name.as_deref(), Some("own"));
    assert_eq!(first.record.resize.as_deref(), Some("center-crop 0.9"));
    assert_eq!(
        first.record.params_sha256,
        icecap::advanced::weights::starter().unwrap().record.params_sha256
    );
    // Where it came from is told; the rest is the same bytes.
    let told = |name: &str| {
        let bytes = fs::read(place.path(name)).unwrap();
        let metadata = SafeTensors::read_metadata(&bytes).unwrap().1.metadata().clone().unwrap();
        (metadata["weights_file_sha256"].clone(), metadata["params_sha256"].clone())
    };
    assert_eq!(told("first.safetensors"), (sha256(&file()), first.record.params_sha256.to_string()));
    run(&place, &["weights", "import", "own", "-o", "first.safetensors", "--force"]).succeeds();
    assert_eq!(
        fs::read(place.path("first.safetensors")).unwrap().len(),
        fs::metadata(place.path("second.safetensors")).unwrap().len() as usize
    );
    let report = json(&place, &["weights", "import", "starter", "-o", "third.safetensors", "--json"]);
    assert_eq!(report["tensors"], 260);
    fails(&run(&place, &["weights", "import", "own", "-o", "."]), 5, &["is a folder"]);
    fails(&run(&place, &["weights", "import", "own.toml", "-o", "x"]), 3, &["own.toml"]);
    assert!(!place.path("x").exists());
}

#[test]
fn an_import_keeps_the_classification_top() {
    let Some(assets) = assets() else { return };
    let place = with_file();
    let source = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    run(&place, &["weights", "import", source.to_str().unwrap(), "-o", "whole.safetensors"]).succeeds();
    let (before, after) = (read(&source).unwrap(), read(place.path("whole.safetensors")).unwrap());
    assert_eq!(after.params.classes(), Some(1000));
    assert!(values(&before).eq(values(&after)));
    assert_eq!(before.record.params_sha256, after.record.params_sha256);
}

#[test]
fn an_import_of_another_layout_keeps_what_that_layout_brings() {
    let Some(assets) = assets() else { return };
    let place = with_file();
    let mut written = Vec::new();
    for ending in [".safetensors", ".pth", "_legacy.pth"] {
        let source = assets.join(format!("weights/torchvision_mobilenet_v2_0.35_scrambled{ending}"));
        let run = run(&place, &["weights", "import", source.to_str().unwrap(), "-o", "import", "--force"])
            .succeeds();
        assert!(
            run.stdout.contains("262 tensors from the layout torchvision, width 0.35, 10 classes"),
            "{run:?}"
        );
        let (before, after) = (read(&source).unwrap(), read(place.path("import")).unwrap());
        assert!(values(&before).eq(values(&after)));
        let file_sha256 = before.record.file_sha256;
        assert_eq!(before.record, Record { file_sha256, ..after.record.clone() });
        assert_eq!(after.record.resize_rule(), "center-crop 0.875");
        written.push(after.record.params_sha256);
    }
    assert!(written.iter().all(|hash| *hash == written[0]), "{written:?}");
}

#[test]
fn inspect_shows_what_can_be_read() {
    let place = with_file();
    let report = json(&place, &["weights", "inspect", "starter.safetensors", "--json"]);
    assert_eq!((&report["container"], &report["bytes"]), (&"safetensors".into(), &1_665_296.into()));
    assert_eq!(report["file_sha256"], sha256(&file()));
    assert_eq!((&report["net"]["layout"], &report["net"]["classes"]), (&"keras".into(), &Value::Null));
    let tensors = report["tensors"].as_array().unwrap();
    assert_eq!((tensors.len(), &tensors[0]["name"]), (260, &"Conv1/kernel".into()));
    // Where it says, its values stand.
    let offset = tensors[0]["offset"].as_u64().unwrap() as usize;
    let bytes = file();
    assert_eq!(
        &bytes[offset..offset + 1728],
        SafeTensors::deserialize(&bytes).unwrap().tensor("Conv1/kernel").unwrap().data()
    );
    let text = run(&place, &["weights", "inspect", "starter"]).succeeds().stdout;
    assert!(text.contains("layout         keras\n") && text.contains("\nConv1/kernel "), "{text}");

    // Names of nobody's layout, values of a type that is not read: as far as it goes.
    let header = br#"{"a\u001b[2J":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}"#;
    let strange = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 12]].concat();
    fs::write(place.path("strange"), &strange).unwrap();
    let refused = run(&place, &["weights", "inspect", "strange"]);
    assert!(!refused.stdout.contains('\u{1b}') && !refused.stderr.contains('\u{1b}'), "{refused:?}");
    let plain = String::from_utf8(strange).unwrap().replace("a\\u001b[2J", "fc.weights");
    let plain = [&(header.len() as u64).to_le_bytes()[..], &plain.as_bytes()[8..]].concat();
    fs::write(place.path("strange"), plain).unwrap();
    let report = json(&place, &["weights", "inspect", "strange", "--json"]);
    assert_eq!((&report["net"], &report["tensors"][0]["dtype"]), (&Value::Null, &"F16".into()));
    assert!(report["no_net"].as_str().unwrap().contains("no known layout"), "{report}");
    fails(&run(&place, &["weights", "inspect", "own.toml"]), 3, &["own.toml"]);
    fails(&run(&place, &["weights", "inspect", "nothing"]), 5, &["nothing: no such file"]);
}

#[test]
fn verify_says_what_was_compared() {
    let place = with_file();
    let compared = |arguments: &[&str]| {
        let report = json(&place, &[&["weights", "verify"], arguments, &["--json"]].concat());
        report["compared"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["with"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(compared(&["starter.safetensors"])[0], "as the manifest states for starter");
    assert_eq!(compared(&["starter"])[0], "as the manifest states for starter");
    run(&place, &["weights", "import", "starter", "-o", "import.safetensors"]).succeeds();
    let of_import = compared(&["import.safetensors"]);
    assert!(of_import[0].starts_with("compared with nothing"), "{of_import:?}");
    assert_eq!(of_import[2], "as the file states");
    let text = run(&place, &["weights", "verify", "starter"]).succeeds().stdout;
    assert!(text.ends_with("all of it holds\n"), "{text}");

    // A file that states the hash of its net, with a value that is not the net's.
    let mut wrong = fs::read(place.path("import.safetensors")).unwrap();
    let at = wrong.len() - 4;
    wrong[at] ^= 1;
    fs::write(place.path("wrong.safetensors"), &wrong).unwrap();
    fails(&run(&place, &["weights", "verify", "wrong.safetensors"]), 3, &["params_sha256", "damaged"]);
    // A file beside which stands the hash of another.
    fs::write(place.path("starter.safetensors.sha256"), format!("{}  x\n", sha256(&other_file()))).unwrap();
    fails(
        &run(&place, &["weights", "verify", "starter.safetensors"]),
        3,
        &["its sha256 is", "starter.safetensors.sha256 says"],
    );
    fs::write(place.path("starter.safetensors.sha256"), format!("{}  x\n", sha256(&file()))).unwrap();
    run(&place, &["weights", "verify", "starter.safetensors"]).succeeds();
    // A file called as one whose hash is pinned, and another.
    fs::write(place.path("own.toml"), manifest("https://weights.example/own.safetensors", &pinned()))
        .unwrap();
    fs::write(place.path("own.safetensors"), other_file()).unwrap();
    fails(&run(&place, &["weights", "verify", "own.safetensors"]), 3, &["the manifest says"]);
    // Not in the cache: nothing is fetched to be doubted.
    fails(&run(&place, &["weights", "verify", "own"]), 5, &["not in the cache", "icecap weights pull own"]);
}

#[test]
fn verify_of_a_name_knows_the_hash_seen_first_and_the_net() {
    let server = Server::of(&file());
    let place = own_net::place(&server.url("own.safetensors"), "");
    run(&place, &["weights", "pull", "own"]).succeeds();
    let said = run(&place, &["weights", "verify", "own"]).succeeds().stdout;
    assert!(said.contains("as it was when it was seen first"), "{said}");
    let all = fs::read_to_string(place.path("own.toml")).unwrap();
    fs::write(place.path("own.toml"), all.replace("width = 0.35", "width = 0.5")).unwrap();
    let wrong = run(&place, &["weights", "verify", "own"]);
    fails(&wrong, 3, &["the width is 0.35", "the manifest's entry 'own' says 0.5"]);
    fs::write(place.path("own.toml"), all.replace("top = false", "top = true")).unwrap();
    fails(&run(&place, &["summary", "--weights", "own"]), 3, &["the classification top is not there"]);
}

#[test]
fn a_manifest_of_one_s_own_that_cannot_be_read_is_named() {
    let place = with_file();
    for (text, named) in [
        ("weights = 3", "manifest, line 1"),
        ("[[weights]]\nname = \"own\"", "own.toml: manifest"),
        (&manifest("ftp://x/own.safetensors", ""), "url: expected https or http"),
    ] {
        fs::write(place.path("own.toml"), text).unwrap();
        fails(&run(&place, &["weights", "list"]), 3, &["own.toml", named]);
        fails(&run(&place, &["summary", "--weights", "own"]), 3, &["own.toml"]);
    }
    fails(&run(&place, &["weights", "list", "--manifest", "nowhere.toml"]), 5, &["nowhere.toml"]);
    // Who names a file needs no manifest.
    run(&place, &["summary", "--weights", "starter.safetensors"]).succeeds();
}

/// The starter with a top of two outputs, drawn.
fn with_top(place: &Place) -> String {
    use icecap::advanced::graph::Params;
    use icecap::advanced::kernels::{Shape, Tensor};
    let Weights { params, mut record, .. } = icecap::advanced::weights::starter().unwrap();
    let mut tensors: std::collections::BTreeMap<String, Tensor> =
        params.tensors().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
    let drawn: Vec<f32> = (0..2560).map(|index| ((index * 37 % 101) as f32 - 50.0) / 500.0).collect();
    tensors.insert("predictions/kernel".into(), Tensor::from_slice(Shape::of([1280, 2]), &drawn).unwrap());
    tensors.insert("predictions/bias".into(), Tensor::from_slice(Shape::of([2]), &[0.25, -0.5]).unwrap());
    let params = Params::new(params.spec().clone(), *params.numerics(), tensors).unwrap();
    record.name = None;
    Weights::new(params, record).save(place.path("top.safetensors")).unwrap();
    "top.safetensors".to_owned()
}

#[test]
fn a_net_with_a_trained_top_becomes_a_model() {
    let place = with_file();
    let top = with_top(&place);
    place.draw("photos/red", "red", 3);
    let import = |classes: &str, more: &[&str]| {
        let mut arguments = vec!["weights", "import", &top, "--classes", classes, "-o", "model.safetensors"];
        arguments.push("--force");
        arguments.extend(more);
        run(&place, &arguments)
    };
    let text = import("red, blue", &[]).succeeds().stdout;
    assert!(
        text.contains("2 classes") && text.contains("96x96") && text.contains("icecap predict"),
        "{text}"
    );
    let scores = |model: &str| {
        let all = run(&place, &["predict", model, "photos/red/0.png", "--format", "jsonl"]).succeeds().stdout;
        serde_json::from_str::<Value>(&all).unwrap()
    };
    let first = scores("model.safetensors");
    assert!(["red", "blue"].iter().any(|label| first["label"] == *label), "{first}");
    fs::write(place.path("names.txt"), "red\nblue\n").unwrap();
    let report = import("@names.txt", &["--size", "64x96", "--json"]).succeeds().stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["classes"], serde_json::json!(["red", "blue"]));
    assert!(report["input"].as_str().unwrap().starts_with("64x96"), "{report}");
    assert_ne!(scores("model.safetensors"), first, "another size gives other scores");

    fails(&import("red,blue,green", &[]), 2, &["3 names", "2 classes"]);
    fails(&import("red,red", &[]), 2, &["twice"]);
    fails(&import("@none.txt", &[]), 5, &["none.txt"]);
    let bare = ["weights", "import", "starter.safetensors", "--classes", "a,b", "-o", "no.safetensors"];
    fails(&run(&place, &bare), 3, &["no head is in it"]);
    assert!(!place.path("no.safetensors").exists());
}

#[test]
fn a_packed_net_is_used_and_a_damaged_one_replaced() {
    let place = with_file();
    let top = with_top(&place);
    place.draw("photos/red", "red", 2);
    let arguments = ["weights", "import", &top, "--classes", "red,blue", "-o", "model.safetensors"];
    run(&place, &arguments).succeeds();
    let packed = json(&place, &["weights", "prepack", "model.safetensors", "--json"]);
    let path = std::path::PathBuf::from(packed["file"].as_str().unwrap());
    let whole = fs::read(&path).unwrap();
    assert_eq!(packed["bytes"].as_u64(), Some(whole.len() as u64));
    let again = json(&place, &["weights", "prepack", "starter.safetensors", "--json"]);
    assert_eq!(again, packed, "one net, whatever the file");

    let predict = || {
        run(&place, &["predict", "model.safetensors", "photos/red/0.png", "--format", "jsonl"])
            .succeeds()
            .stdout
    };
    let answer = predict();
    let mut damaged = whole.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(&path, &damaged).unwrap();
    assert_eq!(predict(), answer);
    assert_eq!(fs::read(&path).unwrap(), whole);
    fs::remove_file(&path).unwrap();
    assert_eq!(predict(), answer);
    assert_eq!(fs::read(&path).unwrap(), whole);
    fails(&run(&place, &["weights", "prepack", "nothing"]), 5, &["nothing: no such file"]);
}
