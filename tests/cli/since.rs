//! `train --since` as a person uses it: photos and classes come, go and move between two runs.

use std::collections::BTreeMap;
use std::fs;

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::place::{EACH, Place};

/// Path to part.
fn split(place: &Place, run: &str) -> BTreeMap<String, String> {
    let text = place.text(&format!("{run}/split.csv"));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[2].to_owned(), fields[0].to_owned())
    };
    text.lines().skip(1).map(row).collect()
}

fn since(place: &Place, words: &[&str]) -> (Value, Value) {
    let run = place.icecap(&[&["train", "--json", "--epochs", "5", "--force"], words].concat()).succeeds();
    let metrics: Value = serde_json::from_str(&run.stdout).unwrap();
    (metrics["since"].clone(), metrics)
}

/// Green photos.
fn draw_green(place: &Place, folder: &str, photos: u32) {
    fs::create_dir_all(place.path(folder)).unwrap();
    for number in 0..photos {
        let photo = RgbImage::from_fn(40 + number, 40, |x, _| Rgb([20, 120 + (x * number % 99) as u8, 20]));
        photo.save(place.path(folder).join(format!("{number}.png"))).unwrap();
    }
}

/// Adds `more` photos to a class that has [`EACH`].
fn add_red(place: &Place, more: u32) {
    place.draw("more", "red", EACH + more);
    for name in place.names("more") {
        let to = place.path("photos/red").join(&name);
        if !to.exists() {
            fs::copy(place.path("more").join(&name), to).unwrap();
        }
    }
}

#[test]
fn photos_keep_their_part_and_both_models_are_tried_on_the_same_ones() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "first", "--seed", "5"]).succeeds();
    add_red(&place, 10);
    draw_green(&place, "photos/green", 10);
    let gone = split(&place, "first").into_iter().find(|(_, part)| part == "train").unwrap().0;
    fs::remove_file(place.path(&gone)).unwrap();

    let (since, metrics) = since(&place, &["photos", "--since", "first", "--out", "second"]);
    let (before, after) = (split(&place, "first"), split(&place, "second"));
    for (path, part) in &before {
        assert!(*path == gone || after[path] == *part, "{path}");
    }
    // Of ten new photos of a class two are held back.
    for class in ["red", "green"] {
        let new = after.iter().filter(|(path, _)| path.contains(class) && !before.contains_key(*path));
        let parts: Vec<&String> = new.map(|(_, part)| part).collect();
        assert_eq!(parts.len(), 10, "{class}");
        assert_eq!(parts.iter().filter(|part| **part == "val").count(), 2, "{class}");
    }
    // Only the new photos were looked at.
    assert_eq!(metrics["photos"]["cached"], 2 * EACH - 1);
    assert_eq!((&since["photos_then"], &since["photos_now"]), (&20.into(), &39.into()));
    assert_eq!((&since["new"], &since["gone"]), (&20.into(), &1.into()));
    assert_eq!(
        (&since["new_classes"], &since["gone_classes"]),
        (&serde_json::json!(["green"]), &serde_json::json!([]))
    );
    assert_eq!(
        (&since["photos"], &since["unknown_photos"], &since["left_out"]),
        (&6.into(), &2.into(), &0.into())
    );
    let number = |name: &str| since[name].as_i64().unwrap();
    assert_eq!(
        number("old_right") - number("only_old_right"),
        number("new_right") - number("only_new_right"),
        "{since}"
    );
    // What it says of the old model is what evaluate says.
    let known: Vec<_> =
        after.iter().filter(|(path, part)| *part == "val" && !path.contains("green")).collect();
    for (path, _) in &known {
        let to = place.path(path.replace("photos", "tried"));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(place.path(path), to).unwrap();
    }
    let evaluated = place.icecap(&["evaluate", "first/model.safetensors", "tried", "--json"]).succeeds();
    let evaluated: Value = serde_json::from_str(&evaluated.stdout).unwrap();
    assert_eq!((&evaluated["photos"], &evaluated["right"]), (&6.into(), &since["old_right"]));
}

#[test]
fn weights_size_and_resize_rule_are_those_of_the_run_unless_others_are_named() {
    let place = Place::two_classes();
    place.icecap(&["weights", "import", "starter", "-o", "w.safetensors"]).succeeds();
    let first = ["train", "photos", "--out", "first", "--weights", "w.safetensors", "--size", "64x96"];
    place.icecap(&[&first[..], &["--resize", "center-crop"]].concat()).succeeds();
    let again = |words: &[&str]| {
        let (since, _) = since(
            &place,
            &[&["photos", "--since", "first/model.safetensors", "--out", "again"], words].concat(),
        );
        let arguments: toml::Table = place.text("again/args.toml").parse().unwrap();
        (arguments["weights"].clone(), arguments["size"].clone(), arguments["resize"].clone(), since)
    };
    let (weights, size, resize, since) = again(&[]);
    assert_eq!(weights.as_str(), Some("w.safetensors"));
    assert_eq!(size.to_string(), "[64, 96]");
    assert!(resize.as_str().unwrap().starts_with("center-crop"));
    assert_eq!((&since["new"], &since["gone"]), (&0.into(), &0.into()));
    // Other pixels for the new model: the old one still sees its own.
    let (_, size, _, other) = again(&["--size", "96"]);
    assert_eq!(size.to_string(), "[96, 96]");
    assert_eq!(since["old_right"], other["old_right"]);
}

#[test]
fn copies_and_moved_folders_are_the_same_photos() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "first"]).succeeds();
    for (number, (path, _)) in split(&place, "first").iter().enumerate() {
        let class = if path.contains("red") { "red" } else { "blue" };
        fs::create_dir_all(place.path("copies").join(class)).unwrap();
        fs::copy(place.path(path), place.path("copies").join(class).join(format!("copy{number}.jpg")))
            .unwrap();
    }
    let (copied, _) = since(&place, &["copies", "--since", "first", "--out", "second"]);
    assert_eq!((&copied["new"], &copied["gone"], &copied["left_out"]), (&0.into(), &0.into(), &0.into()));
    fs::rename(place.path("photos"), place.path("moved")).unwrap();
    let (moved, _) = since(&place, &["moved", "--since", "first", "--out", "third"]);
    assert_eq!((&moved["new"], &moved["gone"]), (&0.into(), &0.into()));
    let parts = |run: &str| -> BTreeMap<String, String> {
        split(&place, run)
            .into_iter()
            .map(|(path, part)| (path.split_once('/').unwrap().1.to_owned(), part))
            .collect()
    };
    assert_eq!(parts("first"), parts("third"));
}

#[test]
fn a_folder_with_parts_of_its_own_keeps_them_and_learned_photos_are_left_out() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "first"]).succeeds();
    let learned: Vec<_> = split(&place, "first").into_iter().filter(|(_, part)| part == "train").collect();
    // All validation photos but those that the first run has drawn are photos it has learned from.
    for (path, _) in learned.iter().filter(|(path, _)| path.contains("red")).take(3) {
        fs::create_dir_all(place.path("val/red")).unwrap();
        fs::copy(place.path(path), place.path("val/red").join(path.rsplit('/').next().unwrap())).unwrap();
    }
    draw_green(&place, "val/blue", 2);
    let (since, _) = since(&place, &["photos", "--val", "val", "--since", "first", "--out", "second"]);
    assert_eq!((&since["left_out"], &since["photos"], &since["new"]), (&3.into(), &2.into(), &2.into()));
}

#[test]
fn what_is_no_run_is_refused_before_the_work() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    for (name, file, content) in
        [("a", "args.toml", "weights ="), ("b", "split.csv", "x\n"), ("c", "model.safetensors", "none")]
    {
        fs::create_dir(place.path(name)).unwrap();
        for other in ["args.toml", "split.csv", "model.safetensors"] {
            fs::copy(place.path("run").join(other), place.path(name).join(other)).unwrap();
        }
        fs::write(place.path(name).join(file), content).unwrap();
    }
    place.each_fails(&[
        (&["train", "photos", "--since", "photos", "--out", "x"], 5, "no run here"),
        (&["train", "photos", "--since", "none", "--out", "x"], 5, "none"),
        (&["train", "photos", "--since", "a", "--out", "x"], 3, "a/args.toml"),
        (&["train", "photos", "--since", "b", "--out", "x"], 3, "b/split.csv"),
        (&["train", "photos", "--since", "c", "--out", "x"], 3, "c/model.safetensors"),
    ]);
    assert!(!place.path("x").exists());
}

#[test]
fn what_the_earlier_run_was_asked_for_and_the_new_one_is_not_is_told() {
    let place = Place::two_classes();
    fs::write(place.path("out of it.txt"), "red/1.jpg\n").unwrap();
    let asked = ["--exclude", "out of it.txt", "--threshold", "0.6"];
    place.icecap(&[&["train", "photos", "--epochs", "1", "--out", "first"][..], &asked].concat()).succeeds();
    let again = ["train", "photos", "--epochs", "1", "--since", "first", "--out"];
    let open = place.icecap(&[&again[..], &["open"]].concat()).succeeds();
    let given = place.icecap(&[&again[..], &["given"], &asked].concat()).succeeds();
    for told in ["first was trained with --exclude 'out of it.txt'", "first was trained with --threshold 0.6"]
    {
        assert!(open.stderr.contains(told), "{}", open.stderr);
        assert!(!given.stderr.contains(told), "{}", given.stderr);
    }
}
