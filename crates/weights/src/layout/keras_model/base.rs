//! The MobileNetV2 in a description: each of its layers is found by what it does and where it stands, and is held against
//! the paper's table. What the description states otherwise is refused by the layer's name.

use icecap_graph::{ConvLayer, Part, Spec};
use serde_json::Value;

use super::activation::{self, Activation};
use super::config::{flag, number, pair, text};
use super::graph::{Graph, Operand, TRAINS};
use super::path::Path;
use super::refusal::Refusal;

/// The net's layers in a description.
#[derive(Debug)]
pub(super) struct Base {
    /// A layer of each convolution, in the order of [`ConvLayer::all`], and the one of the BatchNorm behind it.
    pub(super) convolutions: Vec<Found>,
    /// The node whose output are the features.
    pub(super) features: usize,
    /// BatchNorm's epsilon, the same in all layers.
    pub(super) epsilon: f64,
}

/// A convolution of the net.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) layer: ConvLayer,
    /// The index of the convolution's layer.
    pub(super) conv: usize,
    /// The index of the BatchNorm's layer.
    pub(super) norm: usize,
    pub(super) stride: usize,
    /// The index of the layer that says how its input is padded: its own, or one before it.
    pub(super) pad: usize,
    /// What its 3x3 window is padded by; `None` for a 1x1.
    pub(super) padding: Option<Padded>,
}

/// How an image is padded for a 3x3 convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padded {
    /// As TensorFlow's `same` does at any size.
    Same,
    /// By a layer `ZeroPadding2D` of its own: rows above and below, columns left and right.
    By([[u64; 2]; 2]),
}

/// Whether a node begins a net of convolutions: it is the first one, or pads for it.
pub(super) fn begins(graph: &Graph<'_>, node: usize) -> bool {
    matches!(graph.class(node), "Conv2D" | "DepthwiseConv2D" | "SeparableConv2D" | "ZeroPadding2D")
}

/// Follows the net from the node `input` that its first layer reads.
///
/// # Errors
/// The first layer that is none of MobileNetV2's, or that does what ours does not.
pub(super) fn follow(graph: &Graph<'_>, path: &Path, input: usize) -> Result<Base, Refusal> {
    // The strides do not depend on the width.
    let spec = Spec::with_width(1.0).map_err(|error| graph.refuse(input, error.to_string()))?;
    let mut walk = Walk { graph, path, at: input, epsilon: None };
    let mut convolutions = Vec::new();
    let (mut block_input, mut block_channels) = (input, 0);
    let mut channels = 3;
    for layer in ConvLayer::all() {
        let begins_block = match layer.part {
            Part::Expand => true,
            Part::Depthwise => layer.block == 0,
            _ => false,
        };
        if begins_block {
            (block_input, block_channels) = (walk.at, channels);
        }
        let stride = match layer.part {
            Part::Stem => 2,
            Part::Depthwise => spec.blocks()[layer.block].stride,
            _ => 1,
        };
        let (found, filters) = walk.convolution(layer, stride)?;
        channels = filters.unwrap_or(channels);
        convolutions.push(found);
        if layer.part == Part::Project && spec.blocks()[layer.block].stride == 1 && channels == block_channels
        {
            walk.add(block_input)?;
        }
    }
    let epsilon = walk.epsilon.unwrap_or(1e-3);
    Ok(Base { convolutions, features: walk.at, epsilon })
}

struct Walk<'w, 'a> {
    graph: &'w Graph<'a>,
    path: &'w Path,
    /// The node whose output comes next.
    at: usize,
    epsilon: Option<f64>,
}

impl Walk<'_, '_> {
    /// Goes over one convolution with all that stands around it. Returns how many channels leave it, where it says so.
    fn convolution(&mut self, layer: ConvLayer, stride: usize) -> Result<(Found, Option<u64>), Refusal> {
        let graph = self.graph;
        let mut node = self.step(layer.name().as_str())?;
        let mut padded = None;
        let mut pad = graph.nodes[node].layer;
        if graph.class(node) == "ZeroPadding2D" {
            let sides = zeros(graph.config(node))
                .ok_or_else(|| graph.refuse(node, "its 'padding' is of no known form"))?;
            padded = Some(Padded::By(sides));
            self.channels_last(node)?;
            node = self.step(layer.name().as_str())?;
        }
        let filters = self.check_conv(node, layer, stride)?;
        let is_window = matches!(layer.part, Part::Stem | Part::Depthwise);
        let padding = match (text(graph.config(node), "padding"), padded, is_window) {
            (Some("same"), None, true) => Some(Padded::Same),
            (Some("valid"), Some(sides), true) => Some(sides),
            (Some("same" | "valid"), None, false) => None,
            _ => return Err(graph.refuse(node, "it pads its input otherwise than MobileNetV2 does")),
        };
        let conv = graph.nodes[node].layer;
        if padded.is_none() {
            pad = conv;
        }
        let norm = self.step(layer.norm().as_str())?;
        self.check_norm(norm, layer)?;
        if let Some(name) = layer.activation() {
            let node = self.step(&name)?;
            let activation = match graph.class(node) {
                "ReLU" => activation::of_relu(graph.config(node)),
                "Activation" => activation::of_config(graph.config(node)),
                _ => return Err(self.stranger(node, &name)),
            };
            if activation != Activation::Relu6 {
                return Err(graph.refuse(node, "MobileNetV2 has a ReLU with max_value 6 here"));
            }
        }
        Ok((Found { layer, conv, norm: graph.nodes[norm].layer, stride, pad, padding }, filters))
    }

    /// The next node; where the output goes to a sum as well, the one that is none.
    fn step(&mut self, wanted: &str) -> Result<usize, Refusal> {
        let readers = self.path.readers(self.at);
        let next = match readers {
            [one] => *one,
            [one, other] if self.graph.class(*one) == "Add" => *other,
            [one, other] if self.graph.class(*other) == "Add" => *one,
            [] => {
                return Err(self.graph.refuse(self.at, format!(
                    "the model ends here, and MobileNetV2 goes on with '{wanted}'; only features of the whole net can be read"
                )));
            }
            _ => return Err(self.graph.refuse(self.at, "more layers read it than in a MobileNetV2")),
        };
        if self.graph.class(next) != "Add" {
            self.graph.only_read(next)?;
        }
        self.at = next;
        Ok(next)
    }

    /// Goes over the sum of a block's input and its output.
    fn add(&mut self, input: usize) -> Result<(), Refusal> {
        let branch = self.at;
        let node = self.step("add")?;
        if self.graph.class(node) != "Add" {
            return Err(self.stranger(node, "add"));
        }
        let reads = self.graph.nodes[node].reads.as_slice();
        let pair = [Operand::Node(input), Operand::Node(branch)];
        if reads != pair && reads != [pair[1], pair[0]] {
            return Err(self.graph.refuse(node, "it adds something else than MobileNetV2 does"));
        }
        Ok(())
    }

    fn stranger(&self, node: usize, wanted: &str) -> Refusal {
        let reason = format!("where MobileNetV2 has '{wanted}'; other nets than MobileNetV2 are not read");
        self.graph.refuse(node, reason)
    }

    fn channels_last(&self, node: usize) -> Result<(), Refusal> {
        match text(self.graph.config(node), "data_format") {
            None | Some("channels_last") => Ok(()),
            Some(_) => Err(self.graph.refuse(node, CHANNELS)),
        }
    }

    /// Holds a convolution against the one that stands in its place. Returns its number of filters.
    fn check_conv(&self, node: usize, layer: ConvLayer, stride: usize) -> Result<Option<u64>, Refusal> {
        let graph = self.graph;
        let config = graph.config(node);
        let (class, side) = match layer.part {
            Part::Depthwise => ("DepthwiseConv2D", 3),
            Part::Stem => ("Conv2D", 3),
            _ => ("Conv2D", 1),
        };
        if graph.class(node) != class {
            return Err(self.stranger(node, &layer.name()));
        }
        self.channels_last(node)?;
        plain_type(graph, node)?;
        let stride = stride as u64;
        let states = |key: &str, wanted: u64| pair(config, key).is_none_or(|sides| sides == [wanted; 2]);
        let one = |key: &str| number(config, key).is_none_or(|value| value == 1.0);
        if !states("kernel_size", side) || !states("strides", stride) {
            let wanted = layer.name();
            let reason =
                format!("MobileNetV2 has '{wanted}' here, a {side}x{side} convolution with stride {stride}");
            return Err(graph.refuse(node, reason));
        }
        if !states("dilation_rate", 1) || !one("groups") || !one("depth_multiplier") {
            return Err(graph.refuse(node, "MobileNetV2 has no dilation, groups or depth multiplier here"));
        }
        if flag(config, "use_bias", true) {
            return Err(graph.refuse(node, "it has a bias, which MobileNetV2's convolutions have not"));
        }
        if activation::of_config(config) != Activation::Linear {
            return Err(graph
                .refuse(node, "it has an activation of its own, which MobileNetV2's convolutions have not"));
        }
        Ok(config.get("filters").and_then(Value::as_u64))
    }

    fn check_norm(&mut self, node: usize, layer: ConvLayer) -> Result<(), Refusal> {
        let graph = self.graph;
        let config = graph.config(node);
        if !is_batch_norm(graph.class(node)) {
            return Err(self.stranger(node, &layer.norm()));
        }
        if graph.nodes[node].trains {
            return Err(graph.refuse(node, TRAINS));
        }
        plain_type(graph, node)?;
        if !is_last_axis(config, &[3]) {
            return Err(graph.refuse(node, CHANNELS));
        }
        if !flag(config, "scale", true) || !flag(config, "center", true) {
            return Err(graph.refuse(node, "it has no gamma or no beta, which MobileNetV2's have"));
        }
        let epsilon = number(config, "epsilon").unwrap_or(1e-3);
        let first = *self.epsilon.get_or_insert(epsilon);
        if !(epsilon.is_finite() && epsilon > 0.0) || epsilon != first {
            let reason = format!(
                "its epsilon is {epsilon}, and that of the layers before it {first}; only one for all is read"
            );
            return Err(graph.refuse(node, reason));
        }
        Ok(())
    }
}

/// Why a net whose channels come first is not read.
pub(super) const CHANNELS: &str = "its channels come before rows and columns (channels_first), and only channels_last is read; build the \
                        model with data_format='channels_last' and set its weights from this one";

pub(super) fn is_batch_norm(class: &str) -> bool {
    matches!(
        class,
        "BatchNormalization" | "BatchNormalizationV1" | "BatchNormalizationV2" | "SyncBatchNormalization"
    )
}

/// Whether the axis of a normalization is the last one, or of one of these numbers.
pub(super) fn is_last_axis(config: &Value, last: &[i64]) -> bool {
    let axis = match config.get("axis") {
        Some(Value::Array(axes)) if axes.len() == 1 => axes[0].as_i64(),
        None => return true,
        Some(axis) => axis.as_i64(),
    };
    axis.is_some_and(|axis| axis == -1 || last.contains(&axis))
}

/// Refuses a layer whose weights are stored in fewer bits and scales beside them.
pub(super) fn plain_type(graph: &Graph<'_>, node: usize) -> Result<(), Refusal> {
    let dtype = super::config::dtype(graph.config(node)).unwrap_or("float32");
    let quantized = ["int8", "int4", "float8", "gptq", "awq"].iter().any(|kind| dtype.contains(kind));
    if quantized {
        return Err(graph.refuse(
            node,
            format!("its weights are quantized ({dtype}); save the model before it is quantized"),
        ));
    }
    Ok(())
}

/// The padding of a `ZeroPadding2D`: one number, two, or two pairs.
fn zeros(config: &Value) -> Option<[[u64; 2]; 2]> {
    let padding = config.get("padding")?;
    if let Some(all) = padding.as_u64() {
        return Some([[all; 2]; 2]);
    }
    let [rows, columns] = padding.as_array()?.as_slice() else { return None };
    let side = |value: &Value| match value.as_array().map(Vec::as_slice) {
        Some([before, behind]) => Some([before.as_u64()?, behind.as_u64()?]),
        Some(_) => None,
        None => value.as_u64().map(|both| [both; 2]),
    };
    Some([side(rows)?, side(columns)?])
}
