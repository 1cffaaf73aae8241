//! Graphs that are cut, changed and forged: whatever the bytes, a net, or an error of one line.

use std::sync::Arc;

use icecap_graph::int8::IntegerNet;
use icecap_graph::{Numerics, Params, Spec, tensor_shapes};
use icecap_kernels::rng::{Purpose, Stream};
use icecap_kernels::{Shape, Tensor};

use crate::onnx::tests::{model, params};
use crate::{BackbonePart, Container, Error, Model, OnnxPixels};

fn random(shape: Shape, number: u32) -> Tensor {
    let mut stream = Stream::new(7, Purpose::Test, 1, number);
    let values: Vec<f32> = (0..shape.elements()).map(|_| stream.range(0.01, 0.5)).collect();
    Tensor::from_slice(shape, &values).unwrap()
}

/// A model of two channels everywhere, whose files are a few kilobytes long.
pub(super) fn tiny() -> Model {
    let spec = Spec::from_channels(2, &[2; 17], 2).unwrap();
    let shapes = tensor_shapes(&spec, None).into_iter().zip(0..);
    let tensors = shapes.map(|((name, shape), number)| (name, random(shape, number))).collect();
    let params = Params::new(spec, Numerics::KERAS, tensors).unwrap();
    let mut model = model(3);
    model.record.width = None;
    model.record.params_sha256 = crate::params_digest(&params);
    model.backbone = BackbonePart::Embedded(Arc::new(params));
    model.layers[0].kernel = random(Shape::of([2, 3]), 1000);
    model
}

fn files() -> Vec<Vec<u8>> {
    let model = tiny();
    let net = IntegerNet::from_weights(params(&model)).unwrap();
    vec![
        model.to_onnx(OnnxPixels::Bytes).unwrap(),
        model.to_onnx_int8(&net, OnnxPixels::Scaled).unwrap(),
        model.to_tflite().unwrap(),
        model.to_tflite_int8(&net).unwrap(),
    ]
}

/// What reading gives; an error is one printable line.
fn read(bytes: &[u8]) -> Result<usize, String> {
    match Container::parse(bytes, "file".as_ref()) {
        Ok(file) => Ok(file.names().count()),
        Err(error) => {
            let told = error.to_string();
            assert!(!told.contains(char::is_control) && told.len() < 2000, "{told}");
            Err(told)
        }
    }
}

#[test]
fn a_whole_tiny_file_is_read_and_a_cut_one_is_refused() {
    for whole in files() {
        assert_eq!(read(&whole), Ok(52 * 5 + 2));
        let labels = whole.windows(4).rposition(|bytes| bytes == b"PK\x03\x04").unwrap_or(whole.len());
        for length in 0..labels {
            let cut = read(&whole[..length]);
            // What stands at the end is metadata, without which a graph is a graph.
            assert!(cut.is_err() || length > whole.len() / 2, "{length} of {}", whole.len());
        }
    }
}

#[test]
fn mutants_are_read_or_refused() {
    let mutants = std::env::var("ICECAP_MUTANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000u32);
    for (file, whole) in files().into_iter().enumerate() {
        let (mut same, mut refused) = (0, 0);
        for number in 0..mutants {
            let mut stream = Stream::new(11, Purpose::Test, file as u32, number);
            let mut bytes = whole.clone();
            for _ in 0..1 + stream.below(3) {
                let at = stream.below(bytes.len() as u32) as usize;
                bytes[at] = match stream.below(3) {
                    0 => 0xff,
                    1 => bytes[at].wrapping_add(1),
                    _ => stream.below(256) as u8,
                };
            }
            match read(&bytes) {
                Ok(_) => same += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(refused > mutants / 20, "{same} of {mutants} mutants were read");
    }
}

/// The file with the first of these bytes replaced by as many others.
fn forged(whole: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = whole.windows(from.len()).position(|bytes| bytes == from).unwrap();
    let mut bytes = whole.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// Refuses: other files of weights | ONNX or TFLite of another graph | the operator that stands in the way
#[test]
fn another_operator_in_a_place_is_refused_by_its_name() {
    let whole = tiny().to_onnx(OnnxPixels::Scaled).unwrap();
    // Operators stand behind the key of their field, and their length.
    for (from, to, words) in [
        (&b"\x22\x04Clip"[..], &b"\x22\x04Relu"[..], "(Relu): a ReLU without an upper end"),
        (
            b"\x22\x04Clip",
            b"\x22\x04Tanh",
            "(Tanh): such an operator is not read; MobileNetV2 has a ReLU6 ('Conv1_relu') here",
        ),
        (
            b"\x22\x03Add",
            b"\x22\x03Mul",
            "(Mul): it reads what the convolution that Keras calls 'expanded_conv_depthwise' alone",
        ),
        (
            b"\x22\x04Conv",
            b"\x22\x04Loop",
            "(Loop): such an operator is not read; MobileNetV2 has the convolution",
        ),
    ] {
        let told = read(&forged(&whole, from, to)).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_head_that_is_not_read_leaves_the_backbone() {
    let model = tiny();
    let whole = model.to_onnx(OnnxPixels::Scaled).unwrap();
    let bytes = forged(&whole, b"\x22\x04Gemm", b"\x22\x04Hemm");
    let file = Container::parse(&bytes, "file".as_ref()).unwrap();
    assert_eq!(file.names().count(), 52 * 5);
    let head = file.told().head.as_ref().unwrap();
    let reason = head.unreadable().unwrap();
    assert!(reason.contains("node 'head' (Hemm)"), "{reason}");
}

/// Refuses: other files of weights | ONNX whose values are in another file | that file, and how to write one that holds them
#[test]
fn values_in_another_file_are_named_with_the_way_out() {
    let whole = tiny().to_onnx(OnnxPixels::Scaled).unwrap();
    // The first constant's `data_location` (field 14) where its type (field 2) stood.
    let at = whole.windows(2).position(|bytes| bytes == b"\x10\x01").unwrap();
    let mut bytes = whole.clone();
    bytes[at] = 0x70;
    let told = read(&bytes).unwrap_err();
    assert!(told.contains("lie in another file") && told.contains("onnx.load"), "{told}");
}

#[test]
fn bombs_are_refused_before_memory_is_taken() {
    // A vector of 2^32 - 1 tensors, and a table that is its own list.
    let mut bytes = files().swap_remove(2);
    let root = u32::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    bytes[root..root + 4].copy_from_slice(&0i32.to_le_bytes());
    assert!(read(&bytes).is_err());
    bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(read(&bytes).is_err());
    // An ONNX file whose graph says that it is 2^63 bytes long.
    let graph = [&[0x08, 0x07, 0x3a][..], &[0xff; 9], &[0x01]].concat();
    assert!(read(&graph).unwrap_err().contains("bytes, where 0 are left"));
    // A graph in a graph in a graph: fields of another kind.
    let mut nested = vec![0x3a, 0x00];
    for _ in 0..100 {
        let length = nested.len().min(127) as u8;
        nested = [&[0x3a, length][..], &nested[..usize::from(length)]].concat();
    }
    assert!(read(&[&[0x08, 0x07][..], &nested].concat()).is_err());
    assert!(matches!(Container::parse(&[0x08, 0x07, 0x3a, 0x00], "file".as_ref()), Err(Error::Graph { .. })));
}
