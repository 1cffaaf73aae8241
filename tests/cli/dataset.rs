//! Datasets other than plain folders, as a person names them: a CSV file, photos left out, classes in an order.

use std::fs;

use serde_json::Value;

use crate::place::{self, Place};

/// The photos of [`Place::two_classes`] as lines of a CSV, in an order of no meaning.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for number in (0..place::EACH).rev() {
        let extension = if number % 2 == 0 { "png" } else { "jpg" };
        for class in ["red", "blue"] {
            lines.push(format!("../photos/{class}/{number}.{extension},{class}\n"));
        }
    }
    lines
}

fn history(place: &Place, run: &str) -> Value {
    place.json(&format!("{run}/metrics.json"))["history"].clone()
}

#[test]
fn a_list_trains_the_model_that_its_folder_does_and_so_does_the_split_of_a_run() {
    let place = Place::two_classes();
    fs::create_dir(place.path("lists")).unwrap();
    fs::write(place.path("lists/all.csv"), format!("path,label\n{}", lines().concat())).unwrap();
    let train = |dataset: &str, run: &str| {
        place.icecap(&["train", dataset, "--out", run, "--epochs", "3"]).succeeds();
        history(&place, run)
    };
    let of_folder = train("photos", "folder");
    assert_eq!(train("lists/all.csv", "list"), of_folder);
    assert_eq!(train("folder/split.csv", "again"), of_folder);
    assert_eq!(place.json("again/metrics.json")["classes"], place.json("folder/metrics.json")["classes"]);

    let model = "folder/model.safetensors";
    let evaluate = |dataset: &str| -> Value {
        let run = place.icecap(&["evaluate", model, dataset, "--json"]).succeeds();
        serde_json::from_str(&run.stdout).unwrap()
    };
    let (folder, list) = (evaluate("photos"), evaluate("lists/all.csv"));
    assert_eq!((&folder["loss"], &folder["confusion"]), (&list["loss"], &list["confusion"]));
    let text = place.icecap(&["evaluate", model, "lists/all.csv"]).succeeds().stdout;
    assert!(text.starts_with("photos    20 in lists/all.csv\n"), "{text}");
    let checked = place.icecap(&["check", "lists/all.csv"]).succeeds();
    assert!(checked.stdout.contains("photos    20 in lists/all.csv\n"), "{}", checked.stdout);
    assert!(checked.stdout.trim_end().ends_with("train lists/all.csv"), "{}", checked.stdout);
}

#[test]
fn a_photo_that_is_listed_and_not_there_is_skipped_and_a_wrong_line_is_an_error() {
    let place = Place::two_classes();
    let rows = lines().concat().replace("../", "");
    fs::write(place.path("gone.csv"), format!("path,label\n{rows}photos/red/gone.jpg,red\n")).unwrap();
    let run = place.icecap(&["train", "gone.csv", "--out", "run", "--epochs", "1"]).succeeds();
    assert!(run.stderr.contains("photos/red/gone.jpg: could not be read"), "{}", run.stderr);
    assert_eq!(place.json("run/metrics.json")["skipped"], 1);
    fs::write(place.path("bad.csv"), format!("path,label\n{rows}only a path\n")).unwrap();
    fs::write(place.path("names.csv"), "path,labels of it\n").unwrap();
    fs::write(place.path("other.csv"), format!("path,label\n{rows}x.jpg,Red\n")).unwrap();
    let model = "run/model.safetensors";
    place.each_fails(&[
        (&["train", "bad.csv"], 3, "bad.csv: line 22: 1 fields where the header has 2"),
        (&["check", "bad.csv"], 3, "bad.csv: line 22"),
        (&["train", "names.csv"], 3, "names no column 'label'"),
        (&["evaluate", model, "other.csv"], 3, "other.csv: line 22: 'Red' is none of the classes"),
        (&["train", "missing.csv"], 5, "missing.csv"),
    ]);
}

#[test]
fn what_is_excluded_has_no_part_in_anything() {
    let place = Place::two_classes();
    let listed = "# two that are wrong\nred/0.png\nphotos/blue/1.jpg\nred/none.png\n";
    fs::write(place.path("not.txt"), listed).unwrap();
    let arguments = ["train", "photos", "--exclude", "not.txt", "--out", "run", "--epochs", "1"];
    let run = place.icecap(&arguments).succeeds();
    assert!(run.stderr.contains("excluded 2 photos by not.txt"), "{}", run.stderr);
    assert!(run.stderr.contains("not.txt: line 4: no photo is 'red/none.png'"), "{}", run.stderr);
    let split = place.text("run/split.csv");
    assert_eq!(split.lines().count(), 1 + 18);
    assert!(!split.contains("red/0.png") && !split.contains("blue/1.jpg"), "{split}");
    assert!(place.text("run/args.toml").contains("exclude = \"not.txt\""));
    let evaluated =
        place.icecap(&["evaluate", "run/model.safetensors", "photos", "--exclude", "not.txt"]).succeeds();
    assert!(evaluated.stdout.starts_with("photos    18 in photos"), "{}", evaluated.stdout);
    let checked = place.icecap(&["check", "photos", "--exclude", "not.txt"]).succeeds();
    assert!(checked.stdout.starts_with("photos    18 in photos"), "{}", checked.stdout);
    let extracted = place.icecap(&["extract", "photos", "-o", "f.csv", "--exclude", "not.txt"]).succeeds();
    assert!(extracted.stdout.contains("features [18, "), "{}", extracted.stdout);

    // The file that a run leaves of what it skipped is such a list.
    fs::write(place.path("photos/red/text.jpg"), "no photo").unwrap();
    place.icecap(&["train", "photos", "--out", "skips", "--epochs", "1"]).succeeds();
    let skipped = "skips/skipped.csv";
    let strict = ["train", "photos", "--exclude", skipped, "--strict", "--out", "strict", "--epochs", "1"];
    assert!(place.icecap(&strict).succeeds().stderr.contains("excluded 1 photo by"));
    let all: String =
        (0..place::EACH).map(|n| format!("red/{n}.{}\n", if n % 2 == 0 { "png" } else { "jpg" })).collect();
    fs::write(place.path("all.txt"), all + "red/text.jpg\n").unwrap();
    place.each_fails(&[
        (
            &["train", "photos", "--exclude", "all.txt"],
            3,
            "every training photo of class 'red' is on this list",
        ),
        (&["train", "photos", "--exclude", "missing"], 5, "missing"),
    ]);
}

#[test]
fn classes_are_numbered_as_a_file_says() {
    let place = Place::two_classes();
    fs::write(place.path("classes.txt"), "red\nblue\n").unwrap();
    let arguments = ["train", "photos", "--classes", "classes.txt", "--out", "run", "--epochs", "20"];
    place.icecap(&arguments).succeeds();
    assert_eq!(place.json("run/metrics.json")["classes"][0]["name"], "red");
    let predicted =
        place.icecap(&["predict", "run/model.safetensors", "photos", "--format", "csv"]).succeeds();
    let right = predicted.stdout.lines().skip(1).filter(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        fields[1] == fields[4]
    });
    assert!(right.count() >= 18, "{}", predicted.stdout);
    fs::write(place.path("typo.txt"), "redd\nblue\n").unwrap();
    fs::write(place.path("more.txt"), "red\nblue\ngreen\n").unwrap();
    fs::write(place.path("twice.txt"), "red\nblue\nred\n").unwrap();
    place.each_fails(&[
        (&["train", "photos", "--classes", "typo.txt"], 3, "'red' is not in this list; did you mean 'redd'?"),
        (&["train", "photos", "--classes", "more.txt"], 3, "no training photo of class 'green'"),
        (&["train", "photos", "--classes", "twice.txt"], 3, "twice.txt: line 3: 'red' stands there twice"),
        (&["check", "photos", "--classes", "missing.txt"], 5, "missing.txt"),
    ]);
}

#[test]
fn a_listed_group_in_training_and_in_validation_is_told() {
    let place = Place::two_classes();
    let write = |group: &dyn Fn(usize) -> String| {
        let rows = lines().into_iter().enumerate().map(|(at, line)| {
            let part = if at % 10 < 8 { "train" } else { "val" };
            format!("{},{part},{}\n", line.trim_end().replace("../", ""), group(at))
        });
        fs::write(place.path("list.csv"), format!("path,label,split,group\n{}", rows.collect::<String>()))
            .unwrap();
    };
    let train =
        || place.icecap(&["train", "list.csv", "--out", "run", "--epochs", "1", "--force"]).succeeds().stderr;
    // The last photo of training and the first of validation.
    write(&|at| if at == 7 || at == 8 { "one".to_owned() } else { at.to_string() });
    let said = train();
    assert!(said.contains("1 group has photos in training and in validation"), "{said}");
    write(&|at| at.to_string());
    let said = train();
    assert!(!said.contains("in training and in validation"), "{said}");
}
