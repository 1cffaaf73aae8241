//! `train --augment` and `predict --tta`: photos seen in several ways.

use serde_json::Value;

use crate::place::{EACH, Place};

fn metrics(place: &Place, arguments: &[&str]) -> Value {
    let run = place.icecap(&[&["train", "photos", "--json", "--epochs", "3"], arguments].concat()).succeeds();
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn views_are_computed_once_and_learned_from_and_nothing_else_changes() {
    let place = Place::two_classes();
    let plain = metrics(&place, &["--out", "plain"]);
    let augmented = ["--augment", "flip,crop:0.7,color", "--views", "3"];
    let first = metrics(&place, &[&augmented[..], &["--out", "first"]].concat());
    // Validation photos were there; of the training photos their views were not.
    assert_eq!((&first["photos"]["read"], &first["photos"]["cached"]), (&20.into(), &4.into()));
    let second = metrics(&place, &[&augmented[..], &["--out", "second"]].concat());
    assert_eq!(second["photos"]["cached"], 20);
    let model = |run: &str| std::fs::read(place.path(format!("{run}/model.safetensors"))).unwrap();
    assert!(model("first") == model("second") && model("first") != model("plain"));
    // A line for each photo, whatever the number of its views.
    let rows = |run: &str| place.text(&format!("{run}/predictions.csv")).lines().count();
    assert_eq!((rows("first"), rows("plain")), (1 + 2 * EACH as usize, 1 + 2 * EACH as usize));
    assert_eq!(plain["loss_0"], first["loss_0"], "the same untrained head on the same photos");
    let arguments = place.text("first/args.toml");
    assert!(arguments.contains("augment = \"flip,crop:0.7,color:0.2\"") && arguments.contains("views = 3"));
    // Folds hold photos, not views of them.
    let folds = metrics(&place, &[&augmented[..], &["--folds", "2", "--out", "folds"]].concat());
    let photos: u64 =
        folds["folds"]["each"].as_array().unwrap().iter().map(|f| f["photos"].as_u64().unwrap()).sum();
    assert_eq!(photos, u64::from(2 * EACH));
}

#[test]
fn a_photo_and_its_mirror_image_are_the_same_to_a_prediction_of_both() {
    let place = Place::two_classes();
    place.icecap(&["train", "photos", "--out", "run"]).succeeds();
    let photo = image::open(place.path("photos/red/4.png")).unwrap();
    std::fs::create_dir_all(place.path("new")).unwrap();
    photo.save(place.path("new/a.png")).unwrap();
    photo.fliph().save(place.path("new/b.png")).unwrap();
    let probability = |photo: &str, more: &[&str]| {
        let words = [&["predict", "run/model.safetensors", photo, "--format", "jsonl"], more].concat();
        let row: Value = serde_json::from_str(&place.icecap(&words).succeeds().stdout).unwrap();
        row["probability"].as_f64().unwrap()
    };
    let (a, b) = (probability("new/a.png", &[]), probability("new/b.png", &[]));
    assert_ne!(a, b);
    let (both, turned) = (probability("new/a.png", &["--tta"]), probability("new/b.png", &["--tta"]));
    // Squashed, a mirror image differs in the last digits of its pixels.
    assert!((both - turned).abs() < 1e-3, "{both} {turned}");
    assert!(both > a.min(b) - 1e-3 && both < a.max(b) + 1e-3, "{a} {b} {both}");
}

#[test]
fn what_is_no_augmentation_is_told() {
    let place = Place::two_classes();
    for (arguments, told) in [
        (["--augment", "spin"], "'spin' is no augmentation"),
        (["--augment", "crop:2"], "crop:SHARE"),
        (["--views", "3"], "--augment"),
        // One view is the photo itself, and nothing is augmented.
        (["--augment=flip", "--views=1"], "2..=64"),
    ] {
        let run = place.icecap(&[&["train", "photos"], &arguments[..]].concat());
        assert!(run.code == Some(2) && run.stderr.contains(told), "{run:?}");
    }
    let run = place.icecap(&["train", "photos", "--augment", "flip", "--views", "8", "-o", "run"]).succeeds();
    assert!(run.stdout.contains(" steps for 16 photos in 8 views each, by 4 folds)"), "{}", run.stdout);
}
