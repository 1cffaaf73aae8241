//! The model file: what is written is read back, format 1 stays readable, and a wrong file is refused by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use icecap_graph::{Numerics, Spec};
use icecap_kernels::jpeg::Dct;
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{
    Activation, BackbonePart, DenseLayer, Digest, Error, FORMAT, Kind, Layout, Model, Preprocessing, Record,
    Tuned, from_bytes, params_digest,
};

use crate::golden_file::assert_golden;
use crate::net;

/// The backbone of the golden file: multiples of eight, as every published net has them.
fn golden_spec() -> Spec {
    Spec::from_channels(8, &[8; 17], 16).unwrap()
}

/// A model on a small net; the golden files hold these values.
pub(crate) fn model(classes: &[&str], embedded: bool) -> Model {
    let params = net::params(&golden_spec());
    let logits = if classes.len() == 2 { 1 } else { classes.len() };
    let kernel: Vec<f32> = (0..16 * logits).map(|index| index as f32 / 32.0 - 0.75).collect();
    let params_sha256 = params_digest(&params);
    Model {
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
        layers: vec![DenseLayer {
            kernel: Tensor::from_slice(Shape::of([16, logits]), &kernel).unwrap(),
            bias: (0..logits).map(|index| 0.5 - index as f32).collect(),
            activation: Activation::None,
        }],
        multi_label: false,
        backbone: match embedded {
            true => BackbonePart::Embedded(Arc::new(params)),
            false => BackbonePart::Pinned(params_sha256),
        },
        record: Record {
            name: Some("golden".to_owned()),
            licence: Some("MIT OR Apache-2.0".to_owned()),
            layout: Layout::Keras,
            width: None,
            numerics: Numerics::KERAS,
            size: Some([64, 96]),
            resize: None,
            dct: None,
            file_sha256: Digest::of(b"the file that the backbone came in"),
            params_sha256,
            tuned: None,
        },
        preprocessing: Preprocessing {
            size: [64, 96],
            resize: "squash".to_owned(),
            exif: "apply".to_owned(),
            dct: Dct::Accurate,
        },
        tool_version: "0.1.0".to_owned(),
        temperature: 1.0,
        threshold: icecap_weights::DEFAULT_THRESHOLD,
        novelty: None,
        data_fingerprint: "0123456789abcdef".to_owned(),
        training: BTreeMap::from([
            ("epochs".to_owned(), "10".to_owned()),
            ("seed".to_owned(), "0".to_owned()),
        ]),
    }
}

pub(crate) fn assert_same(got: &Model, expected: &Model) {
    assert_eq!(got.classes, expected.classes);
    assert_eq!((got.layers.len(), got.multi_label), (expected.layers.len(), expected.multi_label));
    for (got, expected) in got.layers.iter().zip(&expected.layers) {
        assert_eq!((got.kernel.shape(), got.activation), (expected.kernel.shape(), expected.activation));
        assert_eq!((got.kernel.data(), &got.bias), (expected.kernel.data(), &expected.bias));
    }
    assert_eq!(got.record, expected.record);
    assert_eq!(got.preprocessing, expected.preprocessing);
    assert_eq!(got.tool_version, expected.tool_version);
    assert_eq!(got.data_fingerprint, expected.data_fingerprint);
    assert_eq!(got.temperature, expected.temperature);
    assert_eq!(got.training, expected.training);
    match (&got.backbone, &expected.backbone) {
        (BackbonePart::Pinned(got), BackbonePart::Pinned(expected)) => assert_eq!(got, expected),
        (BackbonePart::Embedded(got), BackbonePart::Embedded(expected)) => {
            assert_eq!((got.spec(), got.numerics()), (expected.spec(), expected.numerics()));
            assert!(
                got.tensors()
                    .zip(expected.backbone_tensors())
                    .all(|(a, b)| a.0 == b.0 && a.1.data() == b.1.data())
            );
            assert_eq!(got.tensors().count(), expected.backbone_tensors().count());
        }
        _ => panic!("the backbone is embedded in one and not in the other"),
    }
}

/// The golden files of format 1 with what they hold.
fn golden() -> [(PathBuf, Model); 2] {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    [
        (folder.join("format_1_embedded.safetensors"), model(&["ants", "bees"], true)),
        (folder.join("format_1_pinned.safetensors"), model(&["daisy", "rose", "été \"x\"\n"], false)),
    ]
}

#[test]
fn the_golden_files_of_format_1_load() {
    for (path, expected) in golden() {
        assert_same(&Model::load(&path).unwrap(), &expected);
    }
}

#[test]
fn what_is_written_is_format_1_byte_for_byte() {
    assert_eq!(FORMAT, 1);
    for (path, model) in golden() {
        assert_golden(&model.to_bytes().unwrap(), &std::fs::read(&path).unwrap());
    }
}

#[test]
#[ignore = "writes the golden files; once committed, those of a format never change"]
fn write_the_golden_files() {
    for (path, model) in golden() {
        model.save(path).unwrap();
    }
}

#[test]
fn a_temperature_goes_with_the_model_and_one_that_is_none_is_refused() {
    let expected = Model { temperature: 1.257_812_5, ..model(&["a", "b"], false) };
    let bytes = expected.to_bytes().unwrap();
    assert_same(&Model::from_bytes(&bytes, "memory").unwrap(), &expected);
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-4, 1e4] {
        let wrong = Model { temperature, ..model(&["a", "b"], false) };
        assert!(matches!(wrong.to_bytes(), Err(Error::Model { .. })), "{temperature}");
    }
    let at = bytes.windows(9).position(|text| text == b"1.2578125").unwrap();
    for text in [b"0.0000000", b"-1.000000", b"NaNNaNNaN", b"100000000"] {
        let mut forged = bytes.clone();
        forged[at..at + 9].copy_from_slice(text);
        let error = Model::from_bytes(&forged, "memory").unwrap_err().to_string();
        assert!(error.contains("temperature"), "{error}");
    }
}

#[test]
fn what_a_net_was_before_it_was_tuned_goes_with_it_into_model_and_weights() {
    let from = Digest::of(b"the net before");
    for norms_frozen in [false, true] {
        let mut expected = model(&["a", "b"], true);
        expected.record.tuned = Some(Tuned { from, block: "block_13".to_owned(), norms_frozen });
        let bytes = expected.to_bytes().unwrap();
        assert_same(&Model::from_bytes(&bytes, "memory").unwrap(), &expected);
        assert_eq!(from_bytes(&bytes, "model").unwrap().record.tuned, expected.record.tuned);
        for (key, value) in [("tuned_from", "x"), ("tuned_block", "\n"), ("tuned_norms", "half")] {
            let wrong = rewritten(&expected, |metadata, _| {
                metadata.insert(key.to_owned(), value.to_owned());
            });
            let error = wrong.unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
    }
}

/// Opens: other files of weights | a model of icecap | its backbone
#[test]
fn an_embedded_model_opens_as_weights() {
    let expected = model(&["a", "b", "c"], true);
    let weights = from_bytes(&expected.to_bytes().unwrap(), "model").unwrap();
    assert_eq!(weights.record.params_sha256, expected.record.params_sha256);
    assert_eq!((weights.record.size, weights.record.name.as_deref()), (Some([64, 96]), Some("golden")));
    let BackbonePart::Embedded(params) = &expected.backbone else { panic!("embedded") };
    assert_eq!(weights.params.spec(), params.spec());

    let pinned = model(&["a", "b"], false);
    let error = from_bytes(&pinned.to_bytes().unwrap(), "model").unwrap_err();
    assert!(error.to_string().contains(&pinned.record.params_sha256.to_string()), "{error}");
}

#[test]
fn a_classification_top_is_left_out() {
    let mut with_top = model(&["a", "b"], true);
    let (spec, plain) = (golden_spec(), with_top.to_bytes().unwrap());
    let params =
        icecap_graph::Params::new(spec.clone(), Numerics::KERAS, net::tensors(&spec, Some(7))).unwrap();
    with_top.backbone = BackbonePart::Embedded(Arc::new(params));
    assert!(with_top.to_bytes().unwrap() == plain);
}

/// A model file taken apart and put together with changes.
pub(crate) fn rewritten(
    model: &Model,
    change: impl FnOnce(&mut BTreeMap<String, String>, &mut net::Tensors),
) -> Result<Model, Error> {
    let bytes = model.to_bytes().unwrap();
    let file = icecap_weights::safetensors::parse(&bytes, "model".as_ref()).unwrap();
    let mut metadata = file.metadata().clone();
    let mut tensors = file.names().map(|name| (name.to_owned(), file.tensor(name).unwrap())).collect();
    change(&mut metadata, &mut tensors);
    Model::from_bytes(&net::file(&metadata, &tensors), "model")
}

#[test]
fn every_required_key_is_missed_by_name() {
    let optional = ["name", "licence", "size", "layout", "head_sha256", "values_crc32"];
    for embedded in [true, false] {
        let model = model(&["a", "b"], embedded);
        let bytes = model.to_bytes().unwrap();
        let file = icecap_weights::safetensors::parse(&bytes, "model".as_ref()).unwrap();
        let keys: Vec<String> = file.metadata().keys().cloned().collect();
        assert_eq!(keys.len(), 22);
        for key in keys {
            let result = rewritten(&model, |metadata, _| {
                metadata.remove(&key);
            });
            if optional.contains(&&*key) || key.starts_with("training.") {
                result.unwrap();
            } else {
                let error = result.unwrap_err().to_string();
                assert!(
                    error.starts_with("model: ") && error.contains(&format!("'{key}'")),
                    "{key}: {error}"
                );
            }
        }
    }
}

#[test]
fn a_bad_value_is_named_with_its_key() {
    let model = model(&["a", "b"], true);
    for (key, value) in [
        ("classes", "a, b"),
        ("classes", "[1, 2]"),
        ("classes", "[\"a\"]"),
        ("classes", "[\"a\", \"a\"]"),
        ("classes", "[\"a\", \"\"]"),
        ("backbone", "borrowed"),
        ("input_size", "16"),
        ("input_size", "2049"),
        ("input_size", "64x31"),
        ("input_resize", ""),
        ("input_resize", "squeeze"),
        ("input_resize", "center-crop 0"),
        ("input_resize", "center-crop 1.5"),
        ("input_exif", "\n"),
        ("input_exif", "rotate"),
        ("params_sha256", "0"),
        ("params_sha256", &"0".repeat(64)),
        ("weights_file_sha256", "none"),
        ("weights_layout", "caffe"),
        ("bn_epsilon", "0"),
        ("padding", "none"),
        ("scaling", "none"),
        ("size", "none"),
        ("size", "4096"),
        ("resize", "letterbox"),
    ] {
        let error = rewritten(&model, |metadata, _| {
            metadata.insert(key.to_owned(), value.to_owned());
        });
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Content);
        let error = error.to_string();
        assert!(error.starts_with(&format!("model: metadata '{key}'")) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_model_of_another_format_says_what_to_do() {
    let model = model(&["a", "b"], false);
    let with_format = |text: &str| {
        rewritten(&model, |metadata, _| {
            metadata.insert("format".to_owned(), text.to_owned());
        })
    };
    let newer = with_format("6").unwrap_err();
    assert!(matches!(newer, Error::NewerFormat { got: 6, known: 5, .. }));
    assert!(newer.to_string().contains("update icecap"), "{newer}");
    for foreign in ["pt", "0", "-1", "1.0", ""] {
        assert!(matches!(with_format(foreign), Err(Error::NotAModel { .. })), "{foreign}");
    }
    let weights = net::file(&net::texts(&[]), &net::tensors(&net::tiny(), None));
    assert!(matches!(Model::from_bytes(&weights, "weights"), Err(Error::NotAModel { .. })));
}

#[test]
fn a_wrong_tensor_is_named() {
    let shape = |dims: &[usize]| Tensor::zeros(Shape::new(dims).unwrap());
    let three = model(&["a", "b", "c"], true);
    for (name, dims) in [
        ("head/kernel", &[16, 2][..]),
        ("head/kernel", &[15, 3]),
        ("head/kernel", &[48]),
        ("head/kernel", &[1, 16, 3]),
        ("head/kernel", &[0, 3]),
        ("head/bias", &[2]),
        ("head/bias", &[3, 1]),
        ("head/bias", &[]),
        ("head/scale", &[1]),
        ("predictions/kernel", &[16, 10]),
        ("Conv1/kernel", &[3, 3, 3, 9]),
        ("extra/kernel", &[1]),
    ] {
        let error = rewritten(&three, |_, tensors| {
            tensors.insert(name.to_owned(), shape(dims));
        });
        let error = error.expect_err(name);
        assert_eq!(error.kind(), Kind::Content);
        let text = error.to_string();
        // A head that does not fit is described as a whole: kernel, bias and classes.
        assert!(text.contains(name) || text.contains("a head "), "{name} {dims:?}: {text}");
    }
    for name in ["head/kernel", "head/bias", "Conv_1/kernel"] {
        let error = rewritten(&three, |_, tensors| {
            tensors.remove(name);
        });
        let error = error.unwrap_err().to_string();
        let advice = if name.starts_with("head/") { "no whole model" } else { "a whole MobileNetV2?" };
        assert!(error.contains(&format!("'{name}' is missing")) && error.contains(advice), "{error}");
        let error = rewritten(&three, |_, tensors| tensors.get_mut(name).unwrap().data_mut()[1] = f32::NAN);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("'{name}' holds NaN at index 1")), "{error}");
    }
    let pinned = model(&["a", "b"], false);
    let error = rewritten(&pinned, |_, tensors| {
        tensors.insert("Conv1/kernel".to_owned(), shape(&[1]));
    });
    assert!(matches!(error, Err(Error::Tensor { tensor, .. }) if tensor == "Conv1/kernel"));
}

#[test]
fn a_changed_backbone_is_found_by_its_hash() {
    let model = model(&["a", "b"], true);
    let error = rewritten(&model, |_, tensors| tensors.get_mut("Conv1/kernel").unwrap().data_mut()[7] += 1.0);
    assert!(matches!(error, Err(Error::Metadata { key, .. }) if key == "params_sha256"));
}
