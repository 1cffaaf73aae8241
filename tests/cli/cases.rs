//! Files as people have them, of the folder of large assets: they say what their own frameworks say of the same pixels.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::place::{Place, assets};

/// The probabilities of the classes `0`, `1`, … of a model that is imported from the file, on a photo.
fn seen(place: &Place, weights: &Path, classes: usize, photo: &Path) -> Vec<f64> {
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    fs::write(place.path("names.txt"), names.join("\n")).unwrap();
    let weights = weights.to_str().unwrap();
    let import = ["weights", "import", weights, "--classes", "@names.txt", "-o", "m.safetensors", "--force"];
    place.icecap(&import).succeeds();
    let top = classes.to_string();
    let arguments = ["predict", "m.safetensors", photo.to_str().unwrap(), "--top", &top, "--format", "jsonl"];
    let row: Value = serde_json::from_str(&place.icecap(&arguments).succeeds().stdout).unwrap();
    let mut probabilities = vec![0.0; classes];
    for choice in row["top"].as_array().unwrap() {
        let class: usize = choice["label"].as_str().unwrap().parse().unwrap();
        probabilities[class] = choice["probability"].as_f64().unwrap();
    }
    probabilities
}

/// Opens: Keras | exports of Teachable Machine, `keras_model.h5` with `labels.txt` | as any other model; the numbers in `labels.txt` are left out
#[test]
fn models_of_people_say_what_their_frameworks_say() {
    let Some(assets) = assets().filter(|assets| assets.join("cases").is_dir()) else { return };
    let place = Place::new();
    let (bmp, jpeg) = ("grace_hopper.bmp", "parrot.jpg");
    // From Keras 3.15, TensorFlow 2.21 and PyTorch, to the digits that are kept of them. The JPEG is decoded as by TensorFlow.
    for (name, photo, expected, within) in [
        ("tutorial_160.keras", jpeg, &[0.91471, 0.08515, 0.00014][..], 6e-6),
        ("tutorial_160.h5", jpeg, &[0.91471, 0.08515, 0.00014], 6e-6),
        ("seq_rescale255_224.keras", jpeg, &[0.13337, 0.57194, 0.00785, 0.28683], 6e-6),
        ("seq_rescale255_224.keras", bmp, &[0.2147, 0.4269, 0.0166, 0.3418], 6e-5),
        ("nobias_96.keras", jpeg, &[0.02651, 0.00163, 0.97186], 6e-6),
        ("two_dense_224.keras", jpeg, &[0.04011, 0.11743, 0.84246], 6e-6),
        ("bn_head_224.keras", jpeg, &[0.0001, 0.0000, 0.9999], 6e-5),
        ("resizing_crop_160.keras", jpeg, &[0.02438, 0.96710, 0.00852], 6e-6),
        ("teachable_two.h5", bmp, &[0.007_181, 0.992_819], 2e-6),
        ("lightning.ckpt", bmp, &[0.6588, 0.0360, 0.3052], 6e-5),
        ("net_key.pth", bmp, &[0.6588, 0.0360, 0.3052], 6e-5),
        ("only_numpy_scalar.pth", bmp, &[0.6588, 0.0360, 0.3052], 6e-5),
    ] {
        let (weights, photo) = (assets.join("cases/weights").join(name), assets.join("images").join(photo));
        let got = seen(&place, &weights, expected.len(), &photo);
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < within, "{name}: {got} where {expected} is right");
        }
    }
    let ten =
        seen(&place, &assets.join("cases/weights/teachable_ten.h5"), 10, &assets.join("images").join(bmp));
    assert!((ten[8] - 0.999_976).abs() < 2e-6, "{ten:?}");
}

#[test]
fn lists_of_people_open_beside_their_photos() {
    let Some(assets) = assets().filter(|assets| assets.join("cases").is_dir()) else { return };
    let place = Place::new();
    place.draw("drawn", "red", 10);
    fs::create_dir(place.path("train")).unwrap();
    for number in 0..10 {
        let name = format!("{}{}", if number < 5 { "a" } else { "b" }, 1 + number % 5);
        let ending = if number % 2 == 0 { "png" } else { "jpg" };
        let photo = image::open(place.path(format!("drawn/{number}.{ending}"))).unwrap();
        photo.save(place.path(format!("train/{name}.jpg"))).unwrap();
    }
    let lists = assets.join("cases/csv");
    for name in ["backslash", "filename", "image", "kaggle_id", "noext"] {
        fs::copy(lists.join(format!("{name}.csv")), place.path("list.csv")).unwrap();
        let checked = place.icecap(&["check", "list.csv", "--json"]).succeeds().stdout;
        let checked: Value = serde_json::from_str(&checked).unwrap();
        assert_eq!((&checked["photos"], &checked["unreadable"]), (&10.into(), &0.into()), "{name}");
        assert_eq!(
            (&checked["classes"][0]["name"], &checked["classes"][1]["name"]),
            (&"ant".into(), &"bee".into())
        );
    }
    // The names of classes behind a byte-order mark are those names.
    let weights = assets.join("cases/weights/tutorial_160.keras");
    let classes = format!("@{}", lists.join("classes_bom.txt").display());
    let import = ["weights", "import", weights.to_str().unwrap(), "--classes", &classes, "-o", "m", "--json"];
    let report: Value = serde_json::from_str(&place.icecap(&import).succeeds().stdout).unwrap();
    assert_eq!(report["classes"], serde_json::json!(["a", "b", "c"]));
}
