//! The operators: the net's operations in the order in which they run, and the head. Images are [N, H, W, C], as ours.

use std::collections::BTreeMap;

use icecap_graph::{ConvLayer, INPUT_CHANNELS, Padding, Part, Tap};

use super::draft::{Draft, Index, Quantization, Tensor};
use super::flatbuffer::Table;
use super::numbers::{Constant, Numbers, SIGNED, floats, signed};
use super::schema::{Border, Element, NO_ACTIVATION, Operator, RELU, RELU6};
use crate::affine::PixelSteps;
use crate::bundle::Model;
use crate::exported_net::{Add, Convolution, Operation};
use crate::{Activation, DenseLayer};

/// Names of values that are no layer's output.
pub(super) const PIXELS: &str = "pixels";
pub(super) const LOGITS: &str = "logits";
pub(super) const PROBABILITIES: &str = "probabilities";

/// A graph that is being written.
pub(super) struct Graph<'a> {
    draft: Draft,
    numbers: &'a Numbers<'a>,
    /// What the next operator reads.
    last: Index,
    /// What operations gave, by name.
    given: BTreeMap<String, Index>,
}

/// Inputs and outputs of a graph.
pub(super) struct Ends {
    pub(super) pixels: Index,
    pub(super) probabilities: Index,
    pub(super) logits: Index,
}

/// Writes the graph of a model whose backbone has these operations and numbers.
pub(super) fn write(model: &Model, operations: &[Operation], numbers: &Numbers<'_>) -> (Draft, Ends) {
    let mut graph = Graph { draft: Draft::new(), numbers, last: 0, given: BTreeMap::new() };
    let pixels = graph.input(model.preprocessing.size);
    for operation in operations {
        match operation {
            Operation::Convolution(conv) => graph.convolution(conv),
            Operation::Add(add) => graph.add(add),
        }
        graph.given.insert(operation.name().to_owned(), graph.last);
    }
    let features = operations.iter().rev().find_map(|operation| match operation {
        Operation::Convolution(conv) => Some([conv.output[0], conv.output[1], conv.outputs]),
        Operation::Add(_) => None,
    });
    graph.pool(features.unwrap_or_default());
    let (probabilities, logits) = graph.head(model);
    (graph.draft, Ends { pixels, probabilities, logits })
}

impl Graph<'_> {
    /// From the graph's input to what the first convolution reads.
    fn input(&mut self, [height, width]: [usize; 2]) -> Index {
        let shape = [1, height, width, INPUT_CHANNELS];
        let image = |name, element, quantization| Tensor {
            name,
            shape: &shape,
            element,
            constant: None,
            quantization,
        };
        let Numbers::Int8(net) = self.numbers else {
            self.last = self.draft.tensor(image(PIXELS, Element::F32, None));
            return self.last;
        };
        let PixelSteps { center, steps } = net.pixels;
        let plain = |zero| Some(Quantization::Whole { scale: 1.0, zero });
        let zero = if net.pixels.are_pixels() { i64::from(steps.zero) } else { 0 };
        let pixels = self.draft.tensor(image(PIXELS, Element::U8, plain(zero)));
        self.last = pixels;
        let signed_pixels = image("pixels_signed", Element::I8, plain(zero - SIGNED));
        self.step(Operator::Quantize, &[], Table::default(), signed_pixels);
        if !net.pixels.are_pixels() {
            // From 0 to 255.
            let values = center.map(|center| (center as i64 - SIGNED) as i8);
            let center = Constant {
                element: Element::I8,
                values: values.map(i8::cast_unsigned).to_vec(),
                quantization: plain(-SIGNED),
            };
            let center = self.constant("pixels/center", &[1, 1, 1, INPUT_CHANNELS], center);
            let centered = image("pixels_centered", Element::I8, Some(signed(steps)));
            self.step(Operator::Sub, &[center], activation(NO_ACTIVATION), centered);
        }
        pixels
    }

    fn convolution(&mut self, conv: &Convolution) {
        let border = self.border(conv);
        let name = conv.layer.name();
        let [kernel, bias] = self.numbers.conv(conv);
        let depthwise = conv.groups > 1;
        let shape = match depthwise {
            true => [1, conv.side, conv.side, conv.outputs],
            false => [conv.outputs, conv.side, conv.side, conv.inputs],
        };
        let kernel = self.constant(&format!("{name}/kernel"), &shape, kernel);
        let bias = self.constant(&format!("{name}/bias"), &[conv.outputs], bias);
        let clamp = if conv.activation.is_some() { RELU6 } else { NO_ACTIVATION };
        let stride = conv.stride as i32;
        let options = Table::default().byte(0, border as u8).int32(1, stride).int32(2, stride);
        let (operator, options) = match depthwise {
            true => (Operator::DepthwiseConv2d, options.int32(3, 1).byte(4, clamp).int32(5, 1).int32(6, 1)),
            false => (Operator::Conv2d, options.byte(3, clamp).int32(4, 1).int32(5, 1)),
        };
        let [rows, columns] = conv.output;
        let output = Tensor {
            name: conv.name(),
            shape: &[1, rows, columns, conv.outputs],
            element: self.numbers.element(),
            constant: None,
            quantization: self.numbers.behind(conv.layer),
        };
        self.step(operator, &[kernel, bias], options, output);
    }

    /// How the window is laid over the border; zeros that no rule of TFLite adds are added here.
    fn border(&mut self, conv: &Convolution) -> Border {
        let same = conv.input.map(|side| match conv.side {
            1 => (0, 0),
            _ => Padding::Same.amounts(side, conv.stride),
        });
        let pads = [(conv.pads.top, conv.pads.bottom), (conv.pads.left, conv.pads.right)];
        if pads == same {
            return Border::Same;
        }
        let channels = if conv.groups > 1 { conv.outputs } else { conv.inputs };
        let amounts = [(0, 0), pads[0], pads[1], (0, 0)];
        let values = amounts.iter().flat_map(|&(before, behind)| [before as i32, behind as i32]);
        let values = values.flat_map(i32::to_le_bytes).collect();
        let name = conv.layer.name();
        let amounts = Constant { element: Element::I32, values, quantization: None };
        let amounts = self.constant(&format!("{name}/pads"), &[4, 2], amounts);
        let [rows, columns] = [0, 1].map(|axis| conv.input[axis] + pads[axis].0 + pads[axis].1);
        let padded = Tensor {
            name: &format!("{name}_pad"),
            shape: &[1, rows, columns, channels],
            element: self.numbers.element(),
            constant: None,
            quantization: self.numbers.before(conv.layer),
        };
        self.step(Operator::Pad, &[amounts], Table::default(), padded);
        Border::Valid
    }

    fn add(&mut self, add: &Add) {
        let entered = self.given[&add.entered];
        let [rows, columns, channels] = add.output;
        let output = Tensor {
            name: &add.name,
            shape: &[1, rows, columns, channels],
            element: self.numbers.element(),
            constant: None,
            quantization: self.numbers.behind(ConvLayer { part: Part::Project, block: add.block }),
        };
        self.step(Operator::Add, &[entered], activation(NO_ACTIVATION), output);
    }

    /// The mean of each channel. Bytes are made real before: what bytes the means would need, no weights tell.
    fn pool(&mut self, [rows, columns, channels]: [usize; 3]) {
        if self.numbers.element() != Element::F32 {
            let name = format!("{}/real", Tap::Features);
            self.convert(real(&name, &[1, rows, columns, channels]));
        }
        let axes = [1i32, 2].iter().flat_map(|axis| axis.to_le_bytes()).collect();
        let axes = Constant { element: Element::I32, values: axes, quantization: None };
        let axes = self.constant("mean/axes", &[2], axes);
        let name = Tap::Pooled.to_string();
        self.step(Operator::Mean, &[axes], Table::default().byte(0, 0), real(&name, &[1, channels]));
    }

    fn convert(&mut self, real: Tensor<'_>) {
        let output = self.draft.tensor(real);
        self.draft.operator(
            Operator::Dequantize,
            self.numbers.element(),
            &[self.last],
            output,
            Table::default(),
        );
        self.last = output;
    }

    /// Adds the head, and the probabilities of its logits. A single logit gives the second class' by the sigmoid and the
    /// first class' as 1 minus that. Returns probabilities and logits.
    fn head(&mut self, model: &Model) -> (Index, Index) {
        let (classes, columns) = (model.classes.len(), model.logits());
        for (index, layer) in model.layers.iter().enumerate() {
            self.dense(layer, (index + 1 < model.layers.len()).then_some(index + 1));
        }
        let logits = self.last;
        if model.temperature != 1.0 {
            let temperature = self.constant("temperature", &[1], floats(&[model.temperature]));
            self.step(
                Operator::Div,
                &[temperature],
                activation(NO_ACTIVATION),
                real("tempered", &[1, columns]),
            );
        }
        if model.multi_label {
            self.step(Operator::Logistic, &[], Table::default(), real(PROBABILITIES, &[1, classes]));
        } else if columns == 1 {
            self.step(Operator::Logistic, &[], Table::default(), real("second", &[1, 1]));
            let second = self.last;
            self.last = self.constant("one", &[1], floats(&[1.0]));
            self.step(Operator::Sub, &[second], activation(NO_ACTIVATION), real("first", &[1, 1]));
            let options = Table::default().int32(0, 1);
            self.step(Operator::Concatenation, &[second], options, real(PROBABILITIES, &[1, classes]));
        } else {
            let options = Table::default().float(0, 1.0);
            self.step(Operator::Softmax, &[], options, real(PROBABILITIES, &[1, classes]));
        }
        (self.last, logits)
    }

    /// Adds a dense layer of the head: the last one, which gives the logits, or the one of this number.
    fn dense(&mut self, layer: &DenseLayer, number: Option<usize>) {
        let (columns, values) = (layer.outputs(), layer.kernel.data());
        let rows: Vec<f32> =
            (0..columns).flat_map(|output| values.iter().skip(output).step_by(columns).copied()).collect();
        let name = number.map_or("head".to_owned(), |number| format!("head/{number}"));
        let kernel = self.constant(&format!("{name}/kernel"), &[columns, layer.inputs()], floats(&rows));
        let bias = self.constant(&format!("{name}/bias"), &[columns], floats(&layer.bias));
        let clamp = match layer.activation {
            Activation::None => NO_ACTIVATION,
            Activation::Relu => RELU,
            Activation::Relu6 => RELU6,
        };
        let given = if number.is_some() { &name } else { LOGITS };
        self.step(Operator::FullyConnected, &[kernel, bias], activation(clamp), real(given, &[1, columns]));
    }

    /// Adds an operator that reads the last value, then `others`.
    fn step(&mut self, operator: Operator, others: &[Index], options: Table, output: Tensor<'_>) {
        let element = output.element;
        let output = self.draft.tensor(output);
        let inputs: Vec<Index> = std::iter::once(self.last).chain(others.iter().copied()).collect();
        self.draft.operator(operator, element, &inputs, output, options);
        self.last = output;
    }

    fn constant(&mut self, name: &str, shape: &[usize], of: Constant) -> Index {
        let Constant { element, values, quantization } = of;
        self.draft.tensor(Tensor { name, shape, element, constant: Some(values), quantization })
    }
}

/// The options of an operator that has nothing but an activation inside.
fn activation(of: u8) -> Table {
    Table::default().byte(0, of)
}

/// A tensor of real numbers that an operator gives.
fn real<'a>(name: &'a str, shape: &'a [usize]) -> Tensor<'a> {
    Tensor { name, shape, element: Element::F32, constant: None, quantization: None }
}
