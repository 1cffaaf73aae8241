//! Every tensor of a Keras file that is missing, extra, misshapen or unusable is the one that the error names.

use icecap_graph::Params;
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Error, Kind, Layout, from_bytes};

use crate::net::{self, Tensors};

const CLASSES: Option<usize> = Some(10);

fn open(tensors: &Tensors) -> Result<Params, Error> {
    from_bytes(&net::file(&net::texts(&[]), tensors), "net").map(|weights| weights.params)
}

/// The error for these tensors, which must name `name`.
fn refused(tensors: &Tensors, name: &str, how: &str) -> String {
    let error = open(tensors).expect_err(&format!("{name} {how}"));
    let text = error.to_string();
    assert!(text.starts_with("net: ") && text.contains(&format!("'{name}'")), "{name} {how}: {text}");
    assert_eq!(error.kind(), Kind::Content);
    text
}

/// The reason that makes this file useless: the error; of a tensor of the top, why the head cannot be read.
fn unusable(tensors: &Tensors, name: &str, how: &str) -> String {
    if !name.starts_with("predictions/") {
        return refused(tensors, name, how);
    }
    let weights = from_bytes(&net::file(&net::texts(&[]), tensors), "net").unwrap();
    assert_eq!(weights.params.classes(), None, "{name} {how}");
    let reason = weights.head.unreadable().unwrap_or_else(|| panic!("{name} {how}")).to_owned();
    assert!(reason.contains("'predictions/"), "{name} {how}: {reason}");
    reason
}

fn full() -> Tensors {
    let tensors = net::tensors(&net::tiny(), CLASSES);
    assert_eq!(tensors.len(), 262);
    tensors
}

#[test]
fn a_whole_net_opens_with_its_channels() {
    let params = open(&full()).unwrap();
    assert_eq!((params.spec(), params.classes()), (&net::tiny(), CLASSES));
    for (name, tensor) in params.tensors() {
        assert_eq!(tensor.data(), full()[name].data(), "{name}");
    }
}

#[test]
fn a_missing_tensor_is_named() {
    let mut tensors = full();
    for (name, tensor) in full() {
        tensors.remove(&name);
        match name.as_str() {
            // A dense layer may have none.
            "predictions/bias" => assert_eq!(open(&tensors).unwrap().classes(), CLASSES),
            "predictions/kernel" => {
                let reason = unusable(&tensors, &name, "missing");
                assert!(reason.ends_with("its kernel 'predictions/kernel' is missing"), "{reason}");
            }
            _ => {
                let error = refused(&tensors, &name, "missing");
                assert!(error.ends_with("; is this a whole MobileNetV2?"), "{error}");
            }
        }
        tensors.insert(name, tensor);
    }
}

#[test]
fn a_missing_layer_is_named_by_its_first_tensor() {
    let layers: std::collections::BTreeSet<String> =
        full().into_keys().filter_map(|name| Some(name.strip_suffix("/kernel")?.to_owned())).collect();
    assert_eq!(layers.len(), 53);
    for layer in layers {
        // The convolution and its BatchNorm; the pair is named alike in all layers but these two.
        let norm = match layer.as_str() {
            "Conv1" => "bn_Conv1".to_owned(),
            "Conv_1" => "Conv_1_bn".to_owned(),
            _ => format!("{layer}_BN"),
        };
        let mut tensors = full();
        tensors.retain(|name, _| name.split_once('/').is_some_and(|(of, _)| of != layer && of != norm));
        if layer == "predictions" {
            assert_eq!(open(&tensors).unwrap().classes(), None);
        } else {
            refused(&tensors, &format!("{layer}/kernel"), "missing with its BatchNorm");
        }
    }
}

/// Shapes that are almost `dims`: an axis less or more, each size 0, one less or one more, the last two swapped.
fn neighbors(dims: &[usize]) -> Vec<Shape> {
    let mut wrong = vec![vec![], [&[1], dims].concat()];
    for axis in 0..dims.len() {
        for size in [0, dims[axis] - 1, dims[axis] + 1] {
            let mut other = dims.to_vec();
            other[axis] = size;
            wrong.push(other);
        }
    }
    let mut swapped = dims.to_vec();
    if let [.., before, last] = &mut swapped[..] {
        std::mem::swap(before, last);
    }
    wrong.push(swapped);
    wrong.retain(|other| other.len() <= 4 && other != dims);
    wrong.iter().map(|dims| Shape::new(dims).unwrap()).collect()
}

#[test]
fn a_misshapen_tensor_is_named() {
    let mut tensors = full();
    for (name, right) in full() {
        for wrong in neighbors(right.shape().dims()) {
            tensors.insert(name.clone(), Tensor::zeros(wrong));
            unusable(&tensors, &name, &format!("as {wrong} instead of {}", right.shape()));
        }
        tensors.insert(name, right);
    }
}

#[test]
fn an_extra_tensor_is_named() {
    let mut tensors = full();
    for name in full().into_keys() {
        let extra = format!("{name}_1");
        tensors.insert(extra.clone(), Tensor::zeros(Shape::of([1])));
        let text = refused(&tensors, &extra, "extra");
        assert!(text.contains("(byte "), "{text}");
        tensors.remove(&extra);
    }
}

#[test]
fn an_unusable_value_is_named_with_index_and_byte() {
    let mut tensors = full();
    for (name, right) in full() {
        let mut values = vec![f32::NAN, f32::NEG_INFINITY];
        if name.ends_with("/moving_variance") {
            values.push(-1e-30);
        }
        for value in values {
            let mut wrong = right.clone();
            let index = wrong.data().len() / 2;
            wrong.data_mut()[index] = value;
            tensors.insert(name.clone(), wrong);
            let text = unusable(&tensors, &name, "unusable");
            assert!(text.contains(&format!("holds {value} at index {index};")), "{text}");
            // The byte that the error names is where the value stands.
            let byte = text.rsplit_once("(byte ").and_then(|(_, rest)| rest.split_once(' ')).unwrap().0;
            let byte: usize = byte.parse().unwrap();
            let file = net::file(&net::texts(&[]), &tensors);
            assert_eq!(file[byte..byte + 4], value.to_le_bytes(), "{text}");
        }
        tensors.insert(name, right);
    }
}

#[test]
fn a_head_is_no_part_of_the_backbone() {
    let mut tensors = full();
    tensors.insert("head/kernel".to_owned(), Tensor::zeros(Shape::of([9, 1])));
    tensors.insert("head/bias".to_owned(), Tensor::zeros(Shape::of([1])));
    assert_eq!(open(&tensors).unwrap().tensors().count(), 262);
    tensors.retain(|name, _| name.starts_with("head/"));
    assert!(matches!(open(&tensors), Err(Error::NoBackbone { .. })));
}

/// Refuses: other files of weights | another net | the first names of its tensors, and the layouts that are known
#[test]
fn names_of_no_layout_are_shown() {
    let foreign = Tensors::from([("layer1.0.conv1.weight".to_owned(), Tensor::zeros(Shape::of([1])))]);
    let error = open(&foreign).unwrap_err().to_string();
    assert!(["layer1.0.conv1.weight", "keras", "timm"].iter().all(|text| error.contains(text)), "{error}");
    assert!(matches!(open(&Tensors::new()), Err(Error::UnknownLayout { .. })));
    assert_eq!(Layout::recognize(["block_3_expand/kernel", "other"].into_iter()), Some(Layout::Keras));
    assert_eq!(Layout::recognize(["block_3_expand", "head/kernel"].into_iter()), None);
}
