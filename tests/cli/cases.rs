//! Models as people have them, from the shared assets, on photos as people have them: what the framework that made a model
//! says of a photo's file, the program says, too. By option: `ICECAP_TEST_ASSETS`.

use serde_json::Value;

use crate::file_server::own_net::command;
use crate::place::{Place, Run, assets};

/// A model's file, the options of its import, a photo's file, and the probabilities of classes `0`, `1`, ….
struct Case {
    file: &'static str,
    options: &'static [&'static str],
    photo: &'static str,
    right: &'static [f64],
}

/// What Keras 3.15 with TensorFlow 2.21, and PyTorch, say of these.
const CASES: [Case; 12] = [
    case("tutorial_160.keras", "parrot.jpg", &[0.91471, 0.08515, 0.00014]),
    case("tutorial_160.h5", "parrot.jpg", &[0.91471, 0.08515, 0.00014]),
    case("seq_rescale255_224.keras", "parrot.jpg", &[0.13337, 0.57194, 0.00785, 0.28683]),
    case("seq_rescale255_224.keras", "grace_hopper.bmp", &[0.2147, 0.4269, 0.0166, 0.3418]),
    Case {
        options: &["--size", "96"],
        ..case("nobias_96.keras", "parrot.jpg", &[0.02651, 0.00163, 0.97186])
    },
    case("two_dense_224.keras", "parrot.jpg", &[0.04011, 0.11743, 0.84246]),
    case("bn_head_224.keras", "parrot.jpg", &[0.0001, 0.0000, 0.9999]),
    case("resizing_crop_160.keras", "parrot.jpg", &[0.02438, 0.96710, 0.00852]),
    case("teachable_two.h5", "grace_hopper.bmp", &[0.007_181, 0.992_819]),
    case("lightning.ckpt", "grace_hopper.bmp", &[0.6588, 0.0360, 0.3052]),
    case("net_key.pth", "grace_hopper.bmp", &[0.6588, 0.0360, 0.3052]),
    case("only_numpy_scalar.pth", "grace_hopper.bmp", &[0.6588, 0.0360, 0.3052]),
];

const fn case(file: &'static str, photo: &'static str, right: &'static [f64]) -> Case {
    Case { file, options: &[], photo, right }
}

/// The probabilities that a row of predictions has, in the order of the classes.
fn probabilities(row: &Value, classes: usize) -> Vec<f64> {
    let top = row["top"].as_array().unwrap();
    assert_eq!(top.len(), classes, "{row}");
    let of = |class: usize| {
        let label = class.to_string();
        top.iter().find(|entry| entry["label"] == label).unwrap()
    };
    (0..classes).map(|class| of(class)["probability"].as_f64().unwrap()).collect()
}

#[test]
fn models_of_keras_and_pytorch_say_of_a_photos_file_what_they_say_there() {
    let Some(assets) = assets() else { return };
    for Case { file, options, photo, right } in &CASES {
        let place = Place::new();
        let run = |arguments: &[&str]| Run::of(command(&place, arguments).output().unwrap()).succeeds();
        let path = |folder: &str, name: &str| assets.join(folder).join(name).display().to_string();
        let names: Vec<String> = (0..right.len()).map(|class| class.to_string()).collect();
        let (names, weights) = (names.join(","), path("cases/weights", file));
        run(&[&["weights", "import", &weights, "--classes", &names, "-o", "model"], *options].concat());
        let count = right.len().to_string();
        let photo = path("images", photo);
        let row = run(&["predict", "model", &photo, "--format", "jsonl", "--top", &count]).stdout;
        let got = probabilities(&serde_json::from_str(&row).unwrap(), right.len());
        for (got, right) in got.iter().zip(*right) {
            // Half a unit of the last digit that is stated.
            assert!((got - right).abs() <= 6e-5, "{file}: {got} for {right}");
        }
    }
}
