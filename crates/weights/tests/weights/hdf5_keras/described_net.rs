//! Descriptions of models as Keras writes them, made by code: the whole of MobileNetV2 among a user's layers.

use icecap_graph::{ConvLayer, Part, Spec};
use icecap_kernels::{Shape, Tensor};
use icecap_weights::{Error, Kind, Weights, from_bytes};
use serde_json::{Value, json};

use crate::net::{self, Tensors};

/// The version of Keras that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Two,
    Three,
}

impl Style {
    pub(super) const ALL: [Self; 2] = [Self::Two, Self::Three];

    /// A layer that reads others.
    pub(super) fn layer(self, class: &str, name: &str, config: Value, reads: &[&str]) -> Value {
        let mut config = config;
        config["name"] = json!(name);
        let nodes = match self {
            _ if reads.is_empty() => json!([]),
            Self::Two => json!([reads.iter().map(|from| json!([from, 0, 0, {}])).collect::<Vec<_>>()]),
            Self::Three => {
                let tensor = |from: &&str| json!({"class_name": "__keras_tensor__", "config": {"shape": [null], "keras_history": [from, 0, 0]}});
                let tensors: Vec<Value> = reads.iter().map(tensor).collect();
                match tensors.as_slice() {
                    [one] => json!([{"args": [one], "kwargs": {}}]),
                    _ => json!([{"args": [tensors], "kwargs": {}}]),
                }
            }
        };
        json!({"class_name": class, "name": name, "config": config, "inbound_nodes": nodes})
    }

    pub(super) fn input(self, name: &str, shape: Value) -> Value {
        let key = if self == Self::Two { "batch_input_shape" } else { "batch_shape" };
        self.layer("InputLayer", name, json!({key: shape}), &[])
    }

    /// A model of layers, the first of them its input and the last its output.
    pub(super) fn model(self, name: &str, layers: &[Value], reads: &[&str]) -> Value {
        let (first, last) = (layers[0]["name"].clone(), layers[layers.len() - 1]["name"].clone());
        let config =
            json!({"layers": layers, "input_layers": [[first, 0, 0]], "output_layers": [[last, 0, 0]]});
        self.layer("Functional", name, config, reads)
    }

    /// Layers one behind the other, each the reader of the one before.
    pub(super) fn chain(self, layers: &[Value]) -> Vec<Value> {
        let mut chained: Vec<Value> = Vec::new();
        for layer in layers {
            let reads: Vec<&str> =
                chained.last().and_then(|last| last["name"].as_str()).into_iter().collect();
            let (class, name) = (layer["class_name"].as_str().unwrap(), layer["name"].as_str().unwrap());
            let mut next = self.layer(class, name, layer["config"].clone(), &reads);
            if layer["inbound_nodes"].as_array().is_some_and(|nodes| !nodes.is_empty()) {
                next["inbound_nodes"] = layer["inbound_nodes"].clone();
            }
            chained.push(next);
        }
        chained
    }

    /// The layers of MobileNetV2 that read `input`, the last of them `out_relu`. Windows of stride 2 but for the first are
    /// padded by `pads` before them, or say `same` if there are none.
    pub(super) fn net(self, spec: &Spec, input: &str, pads: Option<Value>) -> Vec<Value> {
        let mut layers: Vec<Value> = Vec::new();
        let mut at = input.to_owned();
        let mut block_input = (at.clone(), 0);
        let mut channels = 3;
        for layer in ConvLayer::all() {
            if layer.part == Part::Expand || (layer.part == Part::Depthwise && layer.block == 0) {
                block_input = (at.clone(), channels);
            }
            let block = &spec.blocks()[layer.block];
            let (filters, stride) = match layer.part {
                Part::Stem => (spec.stem_channels(), 2),
                Part::Expand => (block.expanded, 1),
                Part::Depthwise => (block.expanded, block.stride),
                Part::Project => (block.output, 1),
                Part::Last => (spec.feature_channels(), 1),
            };
            let mut padding = "same";
            if let Some(pads) = pads.as_ref().filter(|_| layer.part == Part::Depthwise && stride == 2) {
                let name = format!("{}_pad", layer.name());
                layers.push(self.layer("ZeroPadding2D", &name, json!({"padding": pads}), &[&at]));
                (at, padding) = (name, "valid");
            }
            let (class, side) = match layer.part {
                Part::Depthwise => ("DepthwiseConv2D", 3),
                Part::Stem => ("Conv2D", 3),
                _ => ("Conv2D", 1),
            };
            let config = json!({
                "filters": filters, "kernel_size": [side, side], "strides": [stride, stride], "padding": padding,
                "data_format": "channels_last", "use_bias": false, "activation": "linear",
            });
            layers.push(self.layer(class, &layer.name(), config, &[&at]));
            let norm = layer.norm();
            layers.push(self.layer(
                "BatchNormalization",
                &norm,
                json!({"axis": -1, "epsilon": 0.001}),
                &[&layer.name()],
            ));
            at = norm;
            if let Some(name) = layer.activation() {
                layers.push(self.layer("ReLU", &name, json!({"max_value": 6.0}), &[&at]));
                at = name;
            }
            channels = filters;
            if layer.part == Part::Project && block.stride == 1 && channels == block_input.1 {
                let name = format!("block_{}_add", layer.block);
                layers.push(self.layer("Add", &name, json!({}), &[&block_input.0, &at]));
                at = name;
            }
        }
        layers
    }
}

/// A layer by its class and what it says, for [`Style::chain`].
pub(super) fn layer(class: &str, name: &str, config: Value) -> Value {
    json!({"class_name": class, "name": name, "config": config})
}

pub(super) const KEY: &str = "model_config";

/// A model: its input, layers before the net, the net of its own, layers behind it.
pub(super) fn model(style: Style, shape: Value, before: &[Value], behind: &[Value]) -> Value {
    let inner =
        [vec![style.input("inner_input", shape.clone())], style.net(&net::tiny(), "inner_input", None)]
            .concat();
    let inner = style.model("base", &inner, &[]);
    let all = [&[style.input("photo", shape)], before, &[inner], behind].concat();
    style.model("whole", &style.chain(&all), &[])
}

/// The net's tensors and those of dense layers: their names, inputs and outputs.
pub(super) fn tensors(dense: &[(&str, usize, usize)]) -> Tensors {
    let net = net::tensors(&net::tiny(), None);
    let mut tensors: Tensors =
        net.into_iter().map(|(name, tensor)| (format!("base/{name}"), tensor)).collect();
    for (name, inputs, outputs) in dense {
        let mut kernel = Tensor::zeros(Shape::of([*inputs, *outputs]));
        kernel
            .data_mut()
            .iter_mut()
            .enumerate()
            .for_each(|(index, value)| *value = index as f32 / 16.0 - 1.0);
        tensors.insert(format!("{name}/{name}/kernel:0"), kernel);
        tensors.insert(format!("{name}/{name}/bias:0"), Tensor::zeros(Shape::of([*outputs])));
    }
    tensors
}

/// Opens tensors with a description. The container does not matter to it; a test below looks at those of Keras.
pub(super) fn open(tensors: &Tensors, config: &Value) -> Result<Weights, Error> {
    from_bytes(&net::file(&net::texts(&[(KEY, &config.to_string())]), tensors), "file")
}

#[track_caller]
pub(super) fn refused(result: Result<Weights, Error>, expected: &[&str]) {
    let error = result.map(|weights| weights.stated).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("file: ") && expected.iter().all(|part| text.contains(part)), "{text}");
    assert!(!text.contains(char::is_control) && text.len() < 700, "{text:?}");
    assert_eq!(error.kind(), Kind::Content);
}

pub(super) fn dense(name: &str, units: u64, activation: &str) -> Value {
    layer("Dense", name, json!({"units": units, "activation": activation}))
}

pub(super) fn pool() -> Value {
    layer("GlobalAveragePooling2D", "pool", json!({"data_format": "channels_last"}))
}
