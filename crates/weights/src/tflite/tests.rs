//! What was written, read by a reader that shares no line with the writer.

mod metadata;
mod reader;

use icecap_graph::int8::IntegerNet;
use icecap_graph::{ConvLayer, Numerics, Part, Scaling, fold};

use super::flatbuffer::{Node, Table, file};
use reader::{Graph, Operator, Seen, read};

use crate::onnx::tests::{model, model_of, model_with, params, symmetric};
use crate::{BackbonePart, Error, Model};

fn integers(model: &Model) -> IntegerNet {
    IntegerNet::from_weights(params(model)).unwrap()
}

/// Files of a model in both precisions.
fn both(model: &Model) -> [Vec<u8>; 2] {
    let files = [model.to_tflite().unwrap(), model.to_tflite_int8(&integers(model)).unwrap()];
    assert_eq!(files, [model.to_tflite().unwrap(), model.to_tflite_int8(&integers(model)).unwrap()]);
    files
}

fn count(graph: &Graph<'_>, code: i32) -> usize {
    graph.operators.iter().filter(|operator| operator.code == code).count()
}

fn giver<'a, 'b>(graph: &'b Graph<'a>, name: &str) -> &'b Operator<'a> {
    graph.operators.iter().find(|operator| operator.output == name).unwrap()
}

#[test]
fn the_graph_is_the_net_operator_by_operator() {
    let [float, int8] = both(&model(5));
    for (bytes, element) in [(&float, 0), (&int8, 9)] {
        let graph = read(bytes);
        assert_eq!([3, 4, 0, 40, 9, 25].map(|code| count(&graph, code)), [35, 17, 10, 1, 1, 1]);
        assert_eq!(giver(&graph, "block_2_add").inputs, ["block_2_project_BN", "block_1_project_BN"]);
        assert_eq!(giver(&graph, "block_5_add").inputs, ["block_5_project_BN", "block_4_add"]);
        assert_eq!(giver(&graph, "block_16_expand_relu").inputs[0], "block_15_add");
        for (name, shape) in [
            ("Conv1_relu", [1, 48, 48, 16]),
            ("block_1_depthwise_relu", [1, 24, 24, 48]),
            ("block_16_project_BN", [1, 3, 3, 112]),
            ("out_relu", [1, 3, 3, 1280]),
        ] {
            let tensor = &graph.tensors[name];
            assert_eq!((tensor.shape.as_slice(), tensor.element), (&shape[..], element), "{name}");
        }
        assert_eq!(
            (graph.inputs.as_slice(), graph.outputs.as_slice()),
            (&["pixels"][..], &["probabilities", "logits"][..])
        );
        assert_eq!(graph.tensors["pixels"].shape, [1, 96, 96, 3]);
        assert_eq!(
            (graph.tensors["probabilities"].shape.as_slice(), graph.tensors["probabilities"].element),
            (&[1, 5][..], 0)
        );
        let [signature] = graph.model.tables(7)[..] else { panic!("one signature") };
        assert_eq!(signature.text(2), "serving_default");
        assert_eq!(signature.tables(1).iter().map(|map| map.text(0)).collect::<Vec<_>>(), graph.outputs);
    }
    // ReLU6 is inside convolutions, but not in the linear ones.
    let graph = read(&float);
    for (name, field, activation) in
        [("Conv1_relu", 3, 3), ("block_3_depthwise_relu", 4, 3), ("block_3_project_BN", 3, 0)]
    {
        assert_eq!(giver(&graph, name).options.unwrap().byte(field), activation, "{name}");
    }
    assert!(graph.operators.iter().all(|operator| operator.version == 1));
    let graph = read(&int8);
    let version = |name: &str| giver(&graph, name).version;
    assert_eq!(["Conv1_relu", "block_2_add", "out_relu/real", "logits"].map(version), [3, 2, 2, 1]);
}

#[test]
fn kernels_are_the_folded_ones_in_the_order_of_tflite() {
    let model = model(5);
    let [float, int8] = both(&model);
    let (graph, quantized) = (read(&float), read(&int8));
    let net = integers(&model);
    for layer in ConvLayer::all() {
        let (folded, name) = (fold(params(&model), layer), layer.name());
        let tensor = &graph.tensors[format!("{name}/kernel").as_str()];
        let values: Vec<f32> =
            tensor.values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let whole = &quantized.tensors[format!("{name}/kernel").as_str()];
        assert_eq!((&tensor.shape, values.len()), (&whole.shape, whole.values.len()));
        let [first, rows, columns, last] = tensor.shape[..] else { panic!("{name}") };
        let depthwise = layer.part == Part::Depthwise;
        let (inputs, outputs) = if depthwise { (1, last) } else { (last, first) };
        assert_eq!(whole.axis, if depthwise { 3 } else { 0 });
        for (index, value) in values.iter().enumerate() {
            let at = |step: i32| (index as i32 / step) as usize;
            let (output, place, input) = match depthwise {
                true => (index % last as usize, at(last), 0),
                false => {
                    (at(rows * columns * last), at(last) % (rows * columns) as usize, index % last as usize)
                }
            };
            let ours = (place * inputs as usize + input) * outputs as usize + output;
            assert_eq!(*value, folded.weights[ours], "{name} {index}");
            assert_eq!(whole.values[index].cast_signed(), net.conv(layer).weights[ours], "{name} {index}");
        }
        let bias = &quantized.tensors[format!("{name}/bias").as_str()];
        assert_eq!((bias.element, bias.scales.len()), (2, outputs as usize));
        let reads = &quantized.tensors
            [quantized.operators.iter().find(|one| one.inputs.contains(&whole.name)).unwrap().inputs[0]];
        for (product, scale) in bias.scales.iter().zip(&whole.scales) {
            assert_eq!(*product, reads.scales[0] * scale, "{name}");
        }
    }
    let head = &graph.tensors["head/kernel"];
    assert_eq!(head.shape, [5, 1280]);
    let values: Vec<f32> = head.values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    assert!(
        (0..5 * 1280)
            .all(|index| values[index] == model.layers[0].kernel.data()[index % 1280 * 5 + index / 1280])
    );
}

#[test]
fn bytes_are_signed_and_keep_what_they_stand_for() {
    let model = model(3);
    let net = integers(&model);
    let bytes = model.to_tflite_int8(&net).unwrap();
    let graph = read(&bytes);
    let steps = |name: &str| (graph.tensors[name].scales[0], graph.tensors[name].zeros[0]);
    assert_eq!(graph.tensors["pixels"].element, 3);
    assert_eq!((steps("pixels"), steps("pixels_signed")), ((1.0, 128), (1.0, 0)));
    assert_eq!(steps("Conv1_relu"), ((6.0f64 / 255.0) as f32, -128));
    for block in [2, 16] {
        let output = net.blocks[block].output;
        let expected = (output.step as f32, i64::from(output.zero) - 128);
        assert_eq!(steps(&format!("block_{block}_project_BN")), expected);
    }
    assert_eq!(steps("block_2_add"), steps("block_1_project_BN"));
    assert!(graph.tensors["out_relu/real"].scales.is_empty());

    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let torch = model_of(3, Numerics { scaling, ..symmetric() }, [96, 96]);
    let bytes = torch.to_tflite_int8(&integers(&torch)).unwrap();
    let graph = read(&bytes);
    let center = &graph.tensors["pixels/center"];
    let real = |byte: &u8| (i64::from(byte.cast_signed()) - center.zeros[0]) as f32 * center.scales[0];
    assert_eq!(center.values.iter().map(real).collect::<Vec<_>>(), [124.0, 116.0, 104.0]);
    assert_eq!(
        (graph.tensors["pixels_centered"].scales[0], graph.tensors["pixels_centered"].zeros[0]),
        (275.0 / 255.0, 115 - 128)
    );
    // A pad is of what is padded.
    let pad = giver(&graph, "Conv1_pad");
    assert_eq!(graph.tensors["Conv1_pad"].zeros, graph.tensors[pad.inputs[0]].zeros);
}

#[test]
fn zeros_that_no_rule_adds_are_added_before() {
    for (numerics, size, pads) in [
        (Numerics::KERAS, [96, 96], vec![]),
        (Numerics::KERAS, [97, 131], vec![]),
        (symmetric(), [96, 96], vec!["Conv1", "block_1", "block_3", "block_6", "block_13"]),
        // 97, 49, 25, 13 and 7 rows; 64, 32, 16, 8 and 4 columns.
        (symmetric(), [97, 64], vec!["Conv1", "block_1", "block_3", "block_6", "block_13"]),
        (symmetric(), [97, 97], vec![]),
    ] {
        for bytes in both(&model_of(3, numerics, size)) {
            let graph = read(&bytes);
            let padded: Vec<&str> =
                graph.operators.iter().filter(|one| one.code == 34).map(|one| one.output).collect();
            assert_eq!(padded.len(), pads.len(), "{padded:?}");
            for (output, start) in padded.iter().zip(&pads) {
                assert!(output.starts_with(start), "{output}");
                let operator = giver(&graph, output);
                let shape = |name: &str| graph.tensors[name].shape.clone();
                let (before, behind) = (shape(operator.inputs[0]), shape(output));
                assert_eq!([behind[1] - before[1], behind[2] - before[2]], [2, 2]);
                let reader = graph.operators.iter().find(|one| one.inputs.contains(output)).unwrap();
                assert_eq!(reader.options.unwrap().byte(0), 1, "no other zeros");
            }
        }
    }
}

#[test]
fn what_a_block_adds_is_what_entered_it_in_the_narrowest_nets_too() {
    for bytes in both(&model_with(0.1, 3, Numerics::KERAS, [64, 64])) {
        let graph = read(&bytes);
        assert_eq!(giver(&graph, "expanded_conv_add").inputs, ["expanded_conv_project_BN", "Conv1_relu"]);
    }
}

#[test]
fn two_classes_share_a_logit_and_a_temperature_stands_before_the_probabilities() {
    for classes in [2, 5, 1000] {
        for bytes in both(&Model { temperature: 1.5, ..model(classes) }) {
            let graph = read(&bytes);
            assert_eq!(graph.tensors["probabilities"].shape, [1, classes as i32]);
            assert_eq!(giver(&graph, "tempered").inputs, ["logits", "temperature"]);
            if classes > 2 {
                assert_eq!(giver(&graph, "probabilities").inputs, ["tempered"]);
                assert_eq!(giver(&graph, "probabilities").options.unwrap().float(0), 1.0);
                continue;
            }
            assert_eq!(graph.tensors["logits"].shape, [1, 1]);
            assert_eq!(giver(&graph, "second").inputs, ["tempered"]);
            assert_eq!(giver(&graph, "first").inputs, ["one", "second"]);
            assert_eq!(giver(&graph, "probabilities").inputs, ["first", "second"]);
            assert_eq!(giver(&graph, "probabilities").options.unwrap().int(0), 1);
        }
    }
}

#[test]
fn the_bound_that_is_checked_is_never_too_small() {
    for classes in [2, 3, 1000] {
        for model in [model(classes), model_with(1.0, classes, symmetric(), [32, 33])] {
            let net = integers(&model);
            let affine = super::AffineNet::new(&net).unwrap();
            for (bytes, exported, numbers) in [
                (
                    model.to_tflite().unwrap(),
                    super::ExportedNet::float(&model).unwrap().0,
                    super::Numbers::F32(params(&model)),
                ),
                (
                    model.to_tflite_int8(&net).unwrap(),
                    super::ExportedNet::integers(&model, &net).unwrap(),
                    super::Numbers::Int8(affine),
                ),
            ] {
                let (draft, _) = super::graph::write(&model, &exported.operations, &numbers);
                let bare = draft.bound();
                assert!(
                    bare > bytes.len() as u64 - 10_000 && bare < 3 * bytes.len() as u64,
                    "{bare} {}",
                    bytes.len()
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_exported_says_why() {
    let mut pinned = model(2);
    let net = integers(&pinned);
    pinned.backbone = BackbonePart::Pinned(pinned.record.params_sha256);
    assert!(matches!(pinned.to_tflite(), Err(Error::NoBackbone { .. })));
    // Integers need no params.
    pinned.to_tflite_int8(&net).unwrap();
    let mut diverged = model(2);
    diverged.layers[0].bias[0] = f32::INFINITY;
    assert!(matches!(diverged.to_tflite(), Err(Error::Model { .. })));
    assert!(matches!(diverged.to_tflite_int8(&net), Err(Error::Model { .. })));
    let mut wide = model(2);
    wide.preprocessing.size = [96, 4096];
    assert!(matches!(wide.to_tflite(), Err(Error::Net { .. })));
}

#[test]
fn fields_of_every_kind_are_read_as_they_were_written() {
    let inner = |value| Table::default().int32(3, value).byte(0, 7);
    for filler in 0..9 {
        let root = Table::default()
            .text(1, &"x".repeat(filler))
            .byte(0, 200)
            .float(2, -0.5)
            .node(5, Node::Int64s(vec![-1, i64::MAX]))
            .node(6, Node::Bytes(vec![1, 2, 3]))
            .tables(7, (0..3).map(inner))
            .node(8, Node::Floats(Vec::new()))
            .node(9, Node::Int32s(vec![-7]))
            .byte(10, 9);
        let bytes = file(root, b"TEST");
        let seen = Seen::root(&bytes, b"TEST");
        assert_eq!((seen.byte(0), seen.text(1), seen.float(2)), (200, "x".repeat(filler).as_str(), -0.5));
        assert!(seen.at(3).is_none() && seen.at(4).is_none() && seen.at(99).is_none());
        assert_eq!((seen.longs(5), seen.vector(6, 1, 16)), (vec![-1, i64::MAX], &[1, 2, 3][..]));
        assert_eq!(
            seen.tables(7).iter().map(|one| (one.int(3), one.byte(0))).collect::<Vec<_>>(),
            [(0, 7), (1, 7), (2, 7)]
        );
        assert_eq!((seen.floats(8), seen.ints(9), seen.byte(10)), (vec![], vec![-7], 9));
    }
}
