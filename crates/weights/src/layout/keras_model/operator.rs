//! Layers that stand for an operator in the code: `x / 127.5`, `tf.cast(x, tf.float32)`.
//!
//! | | a division is | its name stands in |
//! |---|---|---|
//! | Keras 3 | `TrueDivide`, `Divide` | `class_name` |
//! | tf.keras from 2.4 on | `TFOpLambda` of `math.truediv` | `config.function` |
//! | tf.keras before | `TensorFlowOpLayer` of `RealDiv` | `config.node_def`, with the numbers in `config.constants` |

use serde_json::Value;

use super::config::{constants, text};
use super::graph::{Graph, Operand};
use super::refusal::Refusal;

/// What an operator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Negative,
    /// To a type that holds every pixel value: nothing happens.
    Nothing,
    Relu,
    Relu6,
    Softmax,
    Sigmoid,
    /// A mean over axes.
    Mean,
}

/// x · scale + offset, the same for each channel or of as many numbers as there are channels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) offset: Vec<f64>,
}

/// Returns what a node computes, if it is an operator that is known.
pub(super) fn operator(graph: &Graph<'_>, node: usize) -> Option<Operator> {
    let config = graph.config(node);
    match graph.class(node) {
        "TFOpLambda" => by_function(text(config, "function")?, graph, node),
        "TensorFlowOpLayer" | "TensorFlow>TensorFlowOpLayer" => {
            let definition = definition(config)?;
            by_operation(definition.get("op")?.as_str()?, &definition)
        }
        "TrueDivide" | "Divide" => Some(Operator::Divide),
        "Subtract" => Some(Operator::Subtract),
        "Multiply" => Some(Operator::Multiply),
        "Add" => Some(Operator::Add),
        "Negative" => Some(Operator::Negative),
        "Cast" => {
            let dtype = text(config, "dtype").or_else(|| graph.nodes[node].named.get("dtype")?.as_str());
            is_real(dtype?).then_some(Operator::Nothing)
        }
        "Mean" => Some(Operator::Mean),
        _ => None,
    }
}

/// A function of TensorFlow by its name in its module.
fn by_function(function: &str, graph: &Graph<'_>, node: usize) -> Option<Operator> {
    Some(match function.strip_prefix("tf.").unwrap_or(function) {
        "math.truediv" | "math.divide" | "truediv" | "divide" => Operator::Divide,
        "math.subtract" | "subtract" => Operator::Subtract,
        "math.multiply" | "multiply" => Operator::Multiply,
        "math.add" | "add" | "__operators__.add" | "nn.bias_add" => Operator::Add,
        "math.negative" | "negative" => Operator::Negative,
        "identity" | "stop_gradient" => Operator::Nothing,
        "cast" => {
            let dtype = graph.nodes[node].named.get("dtype")?;
            let name = dtype.as_str().or_else(|| dtype.get("config")?.as_str())?;
            is_real(name).then_some(Operator::Nothing)?
        }
        "nn.relu" => Operator::Relu,
        "nn.relu6" => Operator::Relu6,
        "nn.softmax" => Operator::Softmax,
        "math.sigmoid" | "nn.sigmoid" | "sigmoid" => Operator::Sigmoid,
        "math.reduce_mean" | "reduce_mean" => Operator::Mean,
        _ => return None,
    })
}

/// An operation of TensorFlow's graphs.
fn by_operation(operation: &str, definition: &Value) -> Option<Operator> {
    Some(match operation {
        "RealDiv" | "Div" => Operator::Divide,
        "Sub" => Operator::Subtract,
        "Mul" => Operator::Multiply,
        "Add" | "AddV2" | "BiasAdd" => Operator::Add,
        "Neg" => Operator::Negative,
        "Identity" | "StopGradient" => Operator::Nothing,
        "Cast" => {
            let target = definition.get("attr")?.get("DstT")?.get("type")?.as_str()?;
            matches!(target, "DT_FLOAT" | "DT_DOUBLE").then_some(Operator::Nothing)?
        }
        "Relu" => Operator::Relu,
        "Relu6" => Operator::Relu6,
        "Softmax" => Operator::Softmax,
        "Sigmoid" => Operator::Sigmoid,
        _ => return None,
    })
}

/// Whether a type holds pixel values as they are, with all that was computed of them.
fn is_real(dtype: &str) -> bool {
    matches!(dtype.rsplit('.').next(), Some("float32" | "float64"))
}

/// The definition of an operation, which some versions write as a text of its own.
fn definition(config: &Value) -> Option<Value> {
    match config.get("node_def")? {
        Value::String(text) => serde_json::from_str(text).ok(),
        definition => Some(definition.clone()),
    }
}

/// Returns what an operator of numbers does to one tensor, where it does x · scale + offset; `None` if the node is no such
/// operator.
///
/// # Errors
/// An operator of two tensors, of a number that the description does not have, or of a tensor in the denominator.
pub(super) fn arithmetic(graph: &Graph<'_>, node: usize) -> Result<Option<Affine>, Refusal> {
    let Some(operator) = operator(graph, node) else { return Ok(None) };
    match operator {
        Operator::Nothing => return Ok(Some(Affine { scale: vec![1.0], offset: vec![0.0] })),
        Operator::Negative => return Ok(Some(Affine { scale: vec![-1.0], offset: vec![0.0] })),
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide => {}
        _ => return Ok(None),
    }
    let reads = operands(graph, node);
    let (numbers, is_left) = match reads.as_slice() {
        [Argument::Tensor, Argument::Numbers(numbers)] => (numbers, false),
        [Argument::Numbers(numbers), Argument::Tensor] => (numbers, true),
        [Argument::Tensor, Argument::Tensor] => {
            return Err(
                graph.refuse(node, "it computes with two tensors; only numbers beside one can be read")
            );
        }
        _ => {
            return Err(graph.refuse(
                node,
                "its number does not stand in the description, or is not one for each channel",
            ));
        }
    };
    let each = |of: &dyn Fn(f64) -> f64| -> Vec<f64> { numbers.iter().map(|number| of(*number)).collect() };
    let (ones, zeros) = (vec![1.0], vec![0.0]);
    let affine = match (operator, is_left) {
        (Operator::Add, _) => Affine { scale: ones, offset: each(&|number| number) },
        (Operator::Subtract, false) => Affine { scale: ones, offset: each(&|number| -number) },
        (Operator::Subtract, true) => Affine { scale: vec![-1.0], offset: each(&|number| number) },
        (Operator::Multiply, _) => Affine { scale: each(&|number| number), offset: zeros },
        (_, false) => Affine { scale: each(&|number| 1.0 / number), offset: zeros },
        (_, true) => return Err(graph.refuse(node, "it divides by what it reads")),
    };
    if affine.scale.iter().chain(&affine.offset).any(|number| !number.is_finite()) {
        return Err(graph.refuse(node, "it computes with a number that is none, or divides by 0"));
    }
    Ok(Some(affine))
}

enum Argument {
    Tensor,
    Numbers(Vec<f64>),
    Unknown,
}

/// What an operator reads, in the order of the operator.
fn operands(graph: &Graph<'_>, node: usize) -> Vec<Argument> {
    let numbers = |value: &Value| constants(value).map_or(Argument::Unknown, Argument::Numbers);
    let named = &graph.nodes[node].named;
    let own = graph.nodes[node].reads.iter().map(|operand| match operand {
        Operand::Node(_) => Argument::Tensor,
        Operand::Constant(value) => numbers(value),
    });
    let mut all: Vec<Argument> = own.collect();
    all.extend(["bias", "value"].iter().filter_map(|name| named.get(name)).map(|value| numbers(value)));
    // An operation of a graph has its numbers by their places.
    if let Some(Value::Object(constants)) = graph.config(node).get("constants") {
        for (place, value) in constants {
            let place = place.parse().unwrap_or(usize::MAX).min(all.len());
            all.insert(place, numbers(value));
        }
    }
    all
}
