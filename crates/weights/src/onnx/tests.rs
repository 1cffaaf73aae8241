use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use icecap_graph::{ConvLayer, Numerics, Padding, Params, Part, Spec, fold, layers, tensor_shapes};
use icecap_kernels::jpeg::Dct;
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};

use super::message::{FLOAT, GraphProto, INT8, INT32, NodeProto, Side, UINT8, ValueInfoProto};
use super::*;
use crate::{Activation, BackbonePart, DenseLayer, Digest, Layout, Preprocessing, Record, params_digest};

/// A model of width 0.35 with random weights.
pub(crate) fn model(classes: usize) -> Model {
    model_of(classes, Numerics::KERAS, [96, 96])
}

pub(crate) fn model_of(classes: usize, numerics: Numerics, size: [usize; 2]) -> Model {
    model_with(0.35, classes, numerics, size)
}

pub(crate) fn model_with(width: f32, classes: usize, numerics: Numerics, size: [usize; 2]) -> Model {
    let spec = Spec::with_width(width).unwrap();
    let shapes = tensor_shapes(&spec, None).into_iter();
    let tensors = shapes.zip(0..).map(|((name, shape), number)| {
        // Every value above 0: a variance must be, the rest may be.
        (name, random(shape, number, 0.01, 0.5))
    });
    let params = Params::new(spec, numerics, tensors.collect()).unwrap();
    let params_sha256 = params_digest(&params);
    let logits = if classes == 2 { 1 } else { classes };
    Model {
        classes: (0..classes).map(|class| format!("class {class}")).collect(),
        layers: vec![DenseLayer {
            kernel: random(Shape::of([1280, logits]), 1000, -0.1, 0.1),
            bias: random(Shape::of([logits]), 1001, -0.1, 0.1).data().to_vec(),
            activation: Activation::None,
        }],
        multi_label: false,
        backbone: BackbonePart::Embedded(Arc::new(params)),
        record: Record {
            name: Some("random".to_owned()),
            licence: None,
            layout: Layout::Keras,
            width: Some(width),
            numerics,
            size: None,
            resize: None,
            dct: None,
            file_sha256: Digest::of(b"random"),
            params_sha256,
            tuned: None,
        },
        preprocessing: Preprocessing {
            size,
            resize: "squash".to_owned(),
            exif: "apply".to_owned(),
            dct: Dct::Accurate,
        },
        temperature: 1.0,
        threshold: crate::DEFAULT_THRESHOLD,
        novelty: None,
        tool_version: "1.2.3".to_owned(),
        data_fingerprint: "photos".to_owned(),
        training: BTreeMap::from([("epochs".to_owned(), "10".to_owned())]),
    }
}

fn random(shape: Shape, number: u32, from: f32, to: f32) -> Tensor {
    let mut stream = Stream::new(3, Purpose::Test, 0, number);
    let values: Vec<f32> = (0..shape.elements()).map(|_| stream.range(from, to)).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

pub(crate) fn symmetric() -> Numerics {
    Numerics { epsilon: 1e-5, padding: Padding::Symmetric, ..Numerics::KERAS }
}

pub(crate) fn params(model: &Model) -> &Params {
    match &model.backbone {
        BackbonePart::Embedded(params) => params,
        _ => panic!("a model without its backbone"),
    }
}

/// What was written, read again; a graph in which every value comes before its use and every constant has its bytes.
fn written(model: &Model, pixels: OnnxPixels) -> (ModelProto, GraphProto) {
    let bytes = model.to_onnx(pixels).unwrap();
    assert_eq!(bytes, model.clone().to_onnx(pixels).unwrap());
    read(&bytes)
}

/// What a file holds; its graph has every value before its use and every constant has its bytes.
pub(super) fn read(bytes: &[u8]) -> (ModelProto, GraphProto) {
    let file = ModelProto::decode(bytes).unwrap();
    assert_eq!(file.encode_to_vec(), bytes);
    let graph = file.graph.clone().unwrap();
    let mut known: BTreeSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    let mut unused = BTreeSet::new();
    for constant in &graph.initializer {
        let elements: i64 = constant.dims.iter().product();
        let size = match constant.data_type {
            FLOAT | INT32 => 4,
            UINT8 | INT8 => 1,
            other => panic!("{}: {other}", constant.name),
        };
        assert_eq!(constant.raw_data.len() as i64, size * elements, "{}", constant.name);
        assert!(known.insert(&constant.name) && unused.insert(constant.name.as_str()), "{}", constant.name);
    }
    let mut names = BTreeSet::new();
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(input.as_str()), "{} reads {input} before it is there", node.name);
            unused.remove(input.as_str());
        }
        assert!(names.insert(&node.name) && known.insert(&node.output[0]), "{} stands twice", node.name);
    }
    assert!(unused.is_empty(), "never read: {unused:?}");
    assert!(graph.output.iter().chain(&graph.value_info).all(|value| known.contains(value.name.as_str())));
    (file, graph)
}

pub(super) fn count(graph: &GraphProto, op: &str) -> usize {
    graph.node.iter().filter(|node| node.op_type == op).count()
}

pub(super) fn ints<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    &node.attribute.iter().find(|attribute| attribute.name == name).unwrap().ints
}

/// Element type and sides; the batch is -1.
pub(super) fn shape(value: &ValueInfoProto) -> (i32, Vec<i64>) {
    let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    let sides = tensor.shape.as_ref().unwrap().dim.iter().map(|dim| match dim.side.as_ref().unwrap() {
        Side::Value(side) => *side,
        Side::Named(name) => {
            assert_eq!(name, "N");
            -1
        }
    });
    (tensor.elem_type, sides.collect())
}

#[test]
fn the_graph_is_the_net_node_by_node() {
    let model = model(5);
    let (file, graph) = written(&model, OnnxPixels::Scaled);
    assert_eq!((file.ir_version, file.opset_import[0].version), (7, 13));
    assert_eq!((file.producer_name.as_str(), file.producer_version.as_str()), ("icecap", "1.2.3"));
    for (op, nodes) in [("Conv", 52), ("Clip", 35), ("Add", 10), ("Gemm", 1), ("Softmax", 1)] {
        assert_eq!(count(&graph, op), nodes, "{op}");
    }
    assert_eq!(graph.node.len(), 52 + 35 + 10 + 4);
    let node = |name: &str| graph.node.iter().find(|node| node.name == name).unwrap();
    assert_eq!(node("Conv1").input, ["pixels", "Conv1/kernel", "Conv1/bias"]);
    assert_eq!(node("block_2_add").input, ["block_2_project_BN", "block_1_project_BN"]);
    assert_eq!(node("block_5_add").input, ["block_5_project_BN", "block_4_add"]);
    assert_eq!(node("block_16_expand").input[0], "block_15_add");
    assert_eq!(node("out_relu").input, ["Conv_1_bn", "relu6/min", "relu6/max"]);
    let group = |name: &str| node(name).attribute.iter().find(|a| a.name == "group").unwrap().i;
    assert_eq!((group("Conv1"), group("block_1_depthwise")), (Some(1), Some(48)));
    assert_eq!(shape(&graph.input[0]), (1, vec![-1, 3, 96, 96]));
    let outputs: Vec<_> = graph.output.iter().map(|value| (value.name.as_str(), shape(value).1)).collect();
    assert_eq!(outputs, [("probabilities", vec![-1, 5]), ("logits", vec![-1, 5])]);
}

/// Stem and first block of the narrowest nets have the same channels, so that already the first block adds its input.
#[test]
fn what_a_block_adds_is_what_entered_it_in_the_narrowest_nets_too() {
    let (_, graph) = written(&model_with(0.1, 3, Numerics::KERAS, [64, 64]), OnnxPixels::Scaled);
    let node = |name: &str| graph.node.iter().find(|node| node.name == name).unwrap();
    assert_eq!(node("expanded_conv_add").input, ["expanded_conv_project_BN", "Conv1_relu"]);
    assert_eq!(node("block_2_add").input, ["block_2_project_BN", "block_1_project_BN"]);
}

#[test]
fn kernels_are_the_folded_ones_in_the_order_of_onnx() {
    let model = model(5);
    let (_, graph) = written(&model, OnnxPixels::Scaled);
    let constant = |name: &str| {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).unwrap();
        let values: Vec<f32> = tensor.raw_data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (tensor.dims.clone(), values)
    };
    for (conv, layer, [out, input, side]) in [
        ("Conv1", ConvLayer::STEM, [16, 3, 3]),
        ("block_1_depthwise", ConvLayer { part: Part::Depthwise, block: 1 }, [48, 1, 3]),
        ("block_1_project", ConvLayer { part: Part::Project, block: 1 }, [8, 48, 1]),
        ("Conv_1", ConvLayer::LAST, [1280, 112, 1]),
    ] {
        let folded = fold(params(&model), layer);
        assert_eq!(constant(&format!("{conv}/bias")), (vec![out as i64], folded.bias));
        let (dims, values) = constant(&format!("{conv}/kernel"));
        assert_eq!(dims, [out, input, side, side].map(|n| n as i64));
        for (index, value) in values.iter().enumerate() {
            let (o, i) = (index / (input * side * side), index / (side * side) % input);
            let (y, x) = (index / side % side, index % side);
            assert_eq!(*value, folded.weights[((y * side + x) * input + i) * out + o], "{conv} {index}");
        }
    }
    assert_eq!(constant("head/kernel"), (vec![1280, 5], model.layers[0].kernel.data().to_vec()));
    assert_eq!(constant("head/bias"), (vec![5], model.layers[0].bias.clone()));
}

#[test]
fn padding_and_sizes_follow_the_weights_rule() {
    for (numerics, size) in [
        (Numerics::KERAS, [96, 96]),
        (symmetric(), [96, 96]),
        (Numerics::KERAS, [97, 131]),
        (symmetric(), [97, 131]),
        (Numerics::KERAS, [33, 32]),
    ] {
        let model = model_of(3, numerics, size);
        let (_, graph) = written(&model, OnnxPixels::Scaled);
        let spec = params(&model).spec();
        let all = layers(spec, numerics.padding, None, size).unwrap();
        for value in &graph.value_info {
            let dims = all.iter().find(|layer| layer.name == value.name).unwrap().output;
            let [_, h, w, c] = *dims.dims() else { panic!("{dims}") };
            assert_eq!(shape(value).1, [-1, c as i64, h as i64, w as i64], "{}", value.name);
        }
        assert_eq!(graph.value_info.len(), 52 + 35 + 10);
        let mut side = size;
        for node in graph.node.iter().filter(|node| node.op_type == "Conv") {
            let stride = ints(node, "strides")[0] as usize;
            let pads = ints(node, "pads");
            if ints(node, "kernel_shape") == [1, 1] {
                assert_eq!(pads, [0; 4]);
                continue;
            }
            let [(top, bottom), (left, right)] = side.map(|n| numerics.padding.amounts(n, stride));
            assert_eq!(pads, [top, left, bottom, right].map(|n| n as i64), "{} at {side:?}", node.name);
            side = side.map(|n| n.div_ceil(stride));
        }
    }
    let asymmetric = written(&model(3), OnnxPixels::Scaled).1;
    assert_eq!(ints(&asymmetric.node[0], "pads"), [0, 0, 1, 1]);
}

#[test]
fn bytes_are_scaled_inside() {
    let model = model_of(3, symmetric(), [64, 96]);
    let (file, graph) = written(&model, OnnxPixels::Bytes);
    assert_eq!(shape(&graph.input[0]), (2, vec![-1, 64, 96, 3]));
    let ops: Vec<&str> = graph.node.iter().take(5).map(|node| node.op_type.as_str()).collect();
    assert_eq!(ops, ["Cast", "Mul", "Add", "Transpose", "Conv"]);
    assert_eq!(ints(&graph.node[3], "perm"), [0, 3, 1, 2]);
    let value = |key: &str| file.metadata_props.iter().find(|prop| prop.key == key).unwrap().value.clone();
    assert_eq!((value("input_scale"), value("input_layout")), ("[1, 1, 1]".into(), "NHWC".into()));
    assert_eq!(value("input_size"), "64x96");
}

#[test]
fn two_classes_share_a_logit_and_have_a_probability_each() {
    let (_, graph) = written(&model(2), OnnxPixels::Scaled);
    let tail: Vec<_> =
        graph.node.iter().rev().take(4).map(|node| (node.op_type.as_str(), &node.input[..])).collect();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(tail[0], ("Concat", &names(&["first", "second"])[..]));
    assert_eq!(tail[1], ("Sub", &names(&["one", "second"])[..]));
    assert_eq!(tail[2], ("Sigmoid", &names(&["logits"])[..]));
    assert_eq!(tail[3].0, "Gemm");
    let outputs: Vec<_> = graph.output.iter().map(|value| shape(value).1).collect();
    assert_eq!(outputs, [[-1, 2], [-1, 1]]);
}

#[test]
fn a_temperature_stands_between_the_logits_and_the_probabilities() {
    for classes in [2, 5] {
        let plain = written(&model(classes), OnnxPixels::Scaled).1;
        let (file, graph) = written(&Model { temperature: 1.5, ..model(classes) }, OnnxPixels::Scaled);
        let node = |name: &str| graph.node.iter().find(|node| node.name == name).unwrap();
        assert_eq!(node("tempered").op_type, "Div");
        assert_eq!(node("tempered").input, ["logits", "temperature"]);
        assert_eq!(node(if classes == 2 { "second" } else { "softmax" }).input, ["tempered"]);
        let constant = graph.initializer.iter().find(|tensor| tensor.name == "temperature").unwrap();
        assert_eq!(
            (constant.raw_data.as_slice(), constant.dims.len()),
            (1.5_f32.to_le_bytes().as_slice(), 0)
        );
        // The logits themselves are an output as they were.
        assert_eq!((graph.node.len(), graph.output.len()), (plain.node.len() + 1, 2));
        assert_eq!(graph.output, plain.output);
        assert!(
            file.metadata_props
                .iter()
                .any(|prop| (prop.key.as_str(), prop.value.as_str()) == ("temperature", "1.5"))
        );
    }
}

#[test]
fn metadata_holds_the_classes_and_how_to_feed_the_net() {
    let mut model = model(3);
    model.classes = ["ants, 'red'", "bees \"\\\"", "wäsps\n😀"].map(str::to_owned).to_vec();
    let (file, _) = written(&model, OnnxPixels::Scaled);
    let keys: Vec<&str> = file.metadata_props.iter().map(|prop| prop.key.as_str()).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let metadata: BTreeMap<&str, &str> =
        file.metadata_props.iter().map(|prop| (prop.key.as_str(), prop.value.as_str())).collect();
    let classes: Vec<String> = serde_json::from_str(metadata["classes"]).unwrap();
    assert_eq!(classes, model.classes);
    assert_eq!(metadata["names"], r#"{0: "ants, 'red'", 1: "bees \"\\\"", 2: "wäsps\n😀"}"#);
    let hash = model.record.params_sha256.to_string();
    for (key, value) in [
        ("input_size", "96"),
        ("input_resize", "squash"),
        ("input_exif", "apply"),
        ("input_layout", "NCHW"),
        ("input_channels", "RGB"),
        ("input_scale", "[0.007843138, 0.007843138, 0.007843138]"),
        ("input_shift", "[-1, -1, -1]"),
        ("params_sha256", hash.as_str()),
        ("tool_version", "1.2.3"),
        ("data_fingerprint", "photos"),
        ("training.epochs", "10"),
    ] {
        assert_eq!(metadata[key], value, "{key}");
    }
    // The numbers are the net's own bits.
    let scale: [f32; 3] = serde_json::from_str(metadata["input_scale"]).unwrap();
    assert_eq!(scale, params(&model).numerics().scaling.scale);
    assert!(!metadata.contains_key("scaling") && !metadata.contains_key("format"));
}

#[test]
fn what_cannot_be_exported_says_why() {
    let mut pinned = model(2);
    pinned.backbone = BackbonePart::Pinned(pinned.record.params_sha256);
    assert!(matches!(pinned.to_onnx(OnnxPixels::Scaled), Err(Error::NoBackbone { .. })));
    let mut diverged = model(2);
    diverged.layers[0].bias[0] = f32::INFINITY;
    assert!(matches!(diverged.to_onnx(OnnxPixels::Scaled), Err(Error::Model { .. })));
    let mut wide = model(2);
    wide.preprocessing.size = [96, 4096];
    assert!(matches!(wide.to_onnx(OnnxPixels::Scaled), Err(Error::Net { .. })));
}
