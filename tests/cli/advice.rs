//! What a message advises leads to the right result when it is typed as it stands, and nothing is replaced or passed over
//! without a word.

use std::fs;

use serde_json::Value;

use crate::place::{Place, Run};

/// Two classes, a model with a hidden layer in `run`, and the same as `net.onnx`.
fn with_graph() -> Place {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--hidden", "8", "--out", "run", "--epochs", "2"]).succeeds();
    place.icecap(&["export", MODEL, "--onnx", "net.onnx"]).succeeds();
    place
}

const MODEL: &str = "run/model.safetensors";

/// The words of the command that stands in a line between backticks and begins so, with what stands for a name of the
/// user's replaced.
fn advised(line: &str, begins: &str, names: &[(&str, &str)]) -> Vec<String> {
    let all = line.split('`').skip(1).step_by(2);
    let command = all.filter_map(|text| text.strip_prefix("icecap ")).find(|text| text.starts_with(begins));
    let command = command.unwrap_or_else(|| panic!("{line}")).to_owned();
    let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    for (stands_for, name) in names {
        words.iter_mut().filter(|word| word == stands_for).for_each(|word| *word = (*name).to_owned());
    }
    words
}

fn typed(place: &Place, words: &[String], more: &[&str]) -> Run {
    let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    place.icecap(&words)
}

/// Refuses: other files of weights | weights that are given as a model | the command that makes a model of them
#[test]
fn weights_that_are_given_as_a_model_become_one_by_what_is_advised() {
    let place = with_graph();
    let run = place.icecap(&["predict", "net.onnx", "photos"]);
    let line = run.fails(3);
    assert!(line.contains("net.onnx: no model yet but weights with a head for 2 classes"), "{line}");
    let words = advised(line, "weights import", &[("MODEL", "made.safetensors")]);
    typed(&place, &words, &[]).succeeds();
    let seen = |model| place.icecap(&["predict", model, "photos", "--format", "csv"]).succeeds().stdout;
    let classes = |rows: &str| -> Vec<String> {
        rows.lines().map(|row| row.split(',').nth(1).unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(classes(&seen("made.safetensors")), classes(&seen(MODEL)));

    place.icecap(&["weights", "import", "starter", "-o", "bare.safetensors"]).succeeds();
    let run = place.icecap(&["evaluate", "bare.safetensors", "photos"]);
    let line = run.fails(3);
    assert!(line.contains("no model yet but weights without a head"), "{line}");
    let words = advised(line, "train", &[("PHOTOS", "photos")]);
    typed(&place, &words, &["--epochs", "1", "--out", "other", "--no-report"]).succeeds();
}

#[test]
fn whatever_is_given_as_a_model_is_named_as_it_is_where_weights_are_asked_for() {
    let place = Place::new();
    place.draw("photos/red", "red", 1);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    for (name, bytes, told) in [
        (
            "classes.txt",
            &b"ants\nbees\n"[..],
            "this is a text; name a file of weights, or a model, in its place",
        ),
        ("lfs.safetensors", pointer.as_bytes(), "`git lfs pull`"),
        ("page.h5", b"<!DOCTYPE html><html></html>", "this is a web page, saved instead of the file"),
        ("model.pth.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\0", "this is a gzip archive; unpack it first"),
        ("nothing.pth", b"", "this is an empty file"),
    ] {
        fs::write(place.path(name), bytes).unwrap();
        for command in [&["predict", name, "photos"][..], &["weights", "inspect", name]] {
            let run = place.icecap(command);
            assert!(run.fails(3).contains(told), "{name}: {}", run.stderr);
        }
    }
    for command in [&["predict", "photos", "photos"][..], &["weights", "inspect", "photos"]] {
        let run = place.icecap(command);
        assert!(
            run.fails(3).contains("photos: this is a folder; name a file of weights, or a model"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_an_option_puts_in_the_place_of_what_a_file_states_is_told() {
    let place = with_graph();
    let import = |more: &[&str]| {
        let words =
            [&["weights", "import", "net.onnx", "--classes", "@", "-o", "m", "--force"][..], more].concat();
        place.icecap(&words).succeeds().stderr
    };
    let told = import(&["--size", "64", "--scaling", "0..1", "--resize", "center-crop"]);
    for line in [
        "note: the size 64x64 is taken, where net.onnx has 96x96",
        "note: the pixel scaling 0..1 is taken, where net.onnx has -1..1",
        "note: the resize rule center-crop 0.875 is taken, where net.onnx has squash",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let same = import(&["--size", "96", "--scaling=-1..1", "--resize", "squash"]);
    assert!(!same.contains("is taken"), "{same}");
    for command in [
        &["train", "photos", "--epochs", "1", "--no-report", "--out", "r"][..],
        &["extract", "photos", "-o", "f.npy"],
        &["check", "photos"],
        &["similar", "photos/red/0.png", "--in", "photos"],
        &["summary"],
    ] {
        let run = place.icecap(&[command, &["--weights", "net.onnx", "--size", "64"]].concat()).succeeds();
        assert!(run.stderr.contains("the size 64x64 is taken, where net.onnx has 96x96"), "{}", run.stderr);
    }
}

/// Opens: lists and folders | names of classes in a file, with a byte-order mark, blank lines, Teachable Machine's numbers | one a line, by `weights import --classes @FILE`; numbers are left out
#[test]
fn names_of_classes_come_from_a_file_only_by_its_sign_and_without_their_numbers() {
    let place = with_graph();
    fs::write(place.path("labels.txt"), "\u{feff}0 Class 1\r\n1 Class 2\r\n\r\n").unwrap();
    let run = place.icecap(&["weights", "import", "net.onnx", "--classes", "labels.txt", "-o", "m"]);
    let line = run.fails(2);
    assert!(line.contains("`--classes @labels.txt`"), "{line}");
    let run =
        place.icecap(&["weights", "import", "net.onnx", "--classes", "@labels.txt", "-o", "m"]).succeeds();
    assert!(run.stderr.contains("labels.txt: the numbers before the names are left out"), "{}", run.stderr);
    let inspected = place.icecap(&["weights", "inspect", "m"]).succeeds().stdout;
    assert!(inspected.contains("classes        2: Class 1, Class 2\n"), "{inspected}");
    assert!(inspected.contains("head           dense 8 relu, dense 1, sigmoid\n"), "{inspected}");
    let arguments = ["weights", "import", "net.onnx", "--classes", "@", "--activation", "none", "-o", "m2"];
    let run = place.icecap(&arguments);
    assert!(run.fails(2).contains("--activation: net.onnx leaves nothing open"), "{}", run.stderr);
    let run = place.icecap(&["weights", "import", "starter", "--classes", "a,b", "-o", "m2"]);
    assert!(run.fails(3).contains("starter: no head is in it"), "{}", run.stderr);
}

#[test]
fn a_head_of_several_layers_is_told_layer_by_layer_and_classified_with() {
    let place = with_graph();
    let told = place.icecap(&["export", MODEL, "--safetensors-keras", "k", "--safetensors-torchvision", "t"]);
    let told = told.succeeds().stdout;
    for line in [
        "Dense(8, activation=\"relu\").set_weights([file[\"dense/kernel\"], file[\"dense/bias\"]])",
        "Dense(1).set_weights([file[\"dense_1/kernel\"], file[\"dense_1/bias\"]])",
        "model.classifier is Sequential(Dropout(), Linear(1280, 8), ReLU(), Linear(8, 2))",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let photo = "photos/red/0.png";
    let run = place.icecap(&["classify", photo, "--weights", "net.onnx", "--json"]).succeeds();
    let seen: Value = serde_json::from_str(&run.stdout).unwrap();
    let run = place.icecap(&["predict", MODEL, photo, "--format", "jsonl", "--top", "2"]).succeeds();
    let expected: Value = serde_json::from_str(&run.stdout).unwrap();
    // The names are in the graph; the temperature of the model is in its last layer there, or it is none.
    assert_eq!(seen["photos"][0]["predictions"][0]["label"], expected["label"]);
    let labels = seen["photos"][0]["predictions"].as_array().unwrap().len();
    assert_eq!(labels, 2);
    let summary = place.icecap(&["summary", "--hidden", "8", "--classes", "3", "--json"]).succeeds().stdout;
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["trainable_parameters"], 1280 * 8 + 8 + 8 * 3 + 3);
    assert_eq!(place.icecap(&["summary", "--max-pixels", "9M"]).code, Some(2));
}

#[test]
fn a_folder_one_level_too_high_is_told_by_every_command() {
    let place = Place::two_classes();
    fs::create_dir(place.path("phone")).unwrap();
    fs::rename(place.path("photos"), place.path("phone/photos")).unwrap();
    place.icecap(&["train", "phone/photos", "--out", "run", "--epochs", "1", "--no-report"]).succeeds();
    let meant = "the class folders lie further down; name phone/photos";
    for command in [&["train", "phone"][..], &["evaluate", MODEL, "phone"]] {
        let run = place.icecap(command);
        assert!(run.fails(3).contains(meant), "{}", run.stderr);
    }
    let said = place.icecap(&["check", "phone"]).succeeds().stdout;
    assert!(said.contains(meant) && said.trim_end().ends_with("train phone/photos"), "{said}");
    for command in
        [&["extract", "phone", "-o", "f.jsonl"][..], &["similar", "phone/photos/red/0.png", "--in", "phone"]]
    {
        let run = place.icecap(command).succeeds();
        assert!(run.stderr.contains(meant), "{}", run.stderr);
    }
}

/// Opens: lists and folders | a CSV with semicolons or tabs, as spreadsheets save it | by the separator of its first line
/// Refuses: lists and folders | a list of which no photo is there | where the first was looked for, `--root` and `--extension`
#[test]
fn a_list_is_found_where_it_lies_and_its_photos_where_they_are() {
    let place = Place::two_classes();
    fs::create_dir_all(place.path("kaggle/all")).unwrap();
    let mut rows = String::from("id;label\n");
    for class in ["red", "blue"] {
        for number in 0..crate::place::EACH {
            let ending = if number % 2 == 0 { "png" } else { "jpg" };
            let from = place.path(format!("photos/{class}/{number}.{ending}"));
            image::open(from).unwrap().save(place.path(format!("kaggle/all/{class}{number}.png"))).unwrap();
            rows += &format!("{class}{number}; {class}\n");
        }
    }
    fs::create_dir(place.path("lists")).unwrap();
    fs::write(place.path("lists/all.csv"), &rows).unwrap();
    // None of them is beside the list: what to name is told, and is right.
    let run = place.icecap(&["train", "lists/all.csv", "--out", "r"]);
    let line = run.fails(3);
    assert!(line.contains("is there, as lists/") && line.contains("--root"), "{line}");
    let options = ["--root", "kaggle/all", "--extension", "png"];
    let checked = place.icecap(&[&["check", "lists/all.csv"], &options[..]].concat()).succeeds().stdout;
    let next = checked.trim_end().lines().last().unwrap().split("icecap ").last().unwrap().to_owned();
    assert!(next.ends_with("--root kaggle/all --extension png"), "{next}");
    let words: Vec<String> = next.split(' ').map(str::to_owned).collect();
    typed(&place, &words, &["--out", "r", "--epochs", "1", "--no-report"]).succeeds();
    assert_eq!(place.json("r/metrics.json")["classes"][0]["name"], "blue");
    let similar = ["similar", "kaggle/all/red0.png", "--in", "lists/all.csv", "--top", "1"];
    let run = place.icecap(&[&similar[..], &options[..]].concat()).succeeds();
    assert!(run.stdout.contains("kaggle/all/"), "{}", run.stdout);
    place.each_fails(&[
        (&["predict", "r/model.safetensors", "lists/all.csv"], 3, "a list and no photo; `icecap evaluate"),
        (&["train", "lists/all.csv", "--root", "nowhere"], 5, "--root: nowhere: no such folder"),
        (&["check", "labels.txt"], 5, "labels.txt"),
    ]);
    // A folder of one class with a list in it is not what is meant.
    fs::write(place.path("kaggle/train.csv"), rows.replace(';', ",")).unwrap();
    let run = place.icecap(&["train", "kaggle"]);
    assert!(run.fails(3).contains("or name kaggle/train.csv, which lists photos"), "{}", run.stderr);
    let checked = place.icecap(&["check", "kaggle"]).succeeds().stdout;
    assert!(checked.trim_end().ends_with("train kaggle/train.csv"), "{checked}");
    fs::write(place.path("list.txt"), &rows).unwrap();
    let run = place.icecap(&["train", "list.txt"]);
    assert!(run.fails(5).contains("a list of them whose name ends in .csv"), "{}", run.stderr);
}

#[test]
fn a_training_tells_of_copies_and_counts_what_it_could_read() {
    let place = Place::two_classes();
    fs::copy(place.path("photos/red/0.png"), place.path("photos/blue/copy.png")).unwrap();
    fs::copy(place.path("photos/red/1.jpg"), place.path("photos/red/copy.jpg")).unwrap();
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        fs::write(place.path("photos/red").join(name), "no photo").unwrap();
    }
    let run = place.icecap(&["train", "photos", "--out", "run", "--epochs", "1", "--no-report"]).succeeds();
    assert!(
        run.stderr.contains("warning: the same file in two classes, so a label is wrong: 1 photo, as "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("photos/blue/copy.png"), "{}", run.stderr);
    let of_class = run.stderr.contains("note: the same file more than once in a class: 1 photo, as ");
    let of_parts =
        run.stderr.contains("those to judge by, so the accuracy looks better than it is: 1 photo, as ");
    assert!(of_class != of_parts, "{}", run.stderr);
    // Behind the features stands the table of what is used.
    let after = run.stdout.split("features    of ").nth(1).unwrap();
    let all = after.lines().find(|line| line.trim_start().starts_with("all ")).unwrap();
    let counts: Vec<usize> = all.split_whitespace().skip(1).map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 2 * crate::place::EACH as usize + 2, "{}", run.stdout);
    let checked = place.icecap(&["check", "photos"]).succeeds().stdout;
    let red = checked.lines().find(|line| line.starts_with("red ")).unwrap();
    assert_eq!(
        red.split_whitespace().collect::<Vec<_>>(),
        ["red", "11", "11", "50.0", "%", "3"],
        "{checked}"
    );
}

#[test]
fn what_is_not_finished_is_told_as_that() {
    let place = Place::new();
    fs::create_dir(place.path("begun")).unwrap();
    fs::write(place.path("begun/unfinished.toml"), "").unwrap();
    place.each_fails(&[
        (
            &["report", "begun"],
            3,
            "the run is not finished; go on with it first: `icecap train --resume begun`",
        ),
        (&["compare", "begun", "begun"], 3, "`icecap train --resume begun`"),
    ]);
    let run = place.icecap(&["train", "photos", "--hidden", "0"]);
    assert!(run.code == Some(2) && run.stderr.contains("use a number of units from 1 to 4096"), "{run:?}");
}
