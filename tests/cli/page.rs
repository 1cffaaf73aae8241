//! What holds of every page: it stands alone, is well built, weighs little, and says nothing of the machine that it was made on.

use std::fs;

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::place::Place;

/// Names that a page must not take for anything but names.
#[cfg(unix)]
const CLASSES: [&str; 5] = [
    "<script>alert(1)<script>",
    "a\"b'c & d",
    "line\nbreak",
    "<img src=x onerror=alert(1)>",
    "r\u{202e}gpj.نمل",
];
#[cfg(not(unix))]
const CLASSES: [&str; 5] = ["a & b", "b'c", "c", "d", "نمل"];

/// Photos of five classes, told by their color; two of each class have another's, so that something is wrong.
pub(crate) fn five_classes() -> Place {
    let place = Place::new();
    let colors: [[u8; 3]; 5] = [[220, 40, 40], [40, 200, 60], [50, 70, 220], [220, 200, 40], [200, 60, 200]];
    for (class, name) in CLASSES.iter().enumerate() {
        let folder = place.path("photos").join(name);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..14_u32 {
            let color = colors[if number % 7 == 3 { (class + 1) % 5 } else { class }];
            let photo = RgbImage::from_fn(60 + number, 50, |x, y| {
                let light = 60 + (x * (number + 3) + y * 5) % 40;
                Rgb(color.map(|value| (u32::from(value) * light / 100) as u8))
            });
            photo.save(folder.join(format!("{number}.png"))).unwrap();
        }
    }
    place
}

/// What a page may weigh.
const MOST_BYTES: usize = 3_000_000;

/// What makes a page go elsewhere; pictures have their bytes inside.
#[track_caller]
pub(crate) fn stands_alone(html: &str) {
    // The bytes of a picture may spell anything.
    let without_pictures: String =
        html.split("src=\"data:").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
    for wrong in ["NaN", "Infinity", "\"inf", " inf "] {
        assert!(!without_pictures.contains(wrong), "{wrong}");
    }
    is_well_built(html);
    for outside in
        ["http:", "https:", "//cdn", "@import", "url(", "<link rel=\"stylesheet", "<iframe", "<object"]
    {
        assert!(!html.contains(outside), "{outside}");
    }
    // Inside tags, outside the values of attributes.
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let words: Vec<&str> = tag.split('"').collect();
        for (index, word) in words.iter().enumerate().step_by(2).filter(|_| words.len() % 2 == 1) {
            assert!(!word.contains(" on"), "{tag:.200}");
            if word.contains("src=") {
                assert!(words[index + 1].starts_with("data:image/jpeg;base64,"), "{tag:.200}");
            }
        }
    }
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(html.contains("default-src 'none'; img-src data:;"));
    assert!(html.len() < MOST_BYTES, "{} bytes", html.len());
}

/// Headings come in order, names of places are there once, links lead somewhere, pictures and tables say what they are.
#[track_caller]
fn is_well_built(html: &str) {
    let body = html.split_once("<body>").unwrap().1.split_once("<script>").unwrap().0;
    let tags: Vec<&str> =
        body.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag).collect();
    let of = |tag: &str, name: &str| {
        let value = tag.split_once(&format!(" {name}=\"")).map(|(_, rest)| rest.split('"').next().unwrap());
        value.map(str::to_owned)
    };
    let levels: Vec<u8> =
        (tags.iter()).filter_map(|tag| tag.strip_prefix('h')?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1, "{levels:?}");
    assert!(levels[0] == 1 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    let ids: Vec<String> = tags.iter().filter_map(|tag| of(tag, "id")).collect();
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len(), "{ids:?}");
    for link in tags.iter().filter(|tag| tag.starts_with("a ")).filter_map(|tag| of(tag, "href")) {
        assert!(ids.iter().any(|id| link == format!("#{id}")), "{link} leads nowhere");
    }
    for tag in &tags {
        let told = match tag.split(' ').next().unwrap() {
            "img" => of(tag, "alt").is_some_and(|alt| !alt.is_empty()),
            "svg" => tag.contains("aria-hidden=\"true\"") || of(tag, "aria-label").is_some(),
            "th" => of(tag, "scope").is_some(),
            _ => true,
        };
        assert!(told, "{tag:.200}");
    }
    let count = |tag: &str| tags.iter().filter(|other| other.split(' ').next() == Some(tag)).count();
    assert_eq!(count("table"), count("thead"), "a table without a header");
}

/// Nothing that is sent on says where the photos lie. `args.toml` and `split.csv` do, by which a run is repeated and its photos are
/// found again; so does what is left of a run that was interrupted.
#[track_caller]
fn names_no_place(place: &Place, run: &str) {
    let folders = [place.path(""), place.path("").canonicalize().unwrap()];
    let mut files = 0;
    for file in fs::read_dir(place.path(run)).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_dir() || ["args.toml", "split.csv"].iter().any(|name| file.ends_with(name)) {
            continue;
        }
        files += 1;
        let bytes = fs::read(&file).unwrap();
        for folder in &folders {
            let named = folder.to_str().unwrap().trim_end_matches(std::path::MAIN_SEPARATOR).as_bytes();
            let holds = bytes.windows(named.len()).any(|part| part == named);
            assert!(!holds, "{} names {}", file.display(), folder.display());
        }
    }
    assert!(files >= 5, "{files} files");
}

#[test]
fn what_is_sent_on_says_nothing_of_the_machine() {
    let place = five_classes();
    fs::write(place.path("photos/a\"b'c & d/broken.png"), "no photo").unwrap();
    let [photos, run, val] =
        ["photos", "run", "val"].map(|name| place.path(name).to_str().unwrap().to_owned());
    place.icecap(&["train", &photos, "--out", &run]).succeeds();
    names_no_place(&place, "run");
    let html = place.text("run/report.html");
    assert!(html.contains("data:image/jpeg") && !html.contains("photo not found here"));
    // The page is made again, from the names alone.
    place.icecap(&["report", &run, "-o", "again.html"]).succeeds();
    assert_eq!(place.text("again.html"), html);
    // A run since another one, whose validation photos have a folder of their own and are tuned on.
    fs::rename(place.path("photos/a\"b'c & d"), place.path("kept")).unwrap();
    fs::remove_file(place.path("kept/broken.png")).unwrap();
    fs::remove_dir_all(place.path("photos")).unwrap();
    for part in ["photos", "val"] {
        place.draw(&format!("{part}/red"), "red", 12);
        place.draw(&format!("{part}/blue"), "blue", 12);
    }
    place
        .icecap(&["train", &photos, "--val", &val, "--out", &run, "--force", "--unfreeze", "block_16"])
        .succeeds();
    names_no_place(&place, "run");
    assert!(
        place.text("run/predictions.csv").contains("\nval,red/0.png,"),
        "{}",
        place.text("run/predictions.csv")
    );
    place.icecap(&["train", &photos, "--val", &val, "--since", &run, "--out", "since"]).succeeds();
    names_no_place(&place, "since");
    // Photos of a list that lie anywhere.
    let list: String = ["red", "blue"]
        .iter()
        .flat_map(|class| (0..10).map(move |number| (class, number)))
        .map(|(class, number)| {
            let file = place.path("photos").join(class);
            let file = fs::read_dir(&file).unwrap().nth(number).unwrap().unwrap().path();
            format!("{},{class}\n", file.display())
        })
        .collect();
    fs::create_dir(place.path("lists")).unwrap();
    fs::write(place.path("lists/all.csv"), format!("path,label\n{list}")).unwrap();
    let list = place.path("lists/all.csv").to_str().unwrap().to_owned();
    place.icecap(&["train", &list, "--out", "listed", "--json"]).succeeds();
    names_no_place(&place, "listed");
    assert!(place.text("listed/report.html").contains("data:image/jpeg"));
}

#[test]
fn the_page_of_a_run_of_an_older_version_says_nothing_of_the_machine_either() {
    let place = Place::two_classes();
    let photos = place.path("photos").to_str().unwrap().to_owned();
    place.icecap(&["train", &photos, "--out", "run"]).succeeds();
    let html = place.text("run/report.html");
    // Its files had whole paths.
    let whole = |line: &str| match line.split_once(',') {
        Some((part, rest)) if part != "part" => format!("{part},{photos}/{rest}\n"),
        _ => format!("{line}\n"),
    };
    let predictions: String = place.text("run/predictions.csv").lines().map(whole).collect();
    fs::write(place.path("run/predictions.csv"), predictions).unwrap();
    place.icecap(&["report", "run", "-o", "old.html"]).succeeds();
    assert_eq!(place.text("old.html"), html);
}

/// Photos of noise, which nothing makes small; names as long as they get; as many classes, epochs and errors as are shown.
#[test]
fn a_page_is_bounded_whatever_it_shows() {
    let place = Place::new();
    fs::create_dir_all(place.path("photos")).unwrap();
    let mut seed = 7_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    for number in 0..40 {
        let photo = RgbImage::from_fn(240, 240, |_, _| Rgb([noise(), noise(), noise()]));
        photo.save(place.path(format!("photos/{number}.jpg"))).unwrap();
    }
    let long = "a name that goes on and on, further than anybody would read it, and then some ".repeat(3);
    for classes in [5, 20, 21, 50, 100] {
        let run = format!("run-{classes}");
        fs::create_dir_all(place.path(&run)).unwrap();
        let names: Vec<String> = (0..classes).map(|class| format!("{class} {long}")).collect();
        let counts: Vec<Value> = names
            .iter()
            .map(|name| serde_json::json!({"name": name, "train": 90, "val": 60, "test": 10}))
            .collect();
        let epoch = |epoch: u32| {
            serde_json::json!({"epoch": epoch, "running_loss": 1.5, "train_loss": 1.25, "val_loss": 1.125,
                "running_accuracy": 0.5, "train_accuracy": 0.25, "val_accuracy": 0.125})
        };
        let history: Vec<Value> = (1..=3000).map(epoch).collect();
        let metrics =
            serde_json::json!({"classes": counts, "loss_0": 2.0, "accuracy_0": 0.1, "history": history});
        fs::write(place.path(format!("{run}/metrics.json")), metrics.to_string()).unwrap();
        let mut rows = "part,path,true,predicted,probability,true_probability,map_x,map_y\n".to_owned();
        for (number, part) in (0..6000).map(|number| (number, ["train", "val"][number / 3000])) {
            let [class, taken] = [number % classes, (number * 7 + number / classes) % classes];
            rows += &format!(
                "{part},{}/{}.jpg,\"{}\",\"{}\",0.75,0.25,{},{}\n",
                place.path("photos").display(),
                number % 40,
                names[class],
                names[taken],
                number % 61,
                number % 67
            );
        }
        fs::write(place.path(format!("{run}/predictions.csv")), rows).unwrap();
        place.icecap(&["report", &run]).succeeds();
        let html = place.text(&format!("{run}/report.html"));
        stands_alone(&html);
        assert!(html.len() > 1_500_000, "less than what the test is about: {} bytes", html.len());
    }
}
