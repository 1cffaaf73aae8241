//! Model files of format 3: heads of several layers, and of several labels, on backbones in f32 and in int8; and of format
//! 4, which says how JPEGs are decoded beside them.

use std::path::{Path, PathBuf};

use icecap_graph::Precision;
use icecap_kernels::jpeg::Dct;
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{
    Activation, DCT_FORMAT, DenseLayer, Error, HeadLayout, Kind, LAYERED_FORMAT, MAX_HEAD_LAYERS, Model,
    safetensors,
};

use crate::golden_file::assert_golden;
use crate::integers::integer_model;
use crate::model::{assert_same, model, rewritten};

/// Layers of these sizes, the first number being that of the features, with drawn values.
fn layers(sizes: &[usize], activations: &[Activation]) -> Vec<DenseLayer> {
    let mut draw = Stream::new(11, Purpose::Test, 0, sizes.len() as u32);
    let mut values = |count: usize| -> Vec<f32> { (0..count).map(|_| draw.range(-1.0, 1.0)).collect() };
    sizes
        .windows(2)
        .zip(activations)
        .map(|(pair, &activation)| DenseLayer {
            kernel: Tensor::from_slice(Shape::of([pair[0], pair[1]]), &values(pair[0] * pair[1])).unwrap(),
            bias: values(pair[1]),
            activation,
        })
        .collect()
}

/// A model with three layers: two activations, several classes.
fn three_layers(embedded: bool) -> Model {
    let activations = [Activation::Relu, Activation::Relu6, Activation::None];
    Model { layers: layers(&[16, 5, 4, 3], &activations), ..model(&["a", "b", "c"], embedded) }
}

/// A model of two labels, any of which a photo may have.
fn two_labels(embedded: bool) -> Model {
    Model { layers: layers(&[16, 2], &[Activation::None]), multi_label: true, ..model(&["a", "b"], embedded) }
}

fn all() -> Vec<Model> {
    let relu = [Activation::Relu, Activation::None];
    let two_classes = |embedded| Model { layers: layers(&[16, 7, 1], &relu), ..model(&["a", "b"], embedded) };
    let of_integers = integer_model();
    let features = of_integers.features();
    let integers =
        Model { layers: layers(&[features, 6, of_integers.logits()], &relu), ..of_integers.clone() };
    let labels = of_integers.classes.len();
    let integer_labels =
        Model { layers: layers(&[features, labels], &[Activation::None]), multi_label: true, ..of_integers };
    let mut all = vec![integers, integer_labels];
    for embedded in [true, false] {
        all.extend([three_layers(embedded), two_labels(embedded), two_classes(embedded)]);
    }
    all
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A model that decodes JPEGs by the fast transform.
fn fast(mut model: Model) -> Model {
    model.preprocessing.dct = Dct::Fast;
    model
}

#[test]
fn the_golden_files_of_format_4_load_and_are_written_byte_for_byte() {
    assert_eq!(DCT_FORMAT, 4);
    for (name, expected) in of_format_4() {
        let bytes = std::fs::read(golden(name)).unwrap();
        assert_same(&Model::from_bytes(&bytes, "golden").unwrap(), &expected);
        assert!(expected.to_bytes().unwrap() == bytes, "{name}");
    }
}

#[test]
fn the_way_of_decoding_is_stated_by_format_4_and_by_no_other() {
    let lacking = rewritten(&fast(model(&["a", "b"], false)), |metadata, _| {
        metadata.remove("input_dct");
    });
    assert!(lacking.unwrap_err().to_string().contains("input_dct"));
    for plain in [model(&["a", "b"], false), three_layers(false)] {
        let error = rewritten(&plain, |metadata, _| {
            metadata.insert("input_dct".to_owned(), "fast".to_owned());
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("input_dct") && error.contains("has no such key"), "{error}");
    }
}

fn of_format_4() -> [(&'static str, Model); 2] {
    [
        ("format_4_pinned.safetensors", fast(model(&["a", "b"], false))),
        ("format_4_layered.safetensors", fast(three_layers(false))),
    ]
}

#[test]
#[ignore = "writes the golden files; once committed, those of a format never change"]
fn write_the_golden_files_of_format_4() {
    for (name, model) in of_format_4() {
        model.save(golden(name)).unwrap();
    }
}

/// Whatever else a model is, its format is 4 where JPEGs are decoded otherwise than accurately, and it comes back.
#[test]
fn the_way_of_decoding_comes_back_with_every_head_and_backbone() {
    let plain = [model(&["a", "b"], true), model(&["a", "b", "c"], false), integer_model()];
    for expected in all().into_iter().chain(plain) {
        let expected = fast(expected);
        let bytes = expected.to_bytes().unwrap();
        let file = safetensors::parse(&bytes, "model".as_ref()).unwrap();
        assert_eq!(
            (file.metadata()["format"].as_str(), file.metadata()["input_dct"].as_str()),
            ("4", "fast")
        );
        let got = Model::from_bytes(&bytes, "model").unwrap();
        assert_eq!(got.preprocessing, expected.preprocessing);
        assert_eq!((got.multi_label, got.layers.len()), (expected.multi_label, expected.layers.len()));
        assert_eq!(got.backbone.precision(), expected.backbone.precision());
        assert!(got.to_bytes().unwrap() == bytes);
        if expected.backbone.precision() == Precision::F32 {
            // The hash of the head covers it.
            let forged = rewritten(&expected, |metadata, _| {
                metadata.insert("input_dct".to_owned(), "accurate".to_owned());
            });
            let error = forged.unwrap_err().to_string();
            assert!(error.contains("head_sha256"), "{error}");
        }
    }
}

#[test]
fn the_golden_file_of_format_3_loads_and_is_written_byte_for_byte() {
    assert_eq!(LAYERED_FORMAT, 3);
    let (expected, bytes) =
        (three_layers(false), std::fs::read(golden("format_3_pinned.safetensors")).unwrap());
    assert_same(&Model::from_bytes(&bytes, "golden").unwrap(), &expected);
    assert_golden(&expected.to_bytes().unwrap(), &bytes);
}

#[test]
#[ignore = "writes the golden file; once committed, that of a format never changes"]
fn write_the_golden_file() {
    three_layers(false).save(golden("format_3_pinned.safetensors")).unwrap();
}

/// Opens: other files of weights | a model of icecap with a head of several layers, or of several labels | format 3
#[test]
fn heads_of_layers_and_of_labels_come_back() {
    for expected in all() {
        let bytes = expected.to_bytes().unwrap();
        let file = safetensors::parse(&bytes, "model".as_ref()).unwrap();
        assert_eq!(file.metadata()["format"], "3");
        let got = Model::from_bytes(&bytes, "model").unwrap();
        assert_eq!((got.logits(), got.classes.clone()), (expected.logits(), expected.classes.clone()));
        assert_eq!((got.multi_label, got.layers.len()), (expected.multi_label, expected.layers.len()));
        for (got, expected) in got.layers.iter().zip(&expected.layers) {
            assert_eq!((got.kernel.data(), &got.bias), (expected.kernel.data(), &expected.bias));
            assert_eq!((got.kernel.shape(), got.activation), (expected.kernel.shape(), expected.activation));
        }
        assert_eq!(got.backbone.precision(), expected.backbone.precision());
        assert!(got.to_bytes().unwrap() == bytes);
        // Without its backbone's tensors.
        if let Some(head) = Model::head_from_bytes(&bytes, "model").unwrap() {
            assert_eq!(head.layers.len(), expected.layers.len());
            assert_eq!(head.backbone.precision(), expected.backbone.precision());
        }
    }
}

#[test]
fn what_a_file_says_wrongly_of_its_head_is_named() {
    let base = three_layers(true);
    for (key, value, expected) in [
        ("head_activations", "", "head_activations"),
        ("head_activations", "relu,tanh,none", "expected one of: none, relu, relu6"),
        ("head_activations", "relu,relu6,relu", "logits that go through relu"),
        ("head_activations", "relu,none", "head/3/bias"),
        ("head_activations", "relu,relu6,none,none", "'head/4/kernel' is missing"),
        ("head_activations", &["relu"; MAX_HEAD_LAYERS + 1].join(","), "at most 16 layers"),
        ("head_activations", &"none,".repeat(100_000), "head_activations"),
        ("head_output", "", "expected 'softmax', 'sigmoid' or 'sigmoids'"),
        ("head_output", "sigmoid", "gives 3 logits"),
        ("classes", "[\"a\", \"b\"]", "expected [4, 1]"),
        ("format", "1", "belongs to no part"),
        ("format", "2", "belongs to no part"),
    ] {
        let error = rewritten(&base, |metadata, _| {
            metadata.insert(key.to_owned(), value.to_owned());
        });
        let error = error.expect_err(key);
        assert_eq!(error.kind(), Kind::Content);
        let text = error.to_string();
        assert!(
            text.contains(expected) && !text.contains('\n') && text.len() < 500,
            "{key} {value:.40}: {text}"
        );
    }
    for key in ["head_activations", "head_output"] {
        let error = rewritten(&base, |metadata, _| {
            metadata.remove(key);
        });
        assert!(matches!(error, Err(Error::MissingMetadata { key: missing, .. }) if missing == key));
    }
    // What of two classes is a label each, of one logit is none.
    let one_logit = Model {
        layers: layers(&[16, 7, 1], &[Activation::Relu, Activation::None]),
        ..model(&["a", "b"], true)
    };
    let error = rewritten(&one_logit, |metadata, _| {
        metadata.insert("head_output".to_owned(), "sigmoids".to_owned());
    });
    assert!(error.unwrap_err().to_string().contains("gives 1 logits"));
}

#[test]
fn a_wrong_tensor_of_a_layer_is_named() {
    let base = three_layers(true);
    for (name, dims) in [
        ("head/1/kernel", &[16, 6][..]),
        ("head/1/kernel", &[15, 5]),
        ("head/2/kernel", &[4, 5]),
        ("head/2/kernel", &[0, 4]),
        ("head/3/kernel", &[12]),
        ("head/3/bias", &[4]),
        ("head/2/bias", &[4, 1]),
        ("head/kernel", &[16, 3]),
        ("head/0/kernel", &[16, 3]),
        ("head/4/kernel", &[3, 3]),
        ("head/01/kernel", &[16, 5]),
    ] {
        let error = rewritten(&base, |_, tensors| {
            tensors.insert(name.to_owned(), Tensor::zeros(Shape::new(dims).unwrap()));
        });
        let text = error.expect_err(name).to_string();
        assert!(
            text.contains("'head/") || text.contains("a head for 15 features"),
            "{name} {dims:?}: {text}"
        );
    }
    for name in ["head/1/kernel", "head/2/bias", "head/3/bias"] {
        let error = rewritten(&base, |_, tensors| {
            tensors.remove(name);
        });
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains(&format!("'{name}' is missing; the file is no whole model"))
        );
        let error = rewritten(&base, |_, tensors| tensors.get_mut(name).unwrap().data_mut()[1] = f32::NAN);
        assert!(error.unwrap_err().to_string().contains(&format!("'{name}' holds NaN at index 1")));
    }
}

#[test]
fn a_head_that_could_not_be_loaded_is_not_saved() {
    let refused = |change: &dyn Fn(&mut Model), word: &str| {
        let mut bad = three_layers(true);
        change(&mut bad);
        let error = bad.to_bytes().unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(&|m| m.layers.clear(), "0 layers");
    refused(&|m| m.layers = layers(&[16; 18], &[Activation::Relu; 17]), "17 layers");
    refused(&|m| m.layers[2].activation = Activation::Relu, "logits that go through relu");
    refused(&|m| m.layers.truncate(2), "'head/2/kernel' has shape [5, 4]");
    refused(&|m| m.layers[1].bias.push(0.0), "'head/2/kernel'");
    refused(
        &|m| m.layers[0].bias[2] = f32::INFINITY,
        "'head/1/bias' holds inf at index 2; training diverged",
    );
    refused(&|m| m.classes.truncate(2), "for 2 classes");
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_an_error_or_a_whole_model() {
    let bytes = std::fs::read(golden("format_3_pinned.safetensors")).unwrap();
    for end in 0..bytes.len() {
        assert!(Model::from_bytes(&bytes[..end], "cut").is_err(), "{end}");
    }
    let count = std::env::var("ICECAP_MUTANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000);
    for mutant in 0..count {
        let mut draw = Stream::new(12, Purpose::Test, 0, mutant);
        let mut changed = bytes.clone();
        for _ in 0..=draw.below(3) {
            let at = draw.below(changed.len() as u32) as usize;
            changed[at] = draw.next_u32() as u8;
        }
        if let Ok(model) = Model::from_bytes(&changed, "mutant") {
            let head = model.head().unwrap();
            assert!(head.outputs() == model.logits() && head.features() == 16, "mutant {mutant}");
        }
    }
}

#[test]
fn the_head_alone_has_a_tensor_pair_for_each_layer() {
    let names = |model: &Model, layout| {
        let bytes = model.head_to_bytes(layout).unwrap();
        let file = safetensors::parse(&bytes, "head".as_ref()).unwrap();
        let shapes =
            file.names().map(|name| format!("{name} {}", file.shape(name).unwrap())).collect::<Vec<_>>();
        (
            shapes.join(", "),
            file.metadata()["head_activations"].clone(),
            file.metadata()["head_activation"].clone(),
        )
    };
    let (keras, activations, output) = names(&three_layers(false), HeadLayout::Keras);
    assert_eq!(
        keras,
        "dense/bias [5], dense/kernel [16, 5], dense_1/bias [4], dense_1/kernel [5, 4], dense_2/bias [3], \
         dense_2/kernel [4, 3]"
    );
    assert_eq!((activations.as_str(), output.as_str()), ("relu,relu6,none", "softmax"));
    let two = Model {
        layers: layers(&[16, 7, 1], &[Activation::Relu, Activation::None]),
        ..model(&["a", "b"], false)
    };
    let (torch, ..) = names(&two, HeadLayout::Torchvision);
    assert_eq!(
        torch,
        "classifier.1.bias [7], classifier.1.weight [7, 16], classifier.3.bias [2], classifier.3.weight [2, 7]"
    );
    let (labels, _, output) = names(&two_labels(false), HeadLayout::Torchvision);
    assert_eq!(
        (labels.as_str(), output.as_str()),
        ("classifier.1.bias [2], classifier.1.weight [2, 16]", "sigmoid")
    );
}

#[test]
fn a_plain_head_is_written_as_ever() {
    let mut plain = three_layers(true);
    plain.layers = layers(&[16, 3], &[Activation::None]);
    let bytes = plain.to_bytes().unwrap();
    let file = safetensors::parse(&bytes, "model".as_ref()).unwrap();
    assert_eq!(file.metadata()["format"], "1");
    assert!(!file.metadata().keys().any(|key| key.starts_with("head_") && key != "head_sha256"));
    assert!(file.shape("head/kernel").is_some() && file.shape("head/1/kernel").is_none());
}
