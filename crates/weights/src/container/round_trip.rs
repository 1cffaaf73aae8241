//! What was exported comes back in: the same kernels, bit for bit.

use icecap_graph::int8::IntegerNet;
use icecap_graph::{ConvLayer, Numerics, Padding, Params, Scaling, fold};

use icecap_kernels::{Shape, Tensor};

use crate::affine::AffineNet;
use crate::onnx::tests::{model, model_of, model_with, params, symmetric};
use crate::{
    Activation, Container, ContainerKind, DenseLayer, FileHead, HeadOutput, Model, OnnxPixels, Weights,
    from_bytes,
};

fn imagenet() -> Numerics {
    let scaling = Scaling::mean_std([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    Numerics { scaling, ..symmetric() }
}

fn read(bytes: &[u8]) -> Weights {
    from_bytes(bytes, "file").unwrap()
}

fn close(got: Scaling, expected: Scaling) {
    for (got, expected) in [(got.scale, expected.scale), (got.shift, expected.shift)] {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= 2e-6 * expected.abs().max(1.0), "{got} and {expected}");
        }
    }
}

fn tensor<'a>(params: &'a Params, name: &str) -> &'a [f32] {
    params.tensors().find(|(other, _)| *other == name).unwrap().1.data()
}

fn models() -> Vec<Model> {
    vec![
        model(5),
        model(2),
        model_of(3, imagenet(), [96, 96]),
        model_of(3, imagenet(), [97, 64]),
        model_with(0.1, 3, Numerics::KERAS, [64, 64]),
        model_with(1.0, 3, Numerics::KERAS, [33, 96]),
        Model { temperature: 1.5, ..model(4) },
        Model { temperature: 1.5, ..model(2) },
    ]
}

/// Opens: other files of weights | ONNX and TFLite of float nets | weights, scaling and head of the graph; BatchNorm is folded in them
#[test]
fn a_float_net_comes_back_with_the_bits_of_its_kernels() {
    for model in models() {
        let files = [
            model.to_onnx(OnnxPixels::Scaled).unwrap(),
            model.to_onnx(OnnxPixels::Bytes).unwrap(),
            model.to_tflite().unwrap(),
        ];
        for file in files {
            let Weights { params: got, record, .. } = read(&file);
            let kept = params(&model);
            for layer in ConvLayer::all() {
                assert_eq!(fold(&got, layer), fold(kept, layer), "{layer:?}");
            }
            close(got.numerics().scaling, kept.numerics().scaling);
            let open = model.preprocessing.size.iter().all(|side| side % 32 == 1);
            assert!(open || got.numerics().padding == kept.numerics().padding);
            assert_eq!(
                (record.size, record.name.as_deref()),
                (Some(model.preprocessing.size), Some("random"))
            );
            assert_eq!(record.resize.as_deref(), Some("squash"));
            let head = tensor(&got, "predictions/kernel").iter().zip(model.layers[0].kernel.data());
            assert!(head.clone().count() == model.layers[0].kernel.data().len());
            for (got, kept) in head {
                assert_eq!(*got, (f64::from(*kept) * (1.0 / f64::from(model.temperature))) as f32);
            }
        }
    }
}

/// Opens: other files of weights | ONNX and TFLite in int8 | as the real numbers that their integers stand for
#[test]
fn integers_come_back_as_the_real_numbers_that_they_stand_for() {
    for model in [model(5), model(2), model_of(3, imagenet(), [96, 96]), model_of(3, imagenet(), [97, 64])] {
        let net = IntegerNet::from_weights(params(&model)).unwrap();
        let affine = AffineNet::new(&net).unwrap();
        let files = [
            model.to_onnx_int8(&net, OnnxPixels::Scaled).unwrap(),
            model.to_onnx_int8(&net, OnnxPixels::Bytes).unwrap(),
            model.to_tflite_int8(&net).unwrap(),
        ];
        for file in files {
            let Weights { params: got, record, .. } = read(&file);
            for layer in ConvLayer::all() {
                let conv = affine.conv(layer);
                let folded = fold(&got, layer);
                let scales = &conv.weight_scales;
                for (index, weight) in conv.weights.iter().enumerate() {
                    let expected = f32::from(*weight) * scales[index % scales.len()];
                    assert_eq!(folded.weights[index], expected, "{layer:?} {index}");
                }
                for (channel, (bias, scale)) in conv.bias.iter().zip(conv.bias_scales()).enumerate() {
                    assert_eq!(folded.bias[channel], *bias as f32 * scale, "{layer:?} {channel}");
                }
            }
            // The first convolution reads pixels less their center.
            let center = affine.pixels.center;
            close(got.numerics().scaling, Scaling { scale: [1.0; 3], shift: center.map(|center| -center) });
            assert_eq!(record.size, Some(model.preprocessing.size));
            assert_eq!(got.classes(), Some(model.logits()));
        }
    }
}

#[test]
fn a_file_tells_what_it_is_and_what_was_assumed() {
    let model = model_of(3, imagenet(), [96, 96]);
    let net = IntegerNet::from_weights(params(&model)).unwrap();
    for (bytes, kind, narrow) in [
        (model.to_onnx(OnnxPixels::Scaled).unwrap(), ContainerKind::Onnx, false),
        (model.to_tflite().unwrap(), ContainerKind::Tflite, false),
        (model.to_onnx_int8(&net, OnnxPixels::Bytes).unwrap(), ContainerKind::Onnx, true),
        (model.to_tflite_int8(&net).unwrap(), ContainerKind::Tflite, true),
    ] {
        let file = Container::parse(&bytes, "file".as_ref()).unwrap();
        assert_eq!((file.kind(), ContainerKind::recognize(&bytes)), (kind, Some(kind)));
        let told = file.told();
        assert_eq!(told.labels.as_deref(), Some(&model.classes[..]));
        assert_eq!(
            told.notes.iter().any(|note| note.contains("52 of 52 kernels")),
            narrow,
            "{:?}",
            told.notes
        );
        assert!(told.notes.iter().any(|note| note.contains("BatchNorm is folded")));
        assert_eq!(file.metadata()["padding"], "symmetric");
        // Each kernel's place in the file is its own.
        let offsets: std::collections::BTreeSet<_> =
            ConvLayer::all().map(|layer| file.offset(&layer.kernel()).unwrap()).collect();
        assert_eq!(offsets.len(), 52);
        assert!(offsets.iter().all(|offset| *offset > 0 && *offset < bytes.len() as u64));
        assert_eq!(read(&bytes).params.numerics().padding, Padding::Symmetric);
    }
}

#[test]
fn int8_of_a_folded_net_asks_for_photos() {
    let weights = read(&model(3).to_tflite().unwrap());
    let error = IntegerNet::from_weights(&weights.params).unwrap_err();
    assert_eq!(error, icecap_graph::Error::NoStatistics);
}

#[test]
fn heads_of_several_layers_and_labels_come_back() {
    for multi_label in [false, true] {
        let mut model = Model { multi_label, ..model(3) };
        let first = model_with(0.35, 32, Numerics::KERAS, [96, 96]).layers.remove(0);
        let mut last = model.layers.remove(0);
        let values: Vec<f32> = last.kernel.data()[..32 * 3].to_vec();
        last.kernel = Tensor::from_slice(Shape::of([32, 3]), &values).unwrap();
        model.layers = vec![DenseLayer { activation: Activation::Relu, ..first }, last];
        for file in [model.to_onnx(OnnxPixels::Scaled).unwrap(), model.to_tflite().unwrap()] {
            let FileHead::Layers(head) = read(&file).head else { panic!("a head of two layers") };
            for (got, kept) in head.layers().iter().zip(&model.layers) {
                assert_eq!((got.kernel.data(), &got.bias), (kept.kernel.data(), &kept.bias));
                assert_eq!(got.activation, kept.activation);
            }
            let output = if multi_label { HeadOutput::Sigmoids } else { HeadOutput::Softmax };
            assert_eq!((head.output(), head.layers().len()), (output, 2));
        }
    }
}
