//! The graph: the net's layers in the order in which they run, each as the node that computes it.
//!
//! Images are NCHW here, as ONNX has them, so kernels change their order: [rows, columns, in, out] becomes
//! [out, in, rows, columns], and a depthwise [rows, columns, channels, 1] becomes [channels, 1, rows, columns] with a
//! group for each channel.

use icecap_graph::{ConvLayer, Error, Folded, INPUT_CHANNELS, Layer, LayerKind, Params, Tap, fold, layers};
use icecap_kernels::{ConvGeometry, Pads};

use super::message::{
    AttributeProto, Dimension, FLOAT, GraphProto, INT, INTS, NodeProto, Side, TensorProto, TensorShapeProto,
    TensorType, TypeProto, UINT8, ValueInfoProto,
};
use super::pixels::OnnxPixels;
use crate::bundle::Model;
use crate::params_digest::for_each_le_chunk;

/// Names of values that are no layer's output.
const PIXELS: &str = "pixels";
const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";
/// The name of the axis of images, whose length is open.
const BATCH: &str = "N";

/// The bounds of ReLU6.
const RELU6: [(&str, f32); 2] = [("relu6/min", 0.0), ("relu6/max", 6.0)];

/// A graph that is being written.
pub(super) struct Graph {
    proto: GraphProto,
    /// The value that the next layer reads.
    last: String,
    /// The value that entered the section of the net that is being written.
    entered: String,
}

/// A convolution that waits for the BatchNorm to fold in.
struct Convolution<'a> {
    name: &'a str,
    layer: ConvLayer,
    side: usize,
    inputs: usize,
    outputs: usize,
    groups: usize,
    pads: Pads,
    stride: usize,
}

impl<'a> Convolution<'a> {
    fn of(layer: &'a Layer) -> Option<Self> {
        let outputs = layer.output.dims().last().copied().unwrap_or(0);
        let conv = layer.convolution?;
        let over = |geometry: &ConvGeometry, inputs, groups| Self {
            name: &layer.name,
            layer: conv,
            side: icecap_kernels::WINDOW,
            inputs,
            outputs,
            groups,
            pads: geometry.pads(),
            stride: geometry.stride(),
        };
        match &layer.kind {
            LayerKind::Conv { geometry, inputs } => Some(over(geometry, *inputs, 1)),
            LayerKind::Depthwise { geometry } => Some(over(geometry, 1, outputs)),
            LayerKind::Pointwise { inputs } => Some(Self {
                name: &layer.name,
                layer: conv,
                side: 1,
                inputs: *inputs,
                outputs,
                groups: 1,
                pads: Pads::default(),
                stride: 1,
            }),
            _ => None,
        }
    }

    /// Reorders a folded kernel to [out, in, rows, columns].
    fn kernel(&self, folded: &[f32]) -> Vec<f32> {
        let mut values = Vec::with_capacity(folded.len());
        for output in 0..self.outputs {
            for input in 0..self.inputs {
                let places = 0..self.side * self.side;
                values.extend(
                    places.map(|place| folded[(place * self.inputs + input) * self.outputs + output]),
                );
            }
        }
        values
    }
}

impl Graph {
    /// Writes the graph of a model whose backbone is `params`.
    ///
    /// # Errors
    /// [`Error::InputSize`] for a size that the net cannot run.
    pub(super) fn of(model: &Model, params: &Params, pixels: OnnxPixels) -> Result<GraphProto, Error> {
        let [height, width] = model.preprocessing.size;
        let proto = GraphProto { name: "MobileNetV2".to_owned(), ..GraphProto::default() };
        let mut graph = Self { proto, last: PIXELS.to_owned(), entered: String::new() };
        graph.input(params, pixels, [height, width]);
        for (name, bound) in RELU6 {
            graph.constant(name, &[], &[bound]);
        }
        let (mut waiting, mut section) = (None, Tap::Image);
        for layer in &layers(params.spec(), params.numerics().padding, None, [height, width])? {
            let name = layer.name.as_str();
            if layer.section != section {
                section = layer.section;
                graph.entered.clone_from(&graph.last);
            }
            match &layer.kind {
                LayerKind::BatchNorm => match waiting.take() {
                    Some(conv) => graph.convolution(&conv, fold(params, conv.layer), name),
                    None => unreachable!("'{name}' follows a convolution"),
                },
                LayerKind::Relu6 => graph.node("Clip", name, &RELU6.map(|(bound, _)| bound), Vec::new()),
                LayerKind::Add => {
                    let entered = graph.entered.clone();
                    graph.node("Add", name, &[&entered], Vec::new());
                }
                LayerKind::Pool => graph.pool(),
                _ => waiting = Convolution::of(layer),
            }
            if let ([_, rows, columns, channels], true) = (layer.output.dims(), graph.last == name) {
                graph.proto.value_info.push(value(name, FLOAT, &[*channels, *rows, *columns]));
            }
        }
        graph.head(model);
        Ok(graph.proto)
    }

    fn input(&mut self, params: &Params, pixels: OnnxPixels, size: [usize; 2]) {
        let shape = pixels.shape(size);
        match pixels {
            OnnxPixels::Scaled => self.proto.input.push(value(PIXELS, FLOAT, &shape)),
            OnnxPixels::Bytes => {
                self.proto.input.push(value(PIXELS, UINT8, &shape));
                let scaling = params.numerics().scaling;
                self.constant("scale", &[INPUT_CHANNELS], &scaling.scale);
                self.constant("shift", &[INPUT_CHANNELS], &scaling.shift);
                self.node("Cast", "pixels_f32", &[], vec![integer("to", i64::from(FLOAT))]);
                // Two nodes: the product is rounded before the sum, as our own kernel does.
                self.node("Mul", "pixels_times_scale", &["scale"], Vec::new());
                self.node("Add", "pixels_scaled", &["shift"], Vec::new());
                self.node("Transpose", "pixels_nchw", &[], vec![integers("perm", &[0, 3, 1, 2])]);
            }
        }
    }

    fn convolution(&mut self, conv: &Convolution<'_>, folded: Folded, output: &str) {
        let [kernel, bias] = ["kernel", "bias"].map(|part| format!("{}/{part}", conv.name));
        let Convolution { side, inputs, outputs, groups, pads, stride, .. } = *conv;
        self.constant(&kernel, &[outputs, inputs, side, side], &conv.kernel(&folded.weights));
        self.constant(&bias, &[outputs], &folded.bias);
        let attributes = vec![
            integers("dilations", &[1, 1]),
            integer("group", groups as i64),
            integers("kernel_shape", &[side, side]),
            integers("pads", &[pads.top, pads.left, pads.bottom, pads.right]),
            integers("strides", &[stride, stride]),
        ];
        self.named_node("Conv", conv.name, &[&kernel, &bias], output, attributes);
    }

    fn pool(&mut self) {
        let (mean, pooled) = (format!("{}/mean", Tap::Features), Tap::Pooled.to_string());
        self.named_node("GlobalAveragePool", &pooled, &[], &mean, Vec::new());
        self.named_node("Flatten", "flatten", &[], &pooled, vec![integer("axis", 1)]);
    }

    /// Adds the head, and the probabilities of its logits. A single logit gives the second class' by the sigmoid and
    /// the first class' as 1 minus that.
    fn head(&mut self, model: &Model) {
        let (classes, logits) = (model.classes.len(), model.logits());
        self.constant("head/kernel", model.head_kernel.shape().dims(), model.head_kernel.data());
        self.constant("head/bias", &[logits], &model.head_bias);
        self.named_node("Gemm", "head", &["head/kernel", "head/bias"], LOGITS, Vec::new());
        if model.temperature != 1.0 {
            // The logits are an output as they are; probabilities are made of what the temperature leaves of them.
            self.constant("temperature", &[], &[model.temperature]);
            self.node("Div", "tempered", &["temperature"], Vec::new());
        }
        if logits == 1 {
            self.constant("one", &[], &[1.0]);
            self.node("Sigmoid", "second", &[], Vec::new());
            let second = std::mem::replace(&mut self.last, "one".to_owned());
            self.node("Sub", "first", &[&second], Vec::new());
            self.named_node("Concat", "both", &[&second], PROBABILITIES, vec![integer("axis", 1)]);
        } else {
            self.named_node("Softmax", "softmax", &[], PROBABILITIES, vec![integer("axis", 1)]);
        }
        for (name, columns) in [(PROBABILITIES, classes), (LOGITS, logits)] {
            self.proto.output.push(value(name, FLOAT, &[columns]));
        }
    }

    /// Adds a node that reads the last value, then `others`, and gives a value of its own name.
    fn node(&mut self, op: &str, name: &str, others: &[&str], attributes: Vec<AttributeProto>) {
        self.named_node(op, name, others, name, attributes);
    }

    fn named_node(
        &mut self,
        op: &str,
        name: &str,
        others: &[&str],
        output: &str,
        attribute: Vec<AttributeProto>,
    ) {
        let last = std::mem::replace(&mut self.last, output.to_owned());
        self.proto.node.push(NodeProto {
            input: std::iter::once(last).chain(others.iter().map(|&name| name.to_owned())).collect(),
            output: vec![output.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
        });
    }

    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let mut raw_data = Vec::with_capacity(size_of_val(values));
        for_each_le_chunk(values, |bytes| raw_data.extend_from_slice(bytes));
        self.proto.initializer.push(TensorProto {
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data,
        });
    }
}

fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), i: Some(value), ints: Vec::new(), kind: INT }
}

fn integers(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.to_owned(), i: None, ints, kind: INTS }
}

/// Describes a value of `elem_type` for a batch of images, each of the shape `dims`.
fn value(name: &str, elem_type: i32, dims: &[usize]) -> ValueInfoProto {
    let sides = dims.iter().map(|&dim| Side::Value(dim as i64));
    let dim = std::iter::once(Side::Named(BATCH.to_owned()))
        .chain(sides)
        .map(|side| Dimension { side: Some(side) })
        .collect();
    let tensor_type = Some(TensorType { elem_type, shape: Some(TensorShapeProto { dim }) });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}
