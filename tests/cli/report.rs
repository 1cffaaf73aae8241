//! `report.html`, `report` and `compare` as a person meets them: made by the binary, opened in a browser.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::browser::Browser;
use crate::page::{five_classes, stands_alone};
use crate::place::Place;

/// Opens the page in a browser at the widths of a desk and of a phone.
fn opens(place: &Place, page: &str, title: &str) {
    let Some(browser) = Browser::find() else { return };
    let room = place.path("browser");
    fs::create_dir_all(&room).unwrap();
    for width in [1280, 390] {
        let told = browser.probe(&place.path(page), width, &room);
        let empty = |key: &str| assert_eq!(told[key], Value::Array(Vec::new()), "{key} at {width}: {told}");
        ["told", "wide", "requests"].iter().for_each(|key| empty(key));
        assert!(told["scroll"].as_u64().unwrap() <= told["width"].as_u64().unwrap(), "{told}");
        assert_eq!(told["images"], 0, "pictures that cannot be shown");
        let sorted: Vec<u64> =
            told["sorted"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().parse().unwrap()).collect();
        assert!(!sorted.is_empty() && sorted.is_sorted_by(|a, b| a >= b), "{told}");
        assert!(!told["shown"].as_str().unwrap().is_empty(), "nothing under the pointer");
        let height = told["height"].as_u64().unwrap() as u32;
        // Each picture takes a second or two: all four for whoever wants to look, else each width and each scheme once.
        let folder = std::env::var_os("ICECAP_TEST_SCREENSHOTS");
        for scheme in
            [0, 1].into_iter().filter(|scheme| folder.is_some() || (*scheme == 1) == (width == 1280))
        {
            let png = browser.screenshot(&place.path(page), width, height.min(16_000), scheme, &room);
            let picture = image::load_from_memory(&png).unwrap().to_rgb8();
            let paper = picture.get_pixel(3, 3).0;
            assert_eq!(paper.iter().all(|value| *value < 64), scheme == 0, "paper of {paper:?}");
            let colors: std::collections::HashSet<[u8; 3]> = picture.pixels().map(|pixel| pixel.0).collect();
            assert!(colors.len() > 100, "a picture of {} colors", colors.len());
            if let Some(folder) = &folder {
                let file = Path::new(folder).join(format!("{title}-{width}-{scheme}.png"));
                fs::write(file, png).unwrap();
            }
        }
    }
}

#[test]
fn a_run_of_two_classes_has_its_page() {
    let place = Place::two_classes();
    let run = place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    assert!(run.stdout.contains("report      run/report.html"), "{}", run.stdout);
    let html = place.text("run/report.html");
    stands_alone(&html);
    for section in [
        "data",
        "curves",
        "confusion",
        "scores",
        "reliability",
        "errors",
        "mislabels",
        "map",
        "timing",
        "repeat",
    ] {
        assert!(html.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    assert!(
        html.contains("<span>train</span> <span>photos</span> <span>--out</span> <span>run</span>")
            && html.contains("95&nbsp;% interval")
    );
    // A row for each photo, whose class is its folder's.
    let predictions = place.text("run/predictions.csv");
    let temperature = place.json("run/metrics.json")["temperature"].as_f64().unwrap();
    assert_eq!(predictions.lines().count(), 21);
    for line in predictions.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        assert!(fields[1].starts_with(&format!("{}/", fields[2])), "{line}");
        let (logit, probability): (f64, f64) = (fields[6].parse().unwrap(), fields[4].parse().unwrap());
        let second = 1.0 / (1.0 + (-logit / temperature).exp());
        let expected = if fields[3] == "red" { second } else { 1.0 - second };
        assert!((probability - expected).abs() < 1e-6, "{line}");
    }
    opens(&place, "run/report.html", "two");
}

#[test]
fn a_run_of_five_classes_with_hostile_names_has_its_page() {
    let place = five_classes();
    place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    let html = place.text("run/report.html");
    stands_alone(&html);
    assert!(!html.contains("alert(1)<script>") && !html.contains("<img src=x") && !html.contains('\u{202e}'));
    assert!(
        html.matches("<figure class=\"photo pair\">").count() > 2,
        "photos of another class are among the errors, each beside where the model looked"
    );
    assert_eq!(html.matches("<g class=\"cell\">").count(), 25);
    opens(&place, "run/report.html", "five");
}

#[test]
fn a_page_is_made_again_also_of_an_older_run_whose_photos_have_moved() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    let first = place.text("run/report.html");
    place.icecap(&["report", "run", "-o", "again.html"]).succeeds();
    assert_eq!(first, place.text("again.html"));
    fs::rename(place.path("photos"), place.path("elsewhere")).unwrap();
    place.icecap(&["report", "run", "-o", "moved.html"]).succeeds();
    let moved = place.text("moved.html");
    assert!(moved.contains("photo not found here") && !moved.contains("data:image/jpeg"));
    // What an older version did not write is not shown.
    fs::remove_file(place.path("run/predictions.csv")).unwrap();
    fs::remove_file(place.path("run/args.toml")).unwrap();
    fs::write(place.path("run/metrics.json"), r#"{"classes":[{"name":"a"}],"val_accuracy":null,"new":[1]}"#)
        .unwrap();
    place.icecap(&["report", "run"]).succeeds();
    let old = place.text("run/report.html");
    assert!(!old.contains("id=\"map\"") && !old.contains("id=\"curves\"") && old.contains("id=\"data\""));
    // A run whose photos were all learned from has an accuracy over folds.
    let folds =
        r#"{"classes":[{"name":"a","train":9}],"folds":{"accuracy":0.9,"spread":0.02,"each":[{},{}]}}"#;
    fs::write(place.path("run/metrics.json"), folds).unwrap();
    place.icecap(&["report", "run"]).succeeds();
    assert!(place.text("run/report.html").contains("mean accuracy over 2 folds of the training photos"));
    // Training again without a page takes the old one away.
    fs::rename(place.path("elsewhere"), place.path("photos")).unwrap();
    place.icecap(&["train", "photos", "--out", "run", "--no-report", "--force"]).succeeds();
    assert!(!place.path("run/report.html").exists());
}

/// What the tests above rest on: that the probe sees what is wrong.
#[test]
fn the_probe_tells_what_is_wrong_with_a_page() {
    let Some(browser) = Browser::find() else { return };
    let place = Place::new();
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
                  script-src 'unsafe-inline'; style-src 'unsafe-inline'; form-action 'none'\">";
    let body = "<div style=\"width:2000px\">wide</div><img src=\"http://127.0.0.1:9/x.png\" alt=\"\">\
                <script>console.error('told'); nothing();</script>";
    let page = place.path("page.html");
    fs::write(&page, format!("<!doctype html><html><head>{policy}</head><body>{body}</body></html>"))
        .unwrap();
    let told = browser.probe(&page, 390, &place.path(""));
    let said = told["told"].to_string();
    for wrong in ["told", "nothing", "blocked: http://127.0.0.1:9/x.png"] {
        assert!(said.contains(wrong), "{wrong}: {told}");
    }
    assert!(
        told["wide"].to_string().contains("DIV")
            && told["scroll"].as_u64().unwrap() >= 2000
            && told["images"] == 1,
        "{told}"
    );
    assert_eq!(told["width"], 390);
}

#[test]
fn a_damaged_run_is_told_with_file_and_line() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run", "--epochs", "1", "--no-report"]).succeeds();
    fs::write(place.path("file"), "x").unwrap();
    place.each_fails(&[
        (&["report", "photos"], 3, "photos: not the folder of a run"),
        (&["report", "missing"], 5, "missing"),
        (&["report", "file"], 5, "file"),
        (&["report", "run", "-o", "missing/x.html"], 5, "missing/x.html"),
    ]);
    let predictions = place.text("run/predictions.csv");
    fs::write(place.path("run/predictions.csv"), predictions.replacen("train,", "trian,", 3)).unwrap();
    place.each_fails(&[(&["report", "run"], 3, "run/predictions.csv: line 2: the part 'trian'")]);
    fs::write(place.path("run/metrics.json"), "{\n\"classes\": 3}").unwrap();
    place.each_fails(&[(&["compare", "run", "run"], 3, "line 2")]);
}

#[test]
fn runs_are_held_against_each_other_photo_by_photo() {
    let place = five_classes();
    place.icecap(&["train", "photos", "--out", "one", "--epochs", "1", "--no-report"]).succeeds();
    place
        .icecap(&["train", "photos", "--out", "two", "--epochs", "40", "--lr", "0.01", "--no-report"])
        .succeeds();
    let said = place.icecap(&["compare", "one", "two"]).succeeds().stdout;
    for line in [
        "validation accuracy",
        "95 % interval",
        "seconds in all",
        "F1 by class",
        "what differs",
        "McNemar's exact p",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let json: Value =
        serde_json::from_str(&place.icecap(&["compare", "one", "two", "one", "--json"]).succeeds().stdout)
            .unwrap();
    let options: Vec<&str> =
        json["options"].as_array().unwrap().iter().map(|o| o["option"].as_str().unwrap()).collect();
    assert_eq!(options, ["epochs", "lr"]);
    assert_eq!(json["options"][0]["values"], serde_json::json!(["1", "40", "1"]));
    for (index, run) in ["one", "two"].iter().enumerate() {
        let written = place.json(&format!("{run}/metrics.json"))["val_accuracy"].as_f64().unwrap();
        assert!((json["runs"][index]["val_accuracy"].as_f64().unwrap() - written).abs() < 1e-6, "{run}");
    }
    let pair = &json["pairs"][0];
    let count = |key: &str| pair[key].as_u64().unwrap();
    let photos = count("photos");
    assert_eq!(photos, json["runs"][0]["val_photos"].as_u64().unwrap());
    assert_eq!(photos, count("both_right") + count("only_first") + count("only_this") + count("both_wrong"));
    let share = |right: u64| right as f64 / photos as f64;
    let accuracy = |run: usize| json["runs"][run]["val_accuracy"].as_f64().unwrap();
    assert!((share(count("both_right") + count("only_first")) - accuracy(0)).abs() < 1e-9);
    assert!((share(count("both_right") + count("only_this")) - accuracy(1)).abs() < 1e-9);
    assert!(count("only_this") > count("only_first"), "forty epochs see more than one: {pair}");
    // A run against itself.
    assert_eq!(json["pairs"][1]["p"], 1.0);
    assert_eq!(json["pairs"][1]["only_this"], 0);
    assert_eq!(place.icecap(&["compare", "one"]).code, Some(2));
}
