//! Keras' description of a whole model is followed: what stands before the net, the net itself, what stands behind it.

use icecap_graph::{Padding, Scaling};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Error, Weights, from_bytes};
use serde_json::{Value, json};

use super::described_net::{KEY, Style, dense, layer, model, open, pool, refused, tensors};
use crate::net;

/// Layers before the net, with an input of 64x96.
fn before(style: Style, layers: &[Value]) -> Result<Weights, Error> {
    open(&tensors(&[]), &model(style, json!([null, 64, 96, 3]), layers, &[]))
}

/// An operator as each version writes it; the number left of the tensor or right of it.
fn operator(style: Style, names: [&str; 2], reads: &str, number: Value, is_left: bool) -> Value {
    let tensor = json!({"class_name": "__keras_tensor__", "config": {"keras_history": [reads, 0, 0]}});
    let (class, nodes) = match (style, is_left) {
        (Style::Two, false) => ("TFOpLambda", json!([[reads, 0, 0, {"y": number, "name": null}]])),
        (Style::Two, true) => {
            ("TFOpLambda", json!([["_CONSTANT_VALUE", -1, number, {"y": [reads, 0, 0], "name": null}]]))
        }
        (Style::Three, false) => (names[1], json!([{"args": [tensor, number], "kwargs": {}}])),
        (Style::Three, true) => (names[1], json!([{"args": [number, tensor], "kwargs": {}}])),
    };
    let name = names[1].to_lowercase();
    json!({"class_name": class, "name": name, "config": {"name": name, "function": names[0]}, "inbound_nodes": nodes})
}

const DIVIDE: [&str; 2] = ["math.truediv", "TrueDivide"];
const SUBTRACT: [&str; 2] = ["math.subtract", "Subtract"];
const MULTIPLY: [&str; 2] = ["math.multiply", "Multiply"];
const ADD: [&str; 2] = ["__operators__.add", "Add"];

/// Layers that scale pixels, and what they multiply by and add.
struct Scaled(Vec<Value>, [f32; 3], [f32; 3]);

fn scaled(style: Style) -> Vec<Scaled> {
    let rescaling = |config: Value| vec![layer("Rescaling", "rescaling", config)];
    let channels = json!({"class_name": "__numpy__", "config": {"value": [1, 2, 4], "dtype": "float32"}});
    let operator = |names, reads: &str, number, is_left| operator(style, names, reads, number, is_left);
    vec![
        Scaled(rescaling(json!({"scale": 1.0 / 255.0, "offset": 0.0})), [1.0 / 255.0; 3], [0.0; 3]),
        Scaled(rescaling(json!({"scale": 0.5, "offset": [1, 2, 3]})), [0.5; 3], [1.0, 2.0, 3.0]),
        Scaled(
            vec![
                operator(DIVIDE, "photo", json!(127.5), false),
                operator(SUBTRACT, "truedivide", json!(1.0), false),
            ],
            [1.0 / 127.5; 3],
            [-1.0; 3],
        ),
        Scaled(
            vec![
                operator(SUBTRACT, "photo", json!(100), true),
                operator(MULTIPLY, "subtract", json!(0.5), true),
            ],
            [-0.5; 3],
            [50.0; 3],
        ),
        Scaled(
            vec![operator(ADD, "photo", json!(-64), false), operator(DIVIDE, "add", channels.clone(), false)],
            [1.0, 0.5, 0.25],
            [-64.0, -32.0, -16.0],
        ),
        Scaled(
            vec![layer(
                "Normalization",
                "n",
                json!({"axis": [-1], "mean": [[[[1, 2, 3]]]], "variance": [[[[4, 16, 64]]]]}),
            )],
            [0.5, 0.25, 0.125],
            [-0.5, -0.5, -0.375],
        ),
        Scaled(
            vec![layer("Normalization", "n", json!({"axis": null, "mean": 8, "variance": 16}))],
            [0.25; 3],
            [-2.0; 3],
        ),
        Scaled(
            vec![
                layer("RandomFlip", "flip", json!({})),
                layer("Rescaling", "r", json!({"scale": 2})),
                layer("GaussianNoise", "g", json!({})),
            ],
            [2.0; 3],
            [0.0; 3],
        ),
    ]
}

/// Opens: Keras | `Rescaling`, `Normalization`, `preprocess_input` and arithmetic with numbers before the net | as the scaling of pixels
#[test]
fn what_scales_pixels_is_followed() {
    for style in Style::ALL {
        for Scaled(layers, scale, shift) in scaled(style) {
            let weights = before(style, &layers).unwrap_or_else(|error| panic!("{layers:?}: {error}"));
            assert_eq!(weights.record.numerics.scaling, Scaling { scale, shift }, "{style:?} {layers:?}");
            assert_eq!(
                (weights.record.size, weights.notes.len()),
                (Some([64, 96]), 0),
                "{:?}",
                weights.notes
            );
            assert!(weights.stated.iter().any(|stated| stated.text.starts_with("pixels times")));
        }
    }
    let weights = before(Style::Three, &[]).unwrap();
    assert_eq!(weights.record.numerics.scaling, Scaling::SIGNED);
    assert!(weights.notes[0].starts_with("no layer of the model scales its pixels; -1..1 is taken"));
}

#[test]
fn normalization_and_batchnorm_on_pixels_have_their_tensors() {
    let mut tensors = tensors(&[]);
    let mut put = |name: &str, values: [f32; 3]| {
        let mut tensor = Tensor::zeros(Shape::of([3]));
        tensor.data_mut().copy_from_slice(&values);
        tensors.insert(format!("n/n/{name}:0"), tensor);
    };
    put("mean", [1.0, 2.0, 3.0]);
    put("variance", [4.0, 16.0, 64.0]);
    for (name, value) in [("gamma", 2.0), ("beta", 1.0), ("moving_mean", 8.0), ("moving_variance", 12.0)] {
        put(name, [value; 3]);
    }
    let scaling = |class: &str, config: Value| {
        let model = model(Style::Two, json!([null, 64, 64, 3]), &[layer(class, "n", config)], &[]);
        open(&tensors, &model).unwrap().record.numerics.scaling
    };
    let adapted = scaling("Normalization", json!({"axis": [-1], "mean": null}));
    assert_eq!(adapted, Scaling { scale: [0.5, 0.25, 0.125], shift: [-0.5, -0.5, -0.375] });
    let norm = scaling("BatchNormalization", json!({"axis": [3], "epsilon": 4.0}));
    assert_eq!(norm, Scaling { scale: [0.5; 3], shift: [-3.0; 3] });
}

/// Opens: Keras | the size of the input, `Resizing` and `CenterCrop` | as size and resize rule
#[test]
fn sizes_and_resizing_are_followed() {
    let open_input = json!([null, null, null, 3]);
    let resizing = |crop: bool| {
        layer(
            "Resizing",
            "resizing",
            json!({"height": 64, "width": 96, "crop_to_aspect_ratio": crop, "interpolation": "bilinear"}),
        )
    };
    let cut = |side: u64| layer("CenterCrop", "center_crop", json!({"height": side, "width": side}));
    for style in Style::ALL {
        for (shape, layers, size, rule) in [
            (json!([null, 64, 96, 3]), vec![], [64, 96], "squash"),
            (open_input.clone(), vec![resizing(false)], [64, 96], "squash"),
            (open_input.clone(), vec![resizing(true)], [64, 96], "crop"),
            (json!([null, 64, 96, 3]), vec![resizing(true)], [64, 96], "squash"),
            (json!([null, 100, 120, 3]), vec![resizing(true)], [64, 96], "crop of 100x120 squash"),
            (json!([null, 100, 120, 3]), vec![cut(64)], [64, 64], "cut of 100x120 squash"),
            (open_input.clone(), vec![resizing(true), cut(64)], [64, 64], "cut of 64x96 crop"),
            (open_input.clone(), vec![cut(64)], [64, 64], "cut"),
        ] {
            let inner = json!([null, size[0], size[1], 3]);
            let base =
                [vec![style.input("inner_input", inner)], style.net(&net::tiny(), "inner_input", None)]
                    .concat();
            let all =
                [&[style.input("photo", shape)][..], &layers, &[style.model("base", &base, &[])]].concat();
            let weights = open(&tensors(&[]), &style.model("whole", &style.chain(&all), &[])).unwrap();
            let record = &weights.record;
            assert_eq!((record.size, record.resize.as_deref()), (Some(size), Some(rule)));
            assert_eq!(record.numerics.padding, Padding::Same);
        }
        // A size that the net inside alone states, and none.
        for (inner, size, notes) in
            [(json!([null, 96, 64, 3]), [96, 64], 1), (open_input.clone(), [224, 224], 2)]
        {
            let base =
                [vec![style.input("inner_input", inner)], style.net(&net::tiny(), "inner_input", None)]
                    .concat();
            let all = [style.input("photo", open_input.clone()), style.model("base", &base, &[])];
            let weights = open(&tensors(&[]), &style.model("whole", &style.chain(&all), &[])).unwrap();
            assert_eq!(
                (weights.record.size, weights.notes.len()),
                (Some(size), notes),
                "{:?}",
                weights.notes
            );
        }
    }
    for (config, reason) in [
        (json!({"height": 64, "width": 64, "interpolation": "bicubic"}), "interpolation 'bicubic'"),
        (json!({"height": 64, "width": 64, "pad_to_aspect_ratio": true}), "pad_to_aspect_ratio"),
        (json!({"height": 64, "width": 64, "antialias": true}), "antialias"),
        (json!({"height": 64, "width": 64, "data_format": "channels_first"}), "channels_first"),
        (json!({"height": 64}), "states no height and width"),
    ] {
        refused(before(Style::Three, &[layer("Resizing", "r7", config)]), &["layer 'r7' (Resizing)", reason]);
    }
}

/// Opens: Keras | a net that was built for no size, or for an odd one | padded as it was built
#[test]
fn the_padding_is_what_the_net_was_built_for() {
    let padding = |pads: Value, shape: Value| {
        let net = Style::Two.net(&net::tiny(), "in", Some(pads));
        let layers = [vec![Style::Two.input("in", shape)], net].concat();
        let plain = net::tensors(&net::tiny(), None);
        open(&plain, &Style::Two.model("net", &layers, &[])).map(|weights| weights.record.numerics.padding)
    };
    let (even, odd) = (json!([[0, 1], [0, 1]]), json!([[1, 1], [1, 1]]));
    assert_eq!(padding(even.clone(), json!([null, 64, 96, 3])).unwrap(), Padding::Same);
    assert_eq!(padding(even.clone(), json!([null, 100, 132, 3])).unwrap(), Padding::Trailing);
    assert_eq!(padding(even.clone(), json!([null, null, null, 3])).unwrap(), Padding::Trailing);
    for (pads, shape) in [
        (odd.clone(), json!([null, 64, 64, 3])),
        (odd, json!([null, null, null, 3])),
        (json!(2), json!([null, 64, 64, 3])),
    ] {
        let text = padding(pads, shape).unwrap_err().to_string();
        assert!(
            text.contains("layer 'block_1_depthwise_pad' (ZeroPadding2D)") && text.contains("padding"),
            "{text}"
        );
    }
}

/// Refuses: Keras | a layer before the net or in it that is not followed | the layer, its class, and what to do
#[test]
fn what_is_not_followed_before_or_in_the_net_is_refused_by_its_name() {
    for (class, config, reason) in [
        ("Lambda", json!({}), "runs code"),
        ("Conv2D", json!({"filters": 3, "kernel_size": [1, 1]}), "3x3 convolution with stride 2"),
        ("MyLayer", json!({}), "not followed"),
        ("RandomCrop", json!({"height": 64, "width": 64}), "differs between versions"),
        ("Rescaling", json!({"scale": [1, 2]}), "neither one number nor one for each"),
        ("Rescaling", json!({"scale": "x\ny".repeat(1000)}), "neither a number"),
        ("Activation", json!({"activation": "sigmoid"}), "not followed"),
        ("Permute", json!({"dims": [3, 1, 2]}), "not followed"),
    ] {
        let result = before(Style::Two, &[layer(class, "mine", config)]);
        refused(result, &[&format!("layer 'mine' ({class})"), reason]);
    }
    refused(
        open(&tensors(&[]), &model(Style::Three, json!([null, 64, 64, 1]), &[], &[])),
        &["'photo'", "1 channels"],
    );
    refused(
        open(&tensors(&[]), &model(Style::Three, json!([null, 3, 64, 64]), &[], &[])),
        &["'photo'", "channels_first"],
    );
    refused(
        open(&tensors(&[]), &model(Style::Three, json!([null, 16, 64, 3]), &[], &[])),
        &["16x64", "32 to 2048"],
    );
    // One value of one layer of the net.
    for (name, key, value, reason) in [
        ("block_3_depthwise_relu", "max_value", json!(null), "max_value 6"),
        ("block_5_project", "use_bias", json!(true), "bias"),
        ("block_7_depthwise", "strides", json!([2, 2]), "stride 1"),
        ("block_9_expand_BN", "epsilon", json!(0.01), "epsilon is 0.01"),
        ("block_2_depthwise", "dilation_rate", json!([2, 2]), "dilation"),
        ("Conv_1_bn", "axis", json!(1), "channels_first"),
        ("block_4_expand", "activation", json!("relu"), "activation of its own"),
    ] {
        for style in Style::ALL {
            let mut layers =
                [vec![style.input("in", json!([null, 64, 64, 3]))], style.net(&net::tiny(), "in", None)]
                    .concat();
            layers.iter_mut().find(|layer| layer["name"] == name).unwrap()["config"][key] = value.clone();
            let plain = net::tensors(&net::tiny(), None);
            refused(open(&plain, &style.model("net", &layers, &[])), &[&format!("layer '{name}'"), reason]);
        }
    }
}

#[test]
fn the_epsilon_is_the_descriptions() {
    let mut layers =
        [vec![Style::Two.input("in", json!([null, 64, 64, 3]))], Style::Two.net(&net::tiny(), "in", None)]
            .concat();
    layers
        .iter_mut()
        .filter(|layer| layer["class_name"] == "BatchNormalization")
        .for_each(|layer| layer["config"]["epsilon"] = json!(1e-5));
    let weights = open(&net::tensors(&net::tiny(), None), &Style::Two.model("net", &layers, &[])).unwrap();
    assert_eq!(weights.record.numerics.epsilon, 1e-5);
}

/// Refuses: Keras | of tf_keras: a layer that was called with `training=True` | the layer; Keras 3 does nothing of the kind, and such a model opens
#[test]
fn a_call_in_training_counts_in_keras_2_alone() {
    for (style, is_refused) in [(Style::Two, true), (Style::Three, false)] {
        let mut whole =
            model(style, json!([null, 64, 64, 3]), &[layer("RandomFlip", "flip", json!({}))], &[]);
        let flip = &mut whole["config"]["layers"][1]["inbound_nodes"][0];
        match style {
            Style::Two => flip[0][3] = json!({"training": true}),
            Style::Three => flip["kwargs"] = json!({"training": true}),
        }
        let opened = open(&tensors(&[]), &whole);
        match is_refused {
            true => refused(opened, &["layer 'flip' (RandomFlip)", "training=True"]),
            false => assert!(opened.is_ok()),
        }
    }
}

#[test]
fn a_description_that_is_none_is_refused() {
    let open = |text: &str| from_bytes(&net::file(&net::texts(&[(KEY, text)]), &tensors(&[])), "file");
    for text in ["", "no json", "{\"class_name\": \"Sequential\"", "{} {}", "\"\\ud800\"", "1e999"] {
        refused(open(text), &["metadata 'model_config' is '", "; save the model anew, or its weights alone"]);
    }
    for deep in ["[".repeat(200_000), r#"{"config":"#.repeat(80_000)] {
        refused(open(&deep), &["recursion limit exceeded at line 1"]);
    }
    // JSON all the same.
    for text in [
        "null",
        "[]",
        r#"{"class_name": 5, "config": []}"#,
        r#"{"class_name": "Dense"}"#,
        r#"{"class_name": "Mine", "config": {}}"#,
    ] {
        refused(open(text), &[]);
    }
}

#[test]
fn mutants_of_a_description_are_read_or_refused() {
    let whole = model(
        Style::Two,
        json!([null, 64, 96, 3]),
        &[layer("Rescaling", "r", json!({"scale": 2}))],
        &[pool(), dense("d", 3, "softmax")],
    );
    let tensors = tensors(&[("d", 9, 3)]);
    let text = whole.to_string();
    let count: u32 = std::env::var("ICECAP_MUTANTS").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    let mut accepted = 0;
    for index in 0..count {
        let mut random = Stream::new(11, Purpose::Test, index, 0);
        let mut bytes = text.clone().into_bytes();
        for _ in 0..=random.below(2) {
            let at = random.below(bytes.len() as u32) as usize;
            match random.below(4) {
                0 => bytes[at] = b"{}[]\",:0-e\\ 1"[random.below(13) as usize],
                1 => drop(bytes.remove(at)),
                2 => {
                    // One word for another that stands in the text.
                    let words: Vec<&str> = text.split('"').collect();
                    let pick = |random: &mut Stream| words[random.below(words.len() as u32) as usize];
                    let (from, to) = (pick(&mut random), pick(&mut random));
                    let mutant = String::from_utf8_lossy(&bytes).replacen(
                        &format!("\"{from}\""),
                        &format!("\"{to}\""),
                        1,
                    );
                    bytes = mutant.into_bytes();
                }
                _ => bytes.truncate(at.max(1)),
            }
        }
        let config = String::from_utf8_lossy(&bytes).into_owned();
        match from_bytes(&net::file(&net::texts(&[(KEY, &config)]), &tensors), "file") {
            Ok(_) => accepted += 1,
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.starts_with("file: ") && !text.contains(char::is_control) && text.len() < 700,
                    "{index}: {text:?}"
                );
            }
        }
    }
    assert!(accepted < count, "mutants change something");
}
