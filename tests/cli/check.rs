//! `check` as a person runs it: the binary itself, on photos drawn here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use serde_json::Value;

use crate::place::{self, Place, Run};

/// A photo of its own for each number: rectangles at places, in sizes and colors that the number draws.
fn picture(number: u64, width: u32, height: u32) -> RgbImage {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u32 % below
    };
    let mut photo =
        RgbImage::from_pixel(width, height, Rgb([draw(256) as u8, draw(256) as u8, draw(256) as u8]));
    for _ in 0..6 + draw(20) {
        let (left, top) = (draw(width), draw(height));
        let (across, down) = (1 + draw(width / 2), 1 + draw(height / 2));
        let color = Rgb([draw(256) as u8, draw(256) as u8, draw(256) as u8]);
        for y in top..height.min(top + down) {
            for x in left..width.min(left + across) {
                photo.put_pixel(x, y, color);
            }
        }
    }
    photo
}

fn save(place: &Place, name: &str, photo: &RgbImage) {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    photo.save(path).unwrap();
}

/// `photos` photos numbered from `first` in `folder`.
fn fill(place: &Place, folder: &str, first: u64, photos: u64) {
    for number in first..first + photos {
        save(place, &format!("{folder}/{number}.png"), &picture(number, 90 + number as u32, 80));
    }
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

/// The findings of a kind: level, message, names of the photos.
fn found(report: &Value, kind: &str) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == kind);
    findings
        .map(|finding| {
            let photos = finding["photos"].as_array().unwrap().iter().map(text).collect();
            (text(&finding["level"]), text(&finding["message"]), photos)
        })
        .collect()
}

/// Every file below a folder with its content and time.
fn everything(folder: &Path, into: &mut BTreeMap<String, (Vec<u8>, std::time::SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            everything(&path, into);
        }
        let content = if path.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        into.insert(path.display().to_string(), (content, fs::metadata(&path).unwrap().modified().unwrap()));
    }
}

#[test]
fn a_good_folder_is_told_to_be_one_and_the_next_training_is_warm() {
    let place = Place::new();
    fill(&place, "photos/ants", 0, 6);
    fill(&place, "photos/bees", 6, 7);
    let run = place.icecap(&["check", "photos", "--strict"]).succeeds();
    assert!(run.stdout.contains("photos    13 in photos\n"), "{}", run.stdout);
    assert!(run.stdout.contains("sizes     90x80 to 102x80, median 96x80\n"), "{}", run.stdout);
    assert!(run.stdout.contains("formats   13 PNG\n"), "{}", run.stdout);
    assert!(run.stdout.contains("ants       6      6   46.2 %\n"), "{}", run.stdout);
    let last = run.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("nothing wrong found; next: ") && last.ends_with("icecap train photos"),
        "{last}"
    );

    let again = report(&place.icecap(&["check", "photos", "--json"]).succeeds());
    assert_eq!((again["cached"].as_u64(), again["verdict"].as_str()), (Some(13), Some("clean")));
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1"]).succeeds();
    assert_eq!(place.json("run/metrics.json")["photos"]["cached"], 13);
}

/// A place whose folder `d` has one of everything that is wrong.
fn with_everything_wrong() -> Place {
    let place = Place::new();
    fill(&place, "d/train/ants", 0, 12);
    fill(&place, "d/train/bees", 20, 12);
    fill(&place, "d/val/ants", 40, 3);
    fill(&place, "d/val/Bees", 50, 3);
    let copy = |from: &str, to: &str| {
        fs::copy(place.path(from), place.path(to)).unwrap();
    };
    copy("d/train/ants/1.png", "d/train/ants/1 copy.png");
    copy("d/train/ants/2.png", "d/train/bees/2.png");
    copy("d/train/ants/3.png", "d/val/ants/3.png");
    // Nearly the same: half the size, and as a JPEG.
    let half = |photo: &RgbImage| imageops::thumbnail(photo, photo.width() / 2, photo.height() / 2);
    save(&place, "d/val/ants/half.jpg", &half(&picture(4, 94, 80)));
    save(&place, "d/train/bees/again.jpg", &picture(5, 95, 80));
    fs::write(place.path("d/train/ants/text.jpg"), "no photo").unwrap();
    copy("d/train/ants/6.png", "d/train/ants/6.jpg");
    fs::remove_file(place.path("d/train/ants/6.png")).unwrap();
    save(&place, "d/train/ants/black.png", &RgbImage::new(64, 64));
    save(&place, "d/train/ants/small.png", &picture(60, 20, 21));
    save(&place, "d/train/ants/long.png", &picture(61, 400, 90));
    fs::write(place.path("d/train/ants/notes.txt"), "x").unwrap();
    fill(&place, "d/more", 70, 1);
    place
}

#[test]
fn everything_that_is_wrong_is_told_with_its_photos_and_nothing_is_written() {
    let place = with_everything_wrong();
    let mut before = BTreeMap::new();
    everything(&place.path("d"), &mut before);

    let report = report(&place.icecap(&["check", "d", "--json"]).succeeds());
    let mut after = BTreeMap::new();
    everything(&place.path("d"), &mut after);
    assert!(before == after, "nothing in the folder is touched");

    let one = |kind: &str, photo: &str| {
        let all = found(&report, kind);
        let of_photo: Vec<_> =
            all.iter().filter(|(.., photos)| photos.iter().any(|name| name.ends_with(photo))).collect();
        assert_eq!(of_photo.len(), 1, "{kind} {photo}: {all:?}");
        of_photo[0].clone()
    };
    let (level, message, photos) = one("identical", "1 copy.png");
    assert_eq!((level.as_str(), message.as_str(), photos.len()), ("warning", "the same file 2 times", 2));
    let (level, message, _) = one("identical", "bees/2.png");
    assert!(level == "error" && message.contains("'ants' and 'bees'"), "{message}");
    let (level, message, photos) = one("identical", "val/ants/3.png");
    assert!(level == "error" && message.contains("train and val"), "{message}");
    assert_eq!(photos, ["train/ants/3.png", "val/ants/3.png"]);
    let (level, message, photos) = one("similar", "half.jpg");
    assert!(level == "warning" && message.contains("train and val"), "{message}");
    assert_eq!(photos, ["train/ants/4.png", "val/ants/half.jpg"]);
    let (level, message, photos) = one("similar", "again.jpg");
    assert!(level == "warning" && message.contains("'ants' and 'bees'"), "{message}");
    assert_eq!(photos, ["train/ants/5.png", "train/bees/again.jpg"]);
    let (level, message, _) = one("unreadable", "text.jpg");
    assert!(level == "error" && message.contains("no image"), "{message}");
    assert!(one("extension", "6.jpg").1.contains("holds a PNG"));
    let odd: Vec<String> = found(&report, "odd").into_iter().map(|(_, message, _)| message).collect();
    for said in ["all of one color", "very small, 20x21", "400x90 pixels, more than 4 times"] {
        assert_eq!(odd.iter().filter(|message| message.contains(said)).count(), 1, "{said}: {odd:?}");
    }
    let classes: Vec<String> = found(&report, "classes").into_iter().map(|(_, message, _)| message).collect();
    assert!(classes.iter().any(|message| message.contains("did you mean 'bees'")), "{classes:?}");
    assert!(classes.iter().any(|message| message.contains("d/more: beside the parts")), "{classes:?}");
    assert_eq!(classes.len(), 2, "{classes:?}");
    assert!(found(&report, "stray")[0].1.contains("notes.txt"));
    assert_eq!(report["unreadable"], 1);
    assert_eq!(report["classes"][2]["name"], "Bees");
    assert_eq!(
        (report["classes"][2]["train"].as_u64(), report["classes"][2]["val"].as_u64()),
        (Some(0), Some(3))
    );

    let strict = place.icecap(&["check", "d", "--strict"]);
    assert!(strict.fails(3).contains("d: 4 errors, the first: 'Bees' in val"), "{}", strict.stderr);
    assert!(strict.stdout.contains("a training would refuse this dataset"), "{}", strict.stdout);
    let line = "  train/ants/3.png = val/ants/3.png: the same file in train and val: what is learned from";
    assert!(strict.stdout.contains(line), "{}", strict.stdout);
    assert!(strict.stdout.contains("\ncopies: --write-exclude FILE lists"), "{}", strict.stdout);
}

#[test]
fn classes_that_a_training_refuses_or_learns_badly_are_told() {
    let place = Place::new();
    fill(&place, "few/ants", 0, 45);
    fill(&place, "few/bees", 50, 4);
    let rare = report(&place.icecap(&["check", "few", "--json"]).succeeds());
    assert_eq!(found(&rare, "few")[0].1, "'bees' has only 4 training photos");
    assert!(found(&rare, "imbalance")[0].1.contains("'ants' has 45 training photos and 'bees' 4, 11 to 1"));
    assert_eq!(rare["verdict"], "warnings");

    fill(&place, "one/ants", 0, 1);
    fs::create_dir_all(place.path("one/bees")).unwrap();
    let one = place.icecap(&["check", "one"]).succeeds();
    assert!(one.stdout.contains("one/bees: no photo in this class folder"), "{}", one.stdout);
    assert!(one.stdout.contains("only one class, 'ants'"), "{}", one.stdout);
    fs::create_dir_all(place.path("none")).unwrap();
    let none = place.icecap(&["check", "none", "--strict"]);
    assert!(none.fails(3).contains("none: no class folders"), "{}", none.stderr);
    fill(&place, "wrong/training/x", 0, 2);
    fill(&place, "wrong/validation/x", 2, 2);
    let wrong = place.icecap(&["check", "wrong"]).succeeds();
    assert!(
        wrong.stdout.contains("the classes are called training, validation, as parts are"),
        "{}",
        wrong.stdout
    );
    // What a training refuses is an error here.
    fill(&place, "parts/train/ants", 0, 3);
    fill(&place, "parts/train/bees", 10, 3);
    fs::create_dir_all(place.path("parts/val/ant")).unwrap();
    let refused =
        ["parts/val: no photo in this part", "'ant' in val is no class of the training photos; did you"];
    let parts = place.icecap(&["check", "parts"]).succeeds().stdout;
    assert!(refused.iter().all(|told| parts.contains(told)) && parts.contains("2 errors"), "{parts}");
    fill(&place, "parts/val/ants", 20, 2);
    let parts = place.icecap(&["check", "parts"]).succeeds().stdout;
    assert!(!parts.contains(refused[0]) && parts.contains(refused[1]), "{parts}");
    assert!(parts.contains("no photo of class 'bees' in val"), "{parts}");
    place.each_fails(&[
        (&["train", "parts"], 3, "parts/val/ant: 'ant' is no class"),
        (&["check", "missing"], 5, "missing"),
        (&["check", "few", "--val", "missing"], 5, "missing"),
    ]);
}

/// Copies of real photos in half the size, under ImageNet weights: nearly all are told, and no two different photos.
#[test]
fn copies_of_real_photos_are_told_and_other_photos_are_not() {
    let Some(assets) = place::assets() else { return };
    let weights = assets.join("weights/keras_mobilenet_v2_1.0_imagenet.safetensors");
    let place = Place::new();
    for class in ["ants", "bees"] {
        for part in ["train", "val"] {
            fs::create_dir_all(place.path(format!("d/{part}/{class}"))).unwrap();
        }
        let from = assets.join("datasets/hymenoptera/train").join(class);
        let mut photos: Vec<_> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
        photos.sort();
        for (number, photo) in
            photos.iter().filter(|path| path.extension().is_some_and(|e| e == "jpg")).take(40).enumerate()
        {
            fs::copy(photo, place.path(format!("d/train/{class}/{number}.jpg"))).unwrap();
            let Ok(image) = image::open(photo) else { continue };
            let (width, height) = (image.width() / 2, image.height() / 2);
            let half = image.resize_exact(width, height, imageops::FilterType::Triangle).to_rgb8();
            half.save(place.path(format!("d/val/{class}/{number}.jpg"))).unwrap();
        }
    }
    let copies: usize =
        ["ants", "bees"].map(|class| place.names(&format!("d/val/{class}")).len()).iter().sum();
    assert!(copies >= 70, "{copies}");
    let run = place.icecap(&["check", "d", "--json", "--weights", weights.to_str().unwrap()]).succeeds();
    let groups = found(&report(&run), "similar");
    for (_, message, photos) in &groups {
        let original = photos[0].replace("train/", "val/");
        assert_eq!(photos[1..], [original], "{message}");
    }
    assert!(groups.len() * 100 >= copies * 98, "{} of {copies} copies", groups.len());
}

/// Photos in `photos/ants` and `photos/bees`, some of them with a copy of half the size or mirrored.
fn with_copies() -> Place {
    let place = Place::new();
    fill(&place, "photos/ants", 0, 12);
    fill(&place, "photos/bees", 20, 12);
    for number in [1, 2, 3, 4] {
        let photo = picture(number, 90 + number as u32, 80);
        save(&place, &format!("photos/ants/{number} mirrored.png"), &imageops::flip_horizontal(&photo));
        let photo = picture(20 + number, 110 + number as u32, 80);
        let half = imageops::thumbnail(&photo, photo.width() / 2, 40);
        save(&place, &format!("photos/bees/{} half.jpg", 20 + number), &half);
    }
    place
}

#[test]
fn copies_leave_by_a_list_that_is_read_back_and_no_file_is_replaced_unasked() {
    let place = with_copies();
    fs::copy(place.path("photos/ants/5.png"), place.path("photos/ants/5 again.png")).unwrap();
    // A copy of another label, and one of a training photo in validation.
    save(&place, "photos/bees/ant.png", &imageops::flip_horizontal(&picture(6, 96, 80)));
    let run = place.icecap(&["check", "photos", "--write-exclude", "leave.csv"]).succeeds();
    assert!(run.stderr.contains("11 photos to leave out in leave.csv, 2 of them"), "{}", run.stderr);
    let next = run.stdout.trim_end().lines().last().unwrap();
    assert!(next.ends_with("icecap train photos --exclude leave.csv"), "{next}");
    let list = fs::read_to_string(place.path("leave.csv")).unwrap();
    for line in [
        "path,kept,reason",
        "ants/5 again.png,ants/5.png,\"the same file; the other stays, since its name is shorter\"",
        "ants/1 mirrored.png,ants/1.png,\"nearly the same photo; the other stays, since its name is shorter\"",
        "bees/21 half.jpg,bees/21.png,\"nearly the same photo; the other stays, since it is larger\"",
        "ants/6.png,,\"'ants', and a copy is 'bees': both leave\"",
        "bees/ant.png,,\"'bees', and a copy is 'ants': both leave\"",
    ] {
        assert!(list.lines().any(|of| of == line), "{line}\n{list}");
    }
    let clean = report(&place.icecap(&["check", "photos", "--exclude", "leave.csv", "--json"]).succeeds());
    assert!(found(&clean, "similar").is_empty() && found(&clean, "identical").is_empty());
    assert_eq!(clean["photos"], 24 + 8 + 1 + 1 - 11);
    place.icecap(&["train", "photos", "--exclude", "leave.csv", "--out", "run", "--epochs", "1"]).succeeds();
    // What was left out before stands on the next list, too.
    let words = ["check", "photos", "--exclude", "leave.csv", "--write-exclude", "more.csv"];
    place.icecap(&words).succeeds();
    assert_eq!(fs::read_to_string(place.path("more.csv")).unwrap().lines().count(), 12);
    place.each_fails(&[(
        &["check", "photos", "--write-exclude", "leave.csv"],
        5,
        "leave.csv: is there already",
    )]);
    for likeness in ["7", "0.1", "much", "NaN"] {
        let run = place.icecap(&["check", "photos", "--similar", likeness]);
        let said = run.stderr.contains("use a likeness from 0.4 to 1, as in 0.75");
        assert!(run.code == Some(2) && said, "{run:?}");
    }
    assert_eq!(fs::read_to_string(place.path("leave.csv")).unwrap(), list);
    place.icecap(&["check", "photos", "--write-exclude", "leave.csv", "--force"]).succeeds();
    let strict = report(&place.icecap(&["check", "photos", "--json", "--similar", "1"]).succeeds());
    assert!(found(&strict, "similar").len() < 9, "{:?}", found(&strict, "similar"));
}

/// The part of each photo in a run's split, by its name.
fn parts(place: &Place, run: &str) -> BTreeMap<String, String> {
    let split = fs::read_to_string(place.path(format!("{run}/split.csv"))).unwrap();
    let rows = split.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.map(|row| (row[2].to_owned(), row[0].to_owned())).collect()
}

#[test]
fn no_split_parts_copies_that_are_kept_together() {
    let place = with_copies();
    let apart = |parts: &BTreeMap<String, String>| {
        let copies = parts.iter().filter(|(path, _)| path.contains(' '));
        copies
            .filter(|(path, part)| {
                let photo = format!("{}.png", path.split_once(' ').unwrap().0);
                parts.get(&photo) != Some(part)
            })
            .count()
    };
    let train = |out: &str, more: &[&str]| {
        let words = [&["train", "photos", "--epochs", "1", "--out", out], more].concat();
        place.icecap(&words).succeeds()
    };
    train("plain", &[]);
    assert!(apart(&parts(&place, "plain")) > 0, "chance does not part them: another seed is needed");
    let run = train("run", &["--group", "duplicates"]);
    assert!(run.stderr.contains("16 photos kept together as copies, in 8 groups"), "{}", run.stderr);
    let first = parts(&place, "run");
    assert_eq!((first.len(), apart(&first)), (32, 0));
    let arguments = fs::read_to_string(place.path("run/args.toml")).unwrap();
    assert!(arguments.contains("group = \"duplicates\"\n"), "{arguments}");
    train("folds", &["--group", "duplicates", "--folds", "3"]);
    // Whatever the size, they are the same copies: what was chosen of several is what would have been typed.
    let swept = train("swept", &["--group", "duplicates", "--try", "size=32,96"]);
    assert_eq!(
        swept.stderr.matches("note: using the built-in starter weights").count(),
        1,
        "{}",
        swept.stderr
    );
    assert_eq!(parts(&place, "swept"), first);

    // Copies that came later go where their photo is, without a word.
    for number in 7..12 {
        let photo = picture(number, 90 + number as u32, 80);
        save(&place, &format!("photos/ants/{number} late.png"), &imageops::flip_horizontal(&photo));
    }
    train("since", &["--since", "run"]);
    let second = parts(&place, "since");
    assert_eq!((second.len(), apart(&second)), (37, 0));
    assert!(first.iter().all(|(path, part)| second[path] == *part));
    let arguments = fs::read_to_string(place.path("since/args.toml")).unwrap();
    assert!(arguments.contains("group = \"duplicates\"\n"), "{arguments}");
    place.each_fails(&[(
        &["train", "photos", "--since", "run", "--group", "^."],
        2,
        "--group cannot be a rule where --since names a run",
    )]);
}
