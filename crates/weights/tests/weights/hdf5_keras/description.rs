//! Keras' description of a whole model: what it says of pixels, pooling and outputs is held against what the weights are
//! taken for.

use std::collections::BTreeMap;

use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Error, Kind, Weights, from_bytes, params_digest};
use serde_json::{Value, json};

use crate::draft::zip;
use crate::forge::{Forge, Message, attribute, link, list};
use crate::net::{self, Tensors};

const KEY: &str = "model_config";

/// A layer as Keras describes it.
fn layer(class: &str, config: Value) -> Value {
    json!({"module": "keras.layers", "class_name": class, "config": config, "build_config": {"input_shape": [null, 9]}})
}

/// A user's model with these layers, the net among them.
fn model(layers: &[Value]) -> String {
    let own = [
        layer("InputLayer", json!({"batch_shape": [null, 64, 64, 3]})),
        layer("ReLU", json!({"max_value": 6.0})),
        layer("Conv2D", json!({"filters": 9, "activation": "linear"})),
    ];
    let net = layer("Functional", json!({"name": "mobilenetv2_1.00_64", "layers": own}));
    let all: Vec<&Value> = std::iter::once(&net).chain(layers).collect();
    layer("Sequential", json!({"layers": all})).to_string()
}

/// A net with a dense layer of so many outputs, or without one.
fn tensors(classes: usize) -> Tensors {
    let mut tensors = net::tensors(&net::tiny(), None);
    if classes > 0 {
        tensors.insert("dense/kernel".to_owned(), Tensor::zeros(Shape::of([9, classes])));
        tensors.insert("dense/bias".to_owned(), Tensor::zeros(Shape::of([classes])));
    }
    tensors
}

/// Opens that net with a description. The container does not matter to it; the next test looks at those of Keras.
fn open(classes: usize, config: &str) -> Result<Weights, Error> {
    from_bytes(&net::file(&net::texts(&[(KEY, config)]), &tensors(classes)), "file")
}

#[track_caller]
fn refused(classes: usize, config: &str, expected: &str) {
    let error = open(classes, config).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("file: metadata 'model_config' is '") && text.contains(expected), "{text}");
    assert!(!text.contains(char::is_control) && text.len() < 700, "{text:?}");
    assert_eq!(error.kind(), Kind::Content);
}

/// The head cannot be read, which the reason tells, and the net can.
#[track_caller]
fn passed_over(classes: usize, config: &str, expected: &str) {
    let weights = open(classes, config).unwrap();
    assert_eq!(weights.params.classes(), None);
    let reason = weights.head.unreadable().unwrap_or_else(|| panic!("{config}: its head was read"));
    assert!(reason.contains(expected), "{reason}");
    assert!(!reason.contains(char::is_control) && reason.len() < 700, "{reason:?}");
}

fn dense(activation: Value) -> Value {
    layer("Dense", json!({"units": 1, "activation": activation}))
}

#[test]
fn what_the_weights_are_taken_for_is_accepted() {
    let expected = params_digest(&net::params(&net::tiny()));
    let scaled = layer("Rescaling", json!({"scale": 1.0 / 127.5, "offset": -1.0}));
    let pooled = layer("GlobalAveragePooling2D", json!({"data_format": "channels_last"}));
    let flat = layer("Flatten", json!({}));
    for (classes, layers) in [
        (0, vec![]),
        (0, vec![scaled.clone(), layer("RandomFlip", json!({"mode": "horizontal"}))]),
        (0, vec![layer("Rescaling", json!({"scale": 0.00784314, "offset": -1}))]),
        // Without a dense layer, all that counts is the net's features.
        (0, vec![layer("GlobalMaxPooling2D", json!({}))]),
        (1, vec![scaled, pooled.clone(), dense(json!("sigmoid"))]),
        (1, vec![pooled.clone(), dense(json!("linear"))]),
        (1, vec![dense(json!(null))]),
        (1, vec![layer("Dense", json!({"units": 1}))]),
        (5, vec![pooled.clone(), flat, dense(json!("softmax"))]),
        (
            5,
            vec![
                pooled.clone(),
                dense(json!("linear")),
                layer("Activation", json!({"activation": "softmax"})),
            ],
        ),
        (5, vec![pooled, dense(json!("linear")), layer("Softmax", json!({"axis": -1}))]),
    ] {
        let config = model(&layers);
        let weights = open(classes, &config).unwrap_or_else(|error| panic!("{config}: {error}"));
        assert_eq!(weights.record.params_sha256, expected);
        assert_eq!(weights.params.classes(), Some(classes).filter(|classes| *classes > 0), "{config}");
    }
}

#[test]
fn what_the_weights_do_not_show_is_refused_or_passed_over() {
    const SCALES: &str = "is 'Rescaling': the model scales its pixels by ";
    let rescaling = |config: Value| model(&[layer("Rescaling", config)]);
    refused(
        0,
        &rescaling(json!({"scale": 1.0 / 255.0, "offset": 0.0})),
        &format!("{SCALES}0.00392156862745098 and"),
    );
    refused(
        0,
        &rescaling(json!({"scale": 1.0 / 127.5, "offset": 0.0})),
        "adds 0.0; save its weights alone and state",
    );
    refused(
        0,
        &rescaling(json!({"scale": [0.1, 0.2, 0.3]})),
        &format!("{SCALES}[0.1,0.2,0.3] and adds null"),
    );
    refused(0, &rescaling(json!({"scale": vec![0.1; 10_000], "offset": "x\ny".repeat(1000)})), SCALES);
    refused(
        1,
        &model(&[layer("Normalization", json!({"axis": [-1]}))]),
        "is 'Normalization': the model normalizes",
    );
    for class in ["GlobalMaxPooling2D", "MaxPooling2D", "AveragePooling2D"] {
        passed_over(
            3,
            &model(&[layer(class, json!({}))]),
            "only a dense layer on features of GlobalAveragePooling2D",
        );
    }
    let through = |of: &str| format!("go through '{of}'; only softmax of several, sigmoid of one");
    for (classes, name) in [(3, "relu"), (1, "tanh"), (3, "sigmoid"), (1, "softmax")] {
        passed_over(classes, &model(&[dense(json!(name))]), &through(name));
        let after = layer("Activation", json!({"activation": name}));
        passed_over(classes, &model(&[dense(json!("linear")), after]), &through(name));
    }
    passed_over(1, &model(&[layer("Softmax", json!({}))]), &through("softmax"));
    // A function of the user's own.
    let own = json!({"module": "builtins", "class_name": "function", "config": "mine"});
    passed_over(2, &model(&[dense(own)]), r#"go through '{"class_name":"function","config":"mine""#);
}

#[test]
fn a_description_that_is_none_is_refused() {
    for text in ["", "no json", "{\"class_name\": \"Sequential\"", "{} {}", "\"\\ud800\"", "1e999"] {
        refused(0, text, "; save the model anew, or its weights alone");
    }
    for deep in ["[".repeat(200_000), r#"{"config":"#.repeat(80_000)] {
        refused(0, &deep, "recursion limit exceeded at line 1");
    }
    // JSON all the same, which says nothing.
    for text in ["null", "[]", r#"{"class_name": 5, "config": []}"#, r#"{"class_name": "Dense"}"#] {
        assert!(open(1, text).is_ok(), "{text}");
    }
}

/// The net in HDF5, as Keras lists it, with a description of the model where one is given.
fn hdf5(tensors: &Tensors, config: Option<&str>) -> Vec<u8> {
    let mut layers: BTreeMap<&str, Vec<(&str, &Tensor)>> = BTreeMap::new();
    for (name, tensor) in tensors {
        let (layer, variable) = name.split_once('/').unwrap();
        layers.entry(layer).or_default().push((variable, tensor));
    }
    let mut forge = Forge::default();
    let mut root: Vec<Message> = Vec::new();
    for (layer, variables) in &layers {
        let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        let mut group = vec![list("weight_names", &names)];
        for (name, tensor) in variables {
            let bytes: Vec<u8> = tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect();
            let dims: Vec<u64> = tensor.shape().dims().iter().map(|dim| *dim as u64).collect();
            let values = forge.bytes(&bytes);
            group.push(link(name, forge.dataset(&dims, values, bytes.len() as u64)));
        }
        root.push(link(layer, forge.object(&group)));
    }
    root.push(list("layer_names", &layers.into_keys().collect::<Vec<_>>()));
    root.extend(
        config.map(|text| attribute(KEY, &[0x13, 0, 0, 0], text.len() as u32, &[1], text.as_bytes())),
    );
    let root = forge.object(&root);
    forge.file(root)
}

/// Opens: Keras | a whole model, `.keras` or `.h5` of `model.save` | by its description
#[test]
fn each_container_of_keras_brings_it() {
    let (right, wrong) = (model(&[dense(json!("softmax"))]), model(&[dense(json!("relu"))]));
    let tensors = tensors(5);
    let bare = hdf5(&tensors, None);
    let archive = |entries: &[(&str, &[u8])]| {
        let weights = ("model.weights.h5", &bare[..]);
        [[&[weights][..], entries].concat(), [entries, &[weights]].concat()].map(|entries| zip(&entries))
    };
    let expected = params_digest(&net::params(&net::tiny()));
    let mut good = vec![bare.clone(), hdf5(&tensors, Some(&right))];
    good.extend(archive(&[("metadata.json", b"{}")]));
    good.extend(archive(&[("config.json", right.as_bytes())]));
    // Of the archive's own and one inside, the archive's.
    let inside = hdf5(&tensors, Some(&wrong));
    good.push(zip(&[("model.weights.h5", &inside), ("config.json", right.as_bytes())]));
    for file in good {
        let weights = from_bytes(&file, "file").unwrap();
        assert_eq!((weights.record.params_sha256, weights.params.classes()), (expected, Some(5)));
    }
    let mut bad = vec![inside];
    bad.extend(archive(&[("config.json", wrong.as_bytes())]));
    for file in bad {
        let weights = from_bytes(&file, "file").unwrap();
        let reason = weights.head.unreadable().unwrap();
        assert!(reason.starts_with("Dense: ") && reason.contains("'relu'"), "{reason}");
    }
    for file in archive(&[("config.json", b"{\"class_name\": \"\xff\"}")]) {
        let Err(Error::Container { offset, reason, .. }) = from_bytes(&file, "file") else {
            panic!("it is not UTF-8")
        };
        assert_eq!((file[offset as usize], reason.as_str()), (0xff, "'config.json' is not UTF-8"));
    }
    for file in archive(&[("config.json", &vec![b' '; (1 << 20) + 1])]) {
        let error = from_bytes(&file, "file").unwrap_err();
        assert!(error.kind() == Kind::Limit && error.to_string().contains("bytes of config.json"), "{error}");
    }
}
