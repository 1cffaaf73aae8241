//! Names of each kind around the same small net. The container does not matter to a layout, so they are put into the one
//! that is easiest to write.

use std::collections::BTreeMap;

use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Error, FileHead, Weights, from_bytes, params_digest};

use crate::net::{self, Tensors};

type Texts = BTreeMap<String, String>;

fn open(tensors: &Tensors, texts: &Texts) -> Result<Weights, Error> {
    from_bytes(&net::file(texts, tensors), "file")
}

/// The net's tensors under other names.
fn renamed(name: impl Fn(&str, &str) -> String) -> Tensors {
    let tensors = net::tensors(&net::tiny(), None).into_iter();
    tensors
        .map(|(canonical, tensor)| {
            let (layer, variable) = canonical.split_once('/').unwrap();
            (name(layer, variable), tensor)
        })
        .collect()
}

/// The net's layers, each class in the net's order: that of the published table, written out once more.
fn ordered() -> Vec<String> {
    let mut layers = vec!["Conv1".to_owned(), "bn_Conv1".to_owned()];
    for part in ["depthwise", "project"] {
        layers.extend([format!("expanded_conv_{part}"), format!("expanded_conv_{part}_BN")]);
    }
    for block in 1..=16 {
        for part in ["expand", "depthwise", "project"] {
            layers.extend([format!("block_{block}_{part}"), format!("block_{block}_{part}_BN")]);
        }
    }
    layers.extend(["Conv_1".to_owned(), "Conv_1_bn".to_owned()]);
    layers
}

/// What Keras 3 calls a layer's group, which is after its class, and the variable's number.
fn group(layer: &str) -> String {
    let class = |layer: &str| match layer {
        _ if layer.ends_with("_BN") || layer.ends_with("_bn") || layer == "bn_Conv1" => "batch_normalization",
        _ if layer.ends_with("depthwise") => "depthwise_conv2d",
        _ => "conv2d",
    };
    let own = class(layer);
    let before =
        ordered().iter().take_while(|other| *other != layer).filter(|other| class(other) == own).count();
    if before == 0 { own.to_owned() } else { format!("{own}_{before}") }
}

fn number(variable: &str) -> usize {
    let variables = ["gamma", "beta", "moving_mean", "moving_variance"];
    variables.iter().position(|other| *other == variable).unwrap_or(0)
}

fn numbered(root: &str) -> Tensors {
    renamed(|layer, variable| format!("{root}layers/{}/vars/{}", group(layer), number(variable)))
}

fn dense(tensors: &mut Tensors, [kernel, bias]: [&str; 2], dims: [usize; 2]) {
    tensors.insert(kernel.to_owned(), Tensor::zeros(Shape::of(dims)));
    tensors.insert(bias.to_owned(), Tensor::zeros(Shape::of([dims[1]])));
}

#[test]
fn every_way_of_naming_gives_the_same_net() {
    let expected = params_digest(&net::params(&net::tiny()));
    let keras_2 = |layer: &str, variable: &str| {
        let depthwise = layer.ends_with("_depthwise") && variable == "kernel";
        format!("{layer}/{layer}/{}{variable}:0", if depthwise { "depthwise_" } else { "" })
    };
    for (way, tensors) in [
        ("canonical", renamed(|layer, variable| format!("{layer}/{variable}"))),
        ("keras 2", renamed(keras_2)),
        ("nested", renamed(|layer, variable| format!("mobilenetv2_1.00_160/{layer}/{variable}:0"))),
        ("numbers", numbered("")),
        ("numbers in a model", numbered("layers/functional/")),
        ("numbers in an early version", numbered("_layer_checkpoint_dependencies/functional/")),
    ] {
        let weights = open(&tensors, &Texts::new()).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_eq!(weights.record.params_sha256, expected, "{way}");
        assert_eq!(weights.params.classes(), None, "{way}");
    }
}

#[test]
fn a_stored_name_says_better_than_a_number() {
    let expected = params_digest(&net::params(&net::tiny()));
    // All numbers shifted, as in a session in which another model was made before.
    let shifted = |layer: &str| format!("layers/{}_7/vars", group(layer));
    let tensors = renamed(|layer, variable| format!("{}/{}", shifted(layer), number(variable)));
    let texts = ordered().into_iter().map(|layer| (shifted(&layer), layer)).collect();
    assert_eq!(open(&tensors, &texts).unwrap().record.params_sha256, expected);
}

#[test]
fn a_dense_layer_on_the_features_is_the_top_whatever_its_name() {
    for names in [
        ["dense/dense/kernel:0", "dense/dense/bias:0"],
        ["dense_3/kernel", "dense_3/bias"],
        ["logits/logits/kernel:0", "logits/logits/bias:0"],
        ["predictions/predictions/kernel:0", "predictions/predictions/bias:0"],
        ["layers/dense_2/vars/0", "layers/dense_2/vars/1"],
    ] {
        let mut tensors = numbered("layers/functional/");
        dense(&mut tensors, names, [9, 5]);
        let weights = open(&tensors, &Texts::new()).unwrap_or_else(|error| panic!("{names:?}: {error}"));
        assert_eq!(weights.params.classes(), Some(5), "{names:?}");
    }
}

/// Why the head cannot be read, which must hold all these texts; the net below it must be whole.
#[track_caller]
fn passed_over(tensors: &Tensors, expected: &[&str]) {
    let weights = open(tensors, &net::texts(&[])).unwrap();
    assert_eq!(weights.record.params_sha256, params_digest(&net::params(&net::tiny())));
    assert_eq!(weights.params.classes(), None);
    let reason = weights.head.unreadable().unwrap();
    assert!(expected.iter().all(|text| reason.contains(text)), "{reason}");
}

/// The error, which must hold all these texts.
#[track_caller]
fn refused(tensors: &Tensors, expected: &[&str]) {
    let error = open(tensors, &net::texts(&[])).unwrap_err().to_string();
    assert!(error.starts_with("file: ") && expected.iter().all(|text| error.contains(text)), "{error}");
}

#[test]
fn a_head_that_cannot_be_read_leaves_the_net_usable() {
    let mut tensors = numbered("");
    dense(&mut tensors, ["layers/dense/vars/0", "layers/dense/vars/1"], [9, 4]);
    dense(&mut tensors, ["layers/dense_1/vars/0", "layers/dense_1/vars/1"], [4, 2]);
    passed_over(&tensors, &["'layers/dense_1/vars/0' is a dense layer, and so is 'layers/dense/vars/0'"]);

    // Features that were not pooled.
    let mut tensors = numbered("");
    dense(&mut tensors, ["flat/flat/kernel:0", "flat/flat/bias:0"], [9 * 25, 4]);
    passed_over(&tensors, &["'flat/flat/"]);

    let mut tensors = numbered("layers/functional/");
    for variable in ["gamma", "beta", "moving_mean", "moving_variance"] {
        tensors.insert(format!("norm/{variable}"), Tensor::zeros(Shape::of([9])));
    }
    dense(&mut tensors, ["dense/kernel", "dense/bias"], [9, 4]);
    passed_over(&tensors, &["'norm/beta' is of another layer"]);

    // One of a dense layer's two tensors, a misfit, and a value that is no number.
    let mut tensors = numbered("");
    tensors.insert("predictions/bias".to_owned(), Tensor::zeros(Shape::of([5])));
    passed_over(&tensors, &["'predictions/bias' is there, and its kernel 'predictions/kernel' is missing"]);
    let mut tensors = numbered("");
    dense(&mut tensors, ["predictions/kernel", "predictions/bias"], [8, 5]);
    passed_over(&tensors, &["'predictions/kernel' has shape [8, 5] and its bias [5]; expected [9, classes]"]);
    let mut tensors = numbered("");
    dense(&mut tensors, ["dense/kernel", "dense/bias"], [9, 5]);
    tensors.insert("dense/bias".to_owned(), Tensor::from_slice(Shape::of([5]), &[f32::NAN; 5]).unwrap());
    passed_over(&tensors, &["'dense/bias' holds NaN at index 0; save or train it anew (byte "]);
}

/// Opens: Keras | a dense layer without bias | as one whose bias is zero
#[test]
fn a_dense_layer_without_bias_has_one_of_zeros() {
    let mut tensors = numbered("");
    let kernel: Vec<f32> = (0..9 * 5).map(|value| value as f32).collect();
    tensors.insert("layers/dense/vars/0".to_owned(), Tensor::from_slice(Shape::of([9, 5]), &kernel).unwrap());
    let weights = open(&tensors, &Texts::new()).unwrap();
    assert!(matches!(weights.head, FileHead::Top));
    let values = |name| weights.params.tensors().find(|(other, _)| *other == name).unwrap().1.data();
    assert_eq!((values("predictions/kernel"), values("predictions/bias")), (&kernel[..], &[0.0; 5][..]));
}

#[test]
fn what_is_no_part_of_the_net_is_refused_by_name() {
    let mut tensors = numbered("");
    tensors.insert("layers/normalization/vars/0".to_owned(), Tensor::zeros(Shape::of([3])));
    refused(&tensors, &["'layers/normalization/vars/0'"]);

    let mut tensors = numbered("");
    tensors.insert("layers/conv2d_35/vars/0".to_owned(), Tensor::zeros(Shape::of([1, 1, 9, 9])));
    refused(&tensors, &["'layers/conv2d_35/vars/0'"]);

    let mut tensors = numbered("");
    tensors.insert("layers/conv2d_4/vars/1".to_owned(), Tensor::zeros(Shape::of([4])));
    refused(&tensors, &["'block_2_expand/bias'", "'layers/conv2d_4/vars/1'"]);
}

/// Refuses: Keras | two nets in one file | both names
#[test]
fn two_nets_in_one_file_are_refused_with_both_names() {
    let mut tensors = numbered("layers/functional/");
    tensors.extend(numbered("layers/functional_1/"));
    refused(&tensors, &["layers/functional/layers/", "layers/functional_1/layers/", "keep one net"]);
}

/// Opens: Keras | a compiled model with the state of its optimizer | the state is passed over
#[test]
fn state_of_training_is_left_out() {
    let mut tensors = numbered("");
    for name in [
        "optimizer/vars/0",
        "optimizer_weights/adam/dense_kernel_momentum",
        "metrics/mean/vars/0",
        "layers/dropout/seed_generator/vars/0",
        "dropout/seed_generator_state",
    ] {
        tensors.insert(name.to_owned(), Tensor::zeros(Shape::of([9, 2])));
    }
    assert_eq!(open(&tensors, &Texts::new()).unwrap().params.classes(), None);
}
