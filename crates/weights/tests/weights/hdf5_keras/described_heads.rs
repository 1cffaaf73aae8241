//! What stands behind the net in Keras' description of a model becomes its head, or leaves the net without one.

use icecap_weights::{DenseHead, FileHead, HeadOutput, Weights, params_digest};
use serde_json::{Value, json};

use super::described_net::{Style, dense, layer, model, open, pool, refused, tensors};
use crate::net;

/// Layers behind the net, which has 9 features.
fn behind(dense: &[(&str, usize, usize)], layers: &[Value]) -> Weights {
    let both = Style::ALL.map(|style| {
        let model = model(style, json!([null, 64, 96, 3]), &[], layers);
        open(&tensors(dense), &model).unwrap_or_else(|error| panic!("{layers:?}: {error}"))
    });
    let [two, three] = both;
    assert_eq!(format!("{:?}", two.head), format!("{:?}", three.head));
    three
}

#[test]
fn one_dense_layer_is_the_top() {
    let expected = params_digest(&net::params(&net::tiny()));
    let flat = |name: &str| layer("Flatten", name, json!({}));
    let average = layer(
        "AveragePooling2D",
        "average",
        json!({"pool_size": [2, 3], "strides": null, "padding": "same"}),
    );
    for layers in [
        vec![pool(), dense("d", 3, "softmax")],
        vec![pool(), dense("d", 3, "linear"), layer("Softmax", "s", json!({"axis": -1}))],
        vec![average, flat("f"), layer("Dropout", "o", json!({})), dense("d", 3, "linear")],
        vec![
            layer("ReLU", "again", json!({"max_value": 6.0})),
            pool(),
            layer("Reshape", "r", json!({"target_shape": [1, 1, 9]})),
            flat("f"),
            dense("d", 3, "softmax"),
        ],
    ] {
        let weights = behind(&[("d", 9, 3)], &layers);
        assert!(matches!(weights.head, FileHead::Top), "{:?}", weights.head);
        assert_eq!((weights.params.classes(), weights.record.params_sha256), (Some(3), expected));
    }
    let reshaped = [pool(), dense("d", 3, "softmax"), layer("Reshape", "r", json!({"target_shape": [3]}))];
    assert!(matches!(behind(&[("d", 9, 3)], &reshaped).head, FileHead::Top));
    let weights = behind(&[("d", 9, 1)], &[pool(), dense("d", 1, "sigmoid")]);
    assert!(matches!(weights.head, FileHead::Top));
    for layers in [vec![], vec![pool()], vec![pool(), layer("Dropout", "o", json!({}))]] {
        assert!(matches!(behind(&[], &layers).head, FileHead::None));
    }
}

/// A head that is a chain of layers.
#[track_caller]
fn chain(dense: &[(&str, usize, usize)], layers: &[Value]) -> DenseHead {
    match behind(dense, layers).head {
        FileHead::Layers(head) => head,
        other => panic!("{other:?}"),
    }
}

/// Opens: Keras | heads of dense layers, BatchNorm, relu, arithmetic, softmax or sigmoids on pooled features | BatchNorm and arithmetic become part of the dense layers
#[test]
fn heads_of_several_layers_are_folded() {
    let two = [pool(), dense("a", 4, "relu"), layer("Dropout", "o", json!({})), dense("b", 3, "softmax")];
    let head = chain(&[("a", 9, 4), ("b", 4, 3)], &two);
    assert_eq!((head.layers().len(), head.output(), head.outputs()), (2, HeadOutput::Softmax, 3));
    let several = chain(&[("d", 9, 4)], &[pool(), dense("d", 4, "sigmoid")]);
    assert_eq!((several.output(), several.outputs()), (HeadOutput::Sigmoids, 4));
    // Halved logits have half the kernel.
    let plain = tensors(&[("d", 9, 3)])["d/d/kernel:0"].data().to_vec();
    let halved = chain(
        &[("d", 9, 3)],
        &[
            pool(),
            dense("d", 3, "linear"),
            layer("Rescaling", "t", json!({"scale": 0.5})),
            layer("Activation", "s", json!({"activation": "softmax"})),
        ],
    );
    let wanted: Vec<f32> = plain.iter().map(|value| value * 0.5).collect();
    assert_eq!((halved.layers()[0].kernel.data(), halved.output()), (&wanted[..], HeadOutput::Softmax));
}

/// Opens: Keras | a head that cannot be read | the net alone, with a note that names the layer
#[test]
fn a_head_that_cannot_be_read_leaves_the_net() {
    let top = || dense("d", 3, "softmax");
    for (layers, name, reason) in [
        (
            vec![layer("GlobalMaxPooling2D", "m", json!({})), top()],
            "layer 'm' (GlobalMaxPooling2D)",
            "cannot be read",
        ),
        (vec![layer("Flatten", "f", json!({})), top()], "layer 'f' (Flatten)", "2x3"),
        (
            vec![layer("AveragePooling2D", "m", json!({"pool_size": 2})), top()],
            "layer 'm' (AveragePooling2D)",
            "2x3",
        ),
        (
            vec![
                layer("AveragePooling2D", "m", json!({"pool_size": [2, 3], "strides": 1, "padding": "same"})),
                pool(),
                top(),
            ],
            "layer 'm' (AveragePooling2D)",
            "it pads",
        ),
        (vec![pool(), dense("d", 3, "swish")], "layer 'd' (Dense)", "'swish'"),
        (vec![pool(), dense("d", 3, "tanh")], "layer 'd' (Dense)", "'tanh'"),
        (vec![pool(), layer("Lambda", "mine", json!({})), top()], "layer 'mine' (Lambda)", "cannot be read"),
        (vec![pool(), dense("d", 1, "softmax")], "layer 'd' (Dense)", "always 1"),
        (
            vec![pool(), top(), layer("Rescaling", "r", json!({"scale": 2}))],
            "layer 'r' (Rescaling)",
            "behind a softmax",
        ),
        (vec![top()], "layer 'd' (Dense)", "not pooled"),
        (vec![pool(), dense("e", 3, "softmax")], "layer 'e' (Dense)", "not among the tensors"),
        (vec![pool(), layer("LeakyReLU", "l", json!({})), top()], "layer 'l' (LeakyReLU)", "cannot be read"),
    ] {
        let weights = behind(&[("d", 9, 3)], &layers);
        let told = weights.head.unreadable().unwrap_or_else(|| panic!("{layers:?}: its head was read"));
        assert!(told.contains(name) && told.contains(reason), "{told}");
        assert_eq!(weights.record.params_sha256, params_digest(&net::params(&net::tiny())));
    }
}

/// Refuses: Keras | a model of several inputs | the second input
#[test]
fn several_outputs_leave_the_net_and_several_inputs_do_not() {
    let mut whole = model(Style::Three, json!([null, 64, 64, 3]), &[], &[pool(), dense("d", 3, "softmax")]);
    whole["config"]["output_layers"] = json!([["d", 0, 0], ["pool", 0, 0]]);
    let weights = open(&tensors(&[("d", 9, 3)]), &whole).unwrap();
    assert!(weights.head.unreadable().unwrap().contains("one of 2 outputs"));
    let layers = [
        Style::Two.input("photo", json!([null, 64, 64, 3])),
        Style::Two.input("facts", json!([null, 64, 64, 3])),
        Style::Two.layer("Concatenate", "both", json!({}), &["photo", "facts"]),
    ];
    let mut whole = Style::Two.model("whole", &layers, &[]);
    whole["config"]["input_layers"] = json!([["photo", 0, 0], ["facts", 0, 0]]);
    refused(open(&tensors(&[]), &whole), &["(InputLayer)", "second input"]);
}
