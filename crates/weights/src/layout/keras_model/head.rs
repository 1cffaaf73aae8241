//! From the net's features to the classes: pooling, dense layers and what stands between them.

use serde_json::Value;

use super::activation::{self, Activation};
use super::base::{CHANNELS, plain_type};
use super::config::{pair, text};
use super::graph::Graph;
use super::input::is_identity;
use super::operator::{Affine, Operator, operator};
use super::path::Path;
use super::refusal::Refusal;
use super::scaling::scaling;
use super::stored::Stored;

/// What stands behind the net.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) steps: Vec<Step>,
    pub(super) output: Output,
}

/// A step from the pooled features to the outputs.
#[derive(Debug)]
pub(super) struct Step {
    /// The index of its layer.
    pub(super) layer: usize,
    pub(super) does: Does,
}

#[derive(Debug)]
pub(super) enum Does {
    /// A dense layer; the number of its outputs.
    Dense(u64),
    Affine(Affine),
    Relu,
    Relu6,
}

/// What the last values go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Logits,
    Softmax,
    Sigmoid,
}

/// What has become of the features on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Rows, columns, channels; the rows and columns if they are known.
    Map(Option<[u64; 2]>),
    /// Pooled: a vector, with or without axes of one place around it.
    Vector,
}

/// Follows all that stands behind the node `features`, which gives maps of `map` rows and columns. Returns nothing if no
/// layer there has weights.
///
/// # Errors
/// The first layer that cannot be read.
pub(super) fn follow(
    graph: &Graph<'_>,
    path: &Path,
    stored: &Stored<'_, '_>,
    features: usize,
    map: Option<[u64; 2]>,
) -> Result<Option<Head>, Refusal> {
    if let [_, second, ..] = graph.outputs[..] {
        let reason = format!(
            "it is one of {} outputs of the model; only heads of one output can be read",
            graph.outputs.len()
        );
        return Err(graph.refuse(second, reason));
    }
    let mut walk =
        Walk { graph, stored, form: Form::Map(map), steps: Vec::new(), output: Output::Logits, units: None };
    let mut at = features;
    while let Some(next) = path.next(graph, at)? {
        walk.step(next)?;
        at = next;
    }
    if walk.units.is_none() && walk.steps.is_empty() && walk.output == Output::Logits {
        return Ok(None);
    }
    if walk.units.is_none() {
        return Err(graph.refuse(at, "the model ends here without a dense layer"));
    }
    Ok(Some(Head { steps: walk.steps, output: walk.output }))
}

struct Walk<'w, 'a> {
    graph: &'w Graph<'a>,
    stored: &'w Stored<'w, 'a>,
    form: Form,
    steps: Vec<Step>,
    output: Output,
    /// How many values the last dense layer gives.
    units: Option<u64>,
}

impl Walk<'_, '_> {
    fn step(&mut self, node: usize) -> Result<(), Refusal> {
        let graph = self.graph;
        graph.only_read(node)?;
        if is_identity(graph, node)? {
            return Ok(());
        }
        // An older MobileNet takes the axes of one place off behind the softmax.
        let is_form = matches!(graph.class(node), "Flatten" | "Reshape") && self.form == Form::Vector;
        if self.output != Output::Logits && !is_form {
            let function = if self.output == Output::Softmax { "softmax" } else { "sigmoid" };
            let reason =
                format!("it stands behind a {function}, and only a head that ends with that can be read");
            return Err(graph.refuse(node, reason));
        }
        match graph.class(node) {
            "GlobalAveragePooling2D" | "AveragePooling2D" | "Flatten" | "Reshape" => self.reform(node),
            "Dense" => self.dense(node),
            "Conv2D" if self.form == Form::Vector => self.pointwise(node),
            "Activation" => self.activation(node, activation::of_config(graph.config(node))),
            "ReLU" => self.activation(node, activation::of_relu(graph.config(node))),
            "Softmax" => {
                let axis = graph
                    .config(node)
                    .get("axis")
                    .and_then(|axis| axis.as_array().map_or(Some(axis), |axes| axes.first()));
                if axis.and_then(Value::as_i64).is_some_and(|axis| axis != -1 && axis != 1) {
                    return Err(graph.refuse(node, "its softmax runs along another axis than the classes"));
                }
                self.activation(node, Activation::Softmax)
            }
            _ => self.other(node),
        }
    }

    /// An operator, or a layer of numbers; or what cannot be read.
    fn other(&mut self, node: usize) -> Result<(), Refusal> {
        let graph = self.graph;
        let activation = match operator(graph, node) {
            Some(Operator::Mean) => return self.mean(node),
            Some(Operator::Relu) => Some(Activation::Relu),
            Some(Operator::Relu6) => Some(Activation::Relu6),
            Some(Operator::Softmax) => Some(Activation::Softmax),
            Some(Operator::Sigmoid) => Some(Activation::Sigmoid),
            _ => None,
        };
        if let Some(activation) = activation {
            return self.activation(node, activation);
        }
        match scaling(graph, self.stored, node)? {
            Some(affine) => {
                self.push(node, Does::Affine(affine));
                Ok(())
            }
            None => Err(graph
                .refuse(node, "it stands on the features of MobileNetV2, and what it does cannot be read")),
        }
    }

    fn push(&mut self, node: usize, does: Does) {
        self.steps.push(Step { layer: self.graph.nodes[node].layer, does });
    }

    fn channels_last(&self, node: usize) -> Result<(), Refusal> {
        match text(self.graph.config(node), "data_format") {
            None | Some("channels_last") => Ok(()),
            Some(_) => Err(self.graph.refuse(node, CHANNELS)),
        }
    }

    /// Layers that change the form of their values alone, and means over the whole map.
    fn reform(&mut self, node: usize) -> Result<(), Refusal> {
        let (graph, config) = (self.graph, self.graph.config(node));
        self.channels_last(node)?;
        match (graph.class(node), self.form) {
            ("GlobalAveragePooling2D", _) => self.form = Form::Vector,
            ("AveragePooling2D", Form::Map(map)) => {
                let pool = pair(config, "pool_size");
                let map = map.or_else(|| self.built(node));
                if map.is_none() || pool != map {
                    let whole =
                        map.map_or("unknown".to_owned(), |[rows, columns]| format!("{rows}x{columns}"));
                    let reason = format!(
                        "it averages over parts of the map of features, whose size is {whole}; only a mean over all of it can be read"
                    );
                    return Err(graph.refuse(node, reason));
                }
                // With one window over all, `same` adds nothing.
                let strides = pair(config, "strides").or(pool).unwrap_or([0; 2]);
                let is_one =
                    strides.iter().zip(pool.unwrap_or_default()).all(|(stride, side)| *stride >= side);
                if text(config, "padding").is_some_and(|padding| padding != "valid") && !is_one {
                    return Err(graph.refuse(
                        node,
                        "it pads the map of features; only a mean over all of it can be read",
                    ));
                }
                self.form = Form::Vector;
            }
            ("Flatten", Form::Map(map)) => {
                let map = map.or_else(|| self.built(node));
                if map != Some([1, 1]) {
                    let whole = map.map_or("several rows and columns".to_owned(), |[rows, columns]| {
                        format!("{rows}x{columns}")
                    });
                    return Err(graph.refuse(node, format!("it flattens a map of features of {whole}; only heads on pooled features can be read")));
                }
                self.form = Form::Vector;
            }
            ("Reshape", Form::Vector) => {
                let sides = config
                    .get("target_shape")
                    .and_then(Value::as_array)
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let outer = sides.len().saturating_sub(1);
                if sides.is_empty() || sides[..outer].iter().any(|side| side.as_i64() != Some(1)) {
                    return Err(graph.refuse(node, "it gives the features another form"));
                }
            }
            (_, Form::Vector) => {}
            _ => return Err(graph.refuse(node, "it gives the map of features another form")),
        }
        Ok(())
    }

    /// Rows and columns of the map for which a layer was built.
    fn built(&self, node: usize) -> Option<[u64; 2]> {
        let layer = &self.graph.layers.0[self.graph.nodes[node].layer];
        let shape = super::config::shape(layer.built?.get("input_shape")?)?;
        match shape.as_slice() {
            [_, Some(rows), Some(columns), _] => Some([*rows, *columns]),
            _ => None,
        }
    }

    /// A mean over rows and columns.
    fn mean(&mut self, node: usize) -> Result<(), Refusal> {
        let (graph, named) = (self.graph, &self.graph.nodes[node].named);
        let axes = graph.config(node).get("axis").or_else(|| named.get("axis").copied());
        let axes: Vec<i64> =
            axes.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64).collect();
        let is_both = matches!(axes[..], [1, 2] | [2, 1] | [-3, -2] | [-2, -3]);
        if !is_both || !matches!(self.form, Form::Map(_)) {
            return Err(graph.refuse(node, "it averages over other axes than rows and columns"));
        }
        self.form = Form::Vector;
        Ok(())
    }

    fn dense(&mut self, node: usize) -> Result<(), Refusal> {
        let (graph, config) = (self.graph, self.graph.config(node));
        if self.form != Form::Vector {
            return Err(graph.refuse(node, "it stands on a map of features that is not pooled"));
        }
        self.weights(node, config.get("units").and_then(Value::as_u64))
    }

    /// A 1x1 convolution on pooled features, which is a dense layer.
    fn pointwise(&mut self, node: usize) -> Result<(), Refusal> {
        let (graph, config) = (self.graph, self.graph.config(node));
        self.channels_last(node)?;
        if pair(config, "kernel_size") != Some([1, 1]) {
            return Err(graph.refuse(node, "it is a convolution of more than one pixel on pooled features"));
        }
        self.weights(node, config.get("filters").and_then(Value::as_u64))
    }

    fn weights(&mut self, node: usize, units: Option<u64>) -> Result<(), Refusal> {
        let graph = self.graph;
        let units = units.ok_or_else(|| graph.refuse(node, "it does not say how many outputs it has"))?;
        plain_type(graph, node)?;
        self.push(node, Does::Dense(units));
        self.units = Some(units);
        self.activation(node, activation::of_config(graph.config(node)))
    }

    fn activation(&mut self, node: usize, activation: Activation) -> Result<(), Refusal> {
        let graph = self.graph;
        match activation {
            Activation::Linear => return Ok(()),
            Activation::Relu | Activation::Relu6 => {
                if matches!(self.form, Form::Map(_)) {
                    // Features have left a ReLU6, so another changes nothing.
                    return match self.steps.is_empty() {
                        true => Ok(()),
                        false => Err(graph.refuse(node, "it stands on a map of features that is not pooled")),
                    };
                }
                let does = if activation == Activation::Relu { Does::Relu } else { Does::Relu6 };
                self.push(node, does);
                return Ok(());
            }
            _ => {}
        }
        let several = self.units.is_some_and(|units| units > 1);
        self.output = match (&activation, self.units) {
            (Activation::Softmax, Some(_)) if several => Output::Softmax,
            (Activation::Sigmoid, Some(_)) => Output::Sigmoid,
            (Activation::Softmax, Some(_)) => {
                return Err(graph.refuse(node, "a softmax of one output is always 1"));
            }
            (Activation::Softmax | Activation::Sigmoid, None) => {
                return Err(graph.refuse(node, "it stands on features, before any dense layer"));
            }
            (Activation::Other(name), _) => {
                let name = crate::shown::shown(name);
                return Err(graph.refuse(
                    node,
                    format!(
                        "its outputs go through '{name}'; only relu, relu6, softmax and sigmoid can be read"
                    ),
                ));
            }
            _ => Output::Logits,
        };
        Ok(())
    }
}
