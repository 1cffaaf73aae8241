//! One net in the names and axis orders of each layout is one net: the same tensors, one hash.
//!
//! The names are spelled out here from the frameworks' own modules, block by block, and the axes moved by a loop of its
//! own: nothing is shared with the reader.

use std::collections::BTreeMap;

use icecap_graph::{Numerics, Padding, Scaling};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Error, Layout, Weights, from_bytes, params_digest};

use crate::net::{self, Tensors};

const CLASSES: usize = 10;

fn whole() -> Tensors {
    net::tensors(&net::tiny(), Some(CLASSES))
}

/// [rows, columns, in, out] as PyTorch keeps it: [out, in, rows, columns].
fn convolution(tensor: &Tensor) -> Tensor {
    let &[h, w, i, o] = tensor.shape().dims() else { panic!("{}", tensor.shape()) };
    let mut moved = Tensor::zeros(Shape::of([o, i, h, w]));
    let mut at = 0;
    for output in 0..o {
        for input in 0..i {
            for y in 0..h {
                for x in 0..w {
                    moved.data_mut()[at] = tensor.data()[((y * w + x) * i + input) * o + output];
                    at += 1;
                }
            }
        }
    }
    moved
}

/// [rows, columns, channels, 1] as PyTorch keeps it: [channels, 1, rows, columns].
fn depthwise(tensor: &Tensor) -> Tensor {
    let &[h, w, c, 1] = tensor.shape().dims() else { panic!("{}", tensor.shape()) };
    let swapped = Tensor::from_slice(Shape::of([h, w, 1, c]), tensor.data()).unwrap();
    convolution(&swapped)
}

fn dense(tensor: &Tensor) -> Tensor {
    let &[i, o] = tensor.shape().dims() else { panic!("{}", tensor.shape()) };
    let as_window = Tensor::from_slice(Shape::of([1, 1, i, o]), tensor.data()).unwrap();
    Tensor::from_slice(Shape::of([o, i]), convolution(&as_window).data()).unwrap()
}

/// `(Keras' convolution, its BatchNorm, the module, its BatchNorm's module)` of every layer.
type Table = Vec<(String, String, String, String)>;

fn torch_file(table: &Table, top: &str, prefix: &str) -> Tensors {
    let keras = whole();
    let mut tensors = Tensors::new();
    for (conv, norm, conv_module, norm_module) in table {
        let kernel = &keras[&format!("{conv}/kernel")];
        let kernel = if conv.contains("depthwise") { depthwise(kernel) } else { convolution(kernel) };
        tensors.insert(format!("{prefix}{conv_module}.weight"), kernel);
        for (variable, here) in [
            ("gamma", "weight"),
            ("beta", "bias"),
            ("moving_mean", "running_mean"),
            ("moving_variance", "running_var"),
        ] {
            let name = format!("{prefix}{norm_module}.{here}");
            tensors.insert(name, keras[&format!("{norm}/{variable}")].clone());
        }
        let counter = Tensor::from_slice(Shape::of([]), &[3.0]).unwrap();
        tensors.insert(format!("{prefix}{norm_module}.num_batches_tracked"), counter);
    }
    tensors.insert(format!("{top}.weight"), dense(&keras["predictions/kernel"]));
    tensors.insert(format!("{top}.bias"), keras["predictions/bias"].clone());
    assert_eq!(tensors.len(), 262 + 52);
    tensors
}

fn row(conv: &str, module: &str, norm_module: &str) -> (String, String, String, String) {
    let norm = match conv {
        "Conv1" => "bn_Conv1".to_owned(),
        "Conv_1" => "Conv_1_bn".to_owned(),
        _ => format!("{conv}_BN"),
    };
    (conv.to_owned(), norm, module.to_owned(), norm_module.to_owned())
}

fn torchvision() -> Table {
    let mut table = vec![
        row("Conv1", "features.0.0", "features.0.1"),
        row("expanded_conv_depthwise", "features.1.conv.0.0", "features.1.conv.0.1"),
        row("expanded_conv_project", "features.1.conv.1", "features.1.conv.2"),
    ];
    for block in 1..17 {
        let (keras, here) = (format!("block_{block}"), format!("features.{}.conv", block + 1));
        table.push(row(&format!("{keras}_expand"), &format!("{here}.0.0"), &format!("{here}.0.1")));
        table.push(row(&format!("{keras}_depthwise"), &format!("{here}.1.0"), &format!("{here}.1.1")));
        table.push(row(&format!("{keras}_project"), &format!("{here}.2"), &format!("{here}.3")));
    }
    table.push(row("Conv_1", "features.18.0", "features.18.1"));
    table
}

fn timm() -> Table {
    let mut table = vec![
        row("Conv1", "conv_stem", "bn1"),
        row("expanded_conv_depthwise", "blocks.0.0.conv_dw", "blocks.0.0.bn1"),
        row("expanded_conv_project", "blocks.0.0.conv_pw", "blocks.0.0.bn2"),
    ];
    let places = [
        "1.0", "1.1", "2.0", "2.1", "2.2", "3.0", "3.1", "3.2", "3.3", "4.0", "4.1", "4.2", "5.0", "5.1",
        "5.2", "6.0",
    ];
    for (index, place) in places.into_iter().enumerate() {
        let (keras, here) = (format!("block_{}", index + 1), format!("blocks.{place}"));
        table.push(row(&format!("{keras}_expand"), &format!("{here}.conv_pw"), &format!("{here}.bn1")));
        table.push(row(&format!("{keras}_depthwise"), &format!("{here}.conv_dw"), &format!("{here}.bn2")));
        table.push(row(&format!("{keras}_project"), &format!("{here}.conv_pwl"), &format!("{here}.bn3")));
    }
    table.push(row("Conv_1", "conv_head", "bn2"));
    table
}

fn huggingface() -> Table {
    let of = |keras: &str, module: &str| {
        row(keras, &format!("{module}.convolution"), &format!("{module}.normalization"))
    };
    let mut table = vec![
        of("Conv1", "conv_stem.first_conv"),
        of("expanded_conv_depthwise", "conv_stem.conv_3x3"),
        of("expanded_conv_project", "conv_stem.reduce_1x1"),
    ];
    for layer in 0..16 {
        let (keras, here) = (format!("block_{}", layer + 1), format!("layer.{layer}"));
        table.push(of(&format!("{keras}_expand"), &format!("{here}.expand_1x1")));
        table.push(of(&format!("{keras}_depthwise"), &format!("{here}.conv_3x3")));
        table.push(of(&format!("{keras}_project"), &format!("{here}.reduce_1x1")));
    }
    table.push(of("Conv_1", "conv_1x1"));
    table
}

fn open(tensors: &Tensors) -> Result<Weights, Error> {
    from_bytes(&net::file(&net::texts(&[]), tensors), "net")
}

/// Opens: other files of weights | safetensors in the names of Keras, torchvision, timm or Google's port | by the names of its tensors
#[test]
fn every_layout_gives_the_same_net() {
    let imagenet = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let torch = Numerics { epsilon: 1e-5, padding: Padding::Symmetric, scaling: imagenet };
    let without_top = |mut tensors: Tensors| {
        tensors.retain(|name, _| !name.starts_with("classifier"));
        tensors
    };
    for (what, layout, numerics, file, classes) in [
        (
            "torchvision",
            Layout::Torchvision,
            torch,
            torch_file(&torchvision(), "classifier.1", ""),
            Some(CLASSES),
        ),
        (
            "its linear replaced",
            Layout::Torchvision,
            torch,
            torch_file(&torchvision(), "classifier", ""),
            Some(CLASSES),
        ),
        ("timm", Layout::Timm, torch, torch_file(&timm(), "classifier", ""), Some(CLASSES)),
        (
            "huggingface",
            Layout::HuggingFace,
            Numerics::KERAS,
            torch_file(&huggingface(), "classifier", "mobilenet_v2."),
            Some(CLASSES),
        ),
        (
            "huggingface, bare",
            Layout::HuggingFace,
            Numerics::KERAS,
            without_top(torch_file(&huggingface(), "classifier", "")),
            None,
        ),
        ("timm without top", Layout::Timm, torch, without_top(torch_file(&timm(), "classifier", "")), None),
    ] {
        let weights = open(&file).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((weights.record.layout, weights.record.numerics), (layout, numerics), "{what}");
        assert_eq!((weights.params.spec(), weights.params.classes()), (&net::tiny(), classes), "{what}");
        let keras = whole();
        for (name, tensor) in weights.params.tensors() {
            assert_eq!(
                (tensor.shape(), tensor.data()),
                (keras[name].shape(), keras[name].data()),
                "{what} {name}"
            );
        }
        let as_keras = net::params(&net::tiny()).with_numerics(numerics).unwrap();
        assert_eq!(weights.record.params_sha256, params_digest(&as_keras), "{what}");
        assert_eq!(weights.record.resize_rule() == "squash", layout == Layout::Keras);
    }
}

#[test]
fn an_error_names_the_tensor_as_the_file_does() {
    let file = torch_file(&torchvision(), "classifier.1", "");
    for (name, other) in [
        ("features.4.conv.1.0.weight", Shape::of([1, 1, 3, 3])),
        ("features.0.1.running_var", Shape::of([5])),
        ("features.18.0.weight", Shape::of([2])),
    ] {
        let mut tensors = file.clone();
        tensors.insert(name.to_owned(), Tensor::zeros(other));
        let error = open(&tensors).unwrap_err().to_string();
        assert!(error.contains(&format!("'{name}'")) && error.contains("(byte "), "{error}");

        tensors.remove(name);
        let error = open(&tensors).unwrap_err().to_string();
        assert!(error.contains(&format!("'{name}'")) && error.contains("missing"), "{error}");
    }
    let mut tensors = file.clone();
    tensors.insert("features.19.0.weight".to_owned(), Tensor::zeros(Shape::of([1])));
    let error = open(&tensors).unwrap_err().to_string();
    assert!(error.contains("'features.19.0.weight'"), "{error}");

    let mut tensors = file.clone();
    let name = "features.3.conv.2.weight";
    tensors.get_mut(name).unwrap().data_mut()[2] = f32::NAN;
    let error = open(&tensors).unwrap_err().to_string();
    assert!(error.contains(&format!("'{name}'")) && error.contains("NaN"), "{error}");
}

/// The names that the port itself has; the script that wrote them stands in `tools/reference`.
#[test]
fn hugging_face_has_these_names() {
    let golden = include_str!("../../../../tests/golden/huggingface_names.txt");
    let mut names: Vec<&str> = golden.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    let file = torch_file(&huggingface(), "classifier", "mobilenet_v2.");
    let mut expected: Vec<&str> = file.keys().map(String::as_str).collect();
    expected.sort_unstable();
    names.sort_unstable();
    assert_eq!(names, expected);
}

/// Keras' own names with what stands around them in its files.
fn renamed(rename: impl Fn(&str, &str) -> String) -> Tensors {
    let split = |name: &str| name.split_once('/').map(|(l, v)| (l.to_owned(), v.to_owned())).unwrap();
    whole()
        .into_iter()
        .map(|(name, tensor)| {
            let (layer, variable) = split(&name);
            (rename(&layer, &variable), tensor)
        })
        .collect()
}

fn assert_is_the_net(tensors: &Tensors, what: &str) {
    let weights = open(tensors).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(weights.record.layout, Layout::Keras, "{what}");
    assert_eq!(weights.params.classes(), Some(CLASSES), "{what}");
    for (name, tensor) in weights.params.tensors() {
        assert_eq!(tensor.data(), whole()[name].data(), "{what} {name}");
    }
}

#[test]
fn keras_names_are_found_in_what_stands_around_them() {
    let kernel = |layer: &str, variable: &str| match variable {
        "kernel" if layer.ends_with("depthwise") => "depthwise_kernel".to_owned(),
        other => other.to_owned(),
    };
    let own = |layer: &str| if layer == "predictions" { "dense_7".to_owned() } else { layer.to_owned() };
    assert_is_the_net(&renamed(|l, v| format!("{l}/{l}/{}:0", kernel(l, v))), "HDF5");
    assert_is_the_net(&renamed(|l, v| format!("{l}/{l}/{v}")), "HDF5 of a newer Keras");
    assert_is_the_net(&renamed(|l, v| format!("{l}/{}:0", kernel(l, v))), "bare");
    assert_is_the_net(&renamed(|l, v| format!("mobilenetv2_1.00_160/{}/{v}:0", own(l))), "a user's model");
}

/// Keras 3 counts layers by class, the first without a number, and variables by number.
fn counted(around: &str) -> Tensors {
    let mut order = vec!["Conv1".to_owned()];
    for block in 0..17 {
        let prefix = if block == 0 { "expanded_conv".to_owned() } else { format!("block_{block}") };
        let parts: &[&str] =
            if block == 0 { &["depthwise", "project"] } else { &["expand", "depthwise", "project"] };
        order.extend(parts.iter().map(|part| format!("{prefix}_{part}")));
    }
    order.push("Conv_1".to_owned());
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next = |class: &'static str| {
        let count = counts.entry(class).or_insert(0);
        *count += 1;
        if *count == 1 { class.to_owned() } else { format!("{class}_{}", *count - 1) }
    };
    let keras = whole();
    let mut tensors = Tensors::new();
    for conv in order {
        let class = if conv.contains("depthwise") { "depthwise_conv2d" } else { "conv2d" };
        let group = next(class);
        tensors.insert(format!("{around}{group}/vars/0"), keras[&format!("{conv}/kernel")].clone());
        let (_, norm, ..) = row(&conv, "", "");
        let group = next("batch_normalization");
        for (index, variable) in ["gamma", "beta", "moving_mean", "moving_variance"].into_iter().enumerate() {
            let tensor = keras[&format!("{norm}/{variable}")].clone();
            tensors.insert(format!("{around}{group}/vars/{index}"), tensor);
        }
    }
    tensors.insert("layers/dense/vars/0".to_owned(), keras["predictions/kernel"].clone());
    tensors.insert("layers/dense/vars/1".to_owned(), keras["predictions/bias"].clone());
    tensors
}

#[test]
fn keras_3_files_are_counted_in_the_order_of_the_net() {
    assert_is_the_net(&counted("layers/"), "the net itself");
    assert_is_the_net(&counted("layers/functional/layers/"), "the net inside a user's model");
}

#[test]
fn a_second_dense_layer_is_passed_over_and_a_second_copy_refused() {
    let mut two = counted("layers/");
    two.insert("layers/dense_1/vars/0".to_owned(), Tensor::zeros(Shape::of([CLASSES, 3])));
    two.insert("layers/dense_1/vars/1".to_owned(), Tensor::zeros(Shape::of([3])));
    let weights = from_bytes(&net::file(&net::texts(&[]), &two), "file").unwrap();
    assert_eq!(
        (weights.record.params_sha256, weights.params.classes()),
        (params_digest(&net::params(&net::tiny())), None)
    );
    let reason = weights.head.unreadable().unwrap();
    assert!(
        reason.contains("'layers/dense_1/vars/0' is a dense layer, and so is 'layers/dense/vars/0'"),
        "{reason}"
    );

    let mut twice = whole();
    twice.insert("base/Conv1/kernel:0".to_owned(), twice["Conv1/kernel"].clone());
    let error = open(&twice).unwrap_err().to_string();
    assert!(error.contains("'base/Conv1/kernel:0'") && error.contains("'Conv1/kernel'"), "{error}");
}
