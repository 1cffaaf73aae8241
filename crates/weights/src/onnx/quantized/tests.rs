use icecap_graph::int8::IntegerNet;
use icecap_graph::{ConvLayer, Numerics, Scaling};

use crate::affine::AffineNet;
use crate::onnx::OnnxPixels;
use crate::onnx::message::{GraphProto, NodeProto};
use crate::onnx::tests::{count, ints, model, model_of, model_with, params, read, shape, symmetric};
use crate::{Error, Model};

fn integers(model: &Model) -> IntegerNet {
    IntegerNet::from_weights(params(model)).unwrap()
}

fn written(model: &Model, pixels: OnnxPixels) -> GraphProto {
    let net = integers(model);
    let bytes = model.to_onnx_int8(&net, pixels).unwrap();
    assert_eq!(bytes, model.clone().to_onnx_int8(&net, pixels).unwrap());
    let (file, graph) = read(&bytes);
    assert_eq!((file.ir_version, file.opset_import[0].version), (7, 13));
    let precision = file.metadata_props.iter().find(|prop| prop.key == "precision").unwrap();
    assert_eq!(precision.value, "int8");
    graph
}

/// The node that gives a value.
fn giver<'a>(graph: &'a GraphProto, value: &str) -> &'a NodeProto {
    graph.node.iter().find(|node| node.output[0] == value).unwrap()
}

/// The one constant of a scalar or the values of a longer one, as f32.
fn floats(graph: &GraphProto, name: &str) -> Vec<f32> {
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name).unwrap();
    match tensor.data_type {
        1 => tensor.raw_data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        2 => tensor.raw_data.iter().map(|&byte| f32::from(byte)).collect(),
        3 => tensor.raw_data.iter().map(|byte| f32::from(byte.cast_signed())).collect(),
        6 => tensor.raw_data.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes) as f32).collect(),
        other => panic!("{name}: {other}"),
    }
}

#[test]
fn every_convolution_and_sum_stands_between_bytes() {
    for (model, blocks_that_add) in [
        (model(5), 10),
        (model_with(0.1, 3, Numerics::KERAS, [64, 64]), 11),
        (model_of(2, symmetric(), [97, 131]), 10),
    ] {
        let graph = written(&model, OnnxPixels::Scaled);
        assert_eq!((count(&graph, "Conv"), count(&graph, "Clip")), (52, 0));
        // The sum of the input is another one.
        assert_eq!(count(&graph, "Add"), blocks_that_add + 1);
        for node in graph.node.iter().filter(|node| ["Conv", "Add"].contains(&node.op_type.as_str())) {
            if node.name == "pixels_centered" {
                continue;
            }
            for input in &node.input {
                assert_eq!(giver(&graph, input).op_type, "DequantizeLinear", "{} reads {input}", node.name);
            }
            let readers: Vec<_> =
                graph.node.iter().filter(|other| other.input.contains(&node.output[0])).collect();
            assert_eq!(readers.len(), 1, "{}", node.name);
            assert_eq!(readers[0].op_type, "QuantizeLinear", "{}", node.name);
        }
        // Whatever is quantized is made real again, by the same steps.
        for node in graph.node.iter().filter(|node| node.op_type == "QuantizeLinear") {
            let reader = graph.node.iter().find(|other| other.input[0] == node.output[0]).unwrap();
            assert_eq!(reader.op_type, "DequantizeLinear");
            assert_eq!(reader.input[1..], node.input[1..]);
        }
        let tail: Vec<&str> =
            graph.node.iter().rev().map(|node| node.op_type.as_str()).filter(|op| *op != "Softmax").collect();
        assert!(tail.contains(&"Gemm") && tail.contains(&"GlobalAveragePool"));
    }
}

#[test]
fn constants_are_those_of_the_integers_in_the_order_of_onnx() {
    let model = model(5);
    let (graph, net) = (written(&model, OnnxPixels::Bytes), integers(&model));
    let affine = AffineNet::new(&net).unwrap();
    for layer in ConvLayer::all() {
        let conv = affine.conv(layer);
        let name = layer.name();
        let dims =
            &graph.initializer.iter().find(|one| one.name == format!("{name}/kernel/int8")).unwrap().dims;
        let [out, input, side, _] = *<&[i64; 4]>::try_from(dims.as_slice()).unwrap();
        let [out, input, side] = [out, input, side].map(|n| n as usize);
        for (index, value) in floats(&graph, &format!("{name}/kernel/int8")).iter().enumerate() {
            let (o, i, place) =
                (index / (input * side * side), index / (side * side) % input, index % (side * side));
            assert_eq!(*value, f32::from(conv.weights[(place * input + i) * out + o]), "{name} {index}");
        }
        assert_eq!(floats(&graph, &format!("{name}/kernel/scale")), conv.weight_scales);
        let biases: Vec<f32> = conv.bias.iter().map(|&bias| bias as f32).collect();
        assert_eq!(floats(&graph, &format!("{name}/bias/int32")), biases);
        let products: Vec<f32> = conv.weight_scales.iter().map(|scale| conv.input.scale * scale).collect();
        assert_eq!(floats(&graph, &format!("{name}/bias/scale")), products);
        for of in ["kernel", "bias"] {
            let node = giver(&graph, &format!("{name}/{of}"));
            let axis = node.attribute.iter().find(|attribute| attribute.name == "axis").unwrap();
            assert_eq!(axis.i, Some(0));
        }
        // What the convolution reads has the steps that its bias counts on.
        let reads = giver(
            &graph,
            &giver(&graph, &format!("{}/real", layer.activation().unwrap_or(layer.norm()))).input[0],
        );
        assert_eq!(floats(&graph, &reads.input[1]), [conv.input.scale], "{name}");
        assert_eq!(floats(&graph, &reads.input[2]), [f32::from(conv.input.zero)], "{name}");
    }
}

#[test]
fn bytes_of_keras_are_the_pixels_and_others_are_centered_first() {
    let keras = written(&model(3), OnnxPixels::Bytes);
    let ops: Vec<&str> = keras.node.iter().take(2).map(|node| node.op_type.as_str()).collect();
    assert_eq!(ops, ["Transpose", "DequantizeLinear"]);
    assert_eq!(ints(&keras.node[0], "perm"), [0, 3, 1, 2]);
    assert_eq!(floats(&keras, "pixels_in_steps/zero"), [128.0]);
    assert_eq!(shape(&keras.input[0]), (2, vec![-1, 96, 96, 3]));

    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let torch = model_of(3, Numerics { scaling, ..symmetric() }, [96, 96]);
    let graph = written(&torch, OnnxPixels::Bytes);
    let ops: Vec<&str> = graph.node.iter().take(5).map(|node| node.op_type.as_str()).collect();
    assert_eq!(ops, ["Transpose", "Cast", "Sub", "QuantizeLinear", "DequantizeLinear"]);
    assert_eq!(floats(&graph, "pixels/center"), [124.0, 116.0, 104.0]);
    // From -124 to 151.
    assert_eq!(floats(&graph, "pixels_in_steps/scale"), [275.0 / 255.0]);
    assert_eq!(floats(&graph, "pixels_in_steps/zero"), [115.0]);
}

#[test]
fn integers_of_another_net_are_refused() {
    let (model, wide) = (model(3), model_with(0.5, 3, Numerics::KERAS, [96, 96]));
    let error = model.to_onnx_int8(&integers(&wide), OnnxPixels::Scaled).unwrap_err();
    assert!(matches!(&error, Error::Model { reason, .. } if reason.contains("another net")), "{error}");
    // Another padding is another net, too.
    let error = model_of(3, symmetric(), [96, 96]).to_onnx_int8(&integers(&model), OnnxPixels::Scaled);
    assert!(matches!(error, Err(Error::Model { .. })));
}

#[test]
fn pixels_that_no_byte_stands_for_are_refused() {
    let scaling = Scaling { scale: [0.01; 3], shift: [0.1, 0.1, 0.1] };
    let model = model_of(3, Numerics { scaling, ..Numerics::KERAS }, [96, 96]);
    let error = model.to_onnx_int8(&integers(&model), OnnxPixels::Scaled).unwrap_err();
    assert!(error.to_string().contains("stands for a value of -10"), "{error}");
    model.to_onnx(OnnxPixels::Scaled).unwrap();
}
