//! Saving: atomic, deterministic, and never a file that could not be loaded again.

use std::sync::Arc;

use icecap_graph::Scaling;
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{BackbonePart, Error, Kind, Model, read};

use crate::model::{assert_same, model};
use crate::net;

#[test]
fn saving_onto_the_file_it_was_loaded_from_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for embedded in [true, false] {
        let first = model(&["ants", "bees"], embedded);
        first.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for _ in 0..50 {
            Model::load(&path).unwrap().save(&path).unwrap();
            assert!(std::fs::read(&path).unwrap() == bytes);
        }
        assert_same(&Model::load(&path).unwrap(), &first);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn training_on_a_model_file_leaves_its_backbone_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let first = model(&["ants", "bees"], true);
    first.save(&path).unwrap();
    let weights = read(&path).unwrap();
    let second = Model {
        backbone: BackbonePart::Embedded(Arc::new(weights.params)),
        record: weights.record,
        ..first.clone()
    };
    second.save(&path).unwrap();
    let again = Model::load(&path).unwrap();
    assert_eq!(again.record.params_sha256, first.record.params_sha256);
    assert_ne!(again.record.file_sha256, first.record.file_sha256);
}

#[test]
fn other_pixel_scalings_and_odd_texts_come_back() {
    let mut odd = model(&["été", "two\nlines", "tab\t\"quoted\" \\ \u{1f41d}"], false);
    odd.record.numerics.scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    odd.record.numerics.epsilon = 1e-5;
    odd.training.insert(String::new(), "\u{0}".to_owned());
    let bytes = odd.to_bytes().unwrap();
    assert_same(&Model::from_bytes(&bytes, "model").unwrap(), &odd);
    assert!(Model::from_bytes(&bytes, "model").unwrap().to_bytes().unwrap() == bytes);
}

#[test]
fn a_model_that_could_not_be_loaded_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, b"old").unwrap();
    let refused = |change: &dyn Fn(&mut Model)| {
        let mut bad = model(&["a", "b"], true);
        change(&mut bad);
        let error = bad.save(&path).unwrap_err();
        assert!(error.to_string().contains("model.safetensors"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        error
    };
    refused(&|m| m.classes.truncate(1));
    refused(&|m| m.classes[1] = "a".to_owned());
    refused(&|m| m.classes[1].clear());
    refused(&|m| m.classes.push("c".to_owned()));
    refused(&|m| m.layers[0].bias.push(0.0));
    refused(&|m| m.layers[0].kernel = Tensor::zeros(Shape::of([17, 1])));
    refused(&|m| m.backbone = BackbonePart::Embedded(Arc::new(net::params(&net::tiny()))));
    refused(&|m| m.record.numerics.epsilon = 1e-5);
    refused(&|m| m.record.params_sha256 = m.record.file_sha256);
    refused(&|m| m.record.name = Some(String::new()));
    refused(&|m| m.preprocessing.size = [0, 0]);
    refused(&|m| m.preprocessing.resize.clear());
    let diverged = refused(&|m| m.layers[0].bias[0] = f32::NAN);
    assert!(diverged.to_string().contains("smaller learning rate"), "{diverged}");
    let long = refused(&|m| m.classes[0] = "x".repeat(1 << 20));
    assert!(matches!(long, Error::Limit { .. }) && long.kind() == Kind::Limit, "{long}");
}

#[test]
fn a_place_that_cannot_be_written_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere/model.safetensors");
    let error = model(&["a", "b"], true).save(&missing).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(read(&missing).unwrap_err().kind(), Kind::Io);
    // A folder is named as what it is: no file of it was tried.
    assert_eq!(Model::load(folder.path()).unwrap_err().kind(), Kind::Content);
}
