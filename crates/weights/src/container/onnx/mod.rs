//! ONNX files: a graph of operators in one protocol buffer, read for the weights of the MobileNetV2 that it computes.
//!
//! ```text
//! bytes ─ wire: fields ─ message: nodes and constants ─ operators, integers: steps ─> the net
//! ```
//!
//! Only data is read: no operator runs but on small constants. What is recognized is what the graph computes, so it makes
//! no difference which exporter wrote it and how it named things.
//!
//! # Source
//! `onnx/onnx.proto` and `docs/Operators.md` of the format's repository.

mod call;
#[cfg(test)]
mod changed;
mod compute;
mod integers;
mod lists;
mod message;
mod operators;
mod order;
mod shapes;
mod tensor;
mod unread;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use icecap_graph::{INPUT_CHANNELS, Padding, Scaling};

use super::graph_file::{GraphFile, label_list};
use super::{Container, ContainerKind, MAX_FILE, limit};
use crate::Error;
use crate::traced::{self, Axis, GraphFacts, NCHW, NHWC, NodeName, Refusal, Stated, Trace, Value};
use call::Facts;
use message::{Model, Node, Port};
use operators::Values;
use wire::Damage;

/// The newest version of the format, and some to come.
const MAX_IR_VERSION: u8 = 30;
/// Numbers of element types.
const UINT8: i64 = 2;
const INT8: i64 = 3;

/// Whether a file begins as an ONNX file does: the version of the format, then one of the fields that follow it.
pub(super) fn is(bytes: &[u8]) -> bool {
    let [0x08, version @ 1..=MAX_IR_VERSION, rest @ ..] = bytes else { return false };
    match rest {
        // The name of who wrote it.
        [0x12, length @ 0..=0x7f, text @ ..] => {
            let name = &text[..text.len().min(usize::from(*length))];
            // TensorFlow's saved models have a message here, which starts with a line feed.
            name.iter().all(|byte| matches!(byte, 0x20..=0x7e)) && (*version > 1 || !name.is_empty())
        }
        // Other texts, the graph, the versions of operators.
        [0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72, ..] => true,
        _ => false,
    }
}

/// Reads the net of a whole file held in memory as tensors by Keras' names. Errors call it `path`.
///
/// # Errors
/// [`Error::Container`] for damage; [`Error::Node`] with the operator that no MobileNetV2 has at its place;
/// [`Error::Graph`]; [`Error::Limit`].
pub(super) fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    let kind = ContainerKind::Onnx;
    limit(path, "bytes", bytes.len() as u64, MAX_FILE)?;
    let damaged =
        |Damage { at, reason }: Damage| Error::Container { path: path.into(), kind, offset: at, reason };
    let model = message::model(bytes).map_err(damaged)?;
    let file = file(model, bytes.len()).map_err(|refusal| refusal.error(path))?;
    Ok(file.container(path, kind))
}

fn file(model: Model<'_>, bytes: usize) -> Result<GraphFile, Refusal> {
    let Model { producer, opset, graph, properties } = model;
    let graph = graph.ok_or_else(|| Refusal::graph("the file holds no graph"))?;
    let constants: BTreeSet<&str> = graph.constants.iter().map(|(name, _)| *name).collect();
    let mut ports = graph.inputs.iter().filter(|port| !constants.contains(port.name));
    let image = |port: &&Port<'_>| matches!(port.shape.len(), 3 | 4);
    let port = ports.find(image).ok_or_else(|| Refusal::graph("the graph has no input that is an image"))?;
    let (axes, size) = axes_of(port, &graph.nodes);
    let mut trace = Trace::of_file(bytes);
    let facts = Facts { opset, reads_integers: tensor::is_integer(port.element) };
    let mut values = Values::new(facts);
    let name = NodeName::new(port.name, "input");
    let batch = if axes.len() == 4 { port.shape[0] } else { Some(1) };
    let input = trace.input(&name, &axes, batch)?;
    values.put(port.name, input);
    for other in
        graph.inputs.iter().filter(|other| other.name != port.name && !constants.contains(other.name))
    {
        let name = NodeName::new(other.name, "input");
        let value = trace.opaque(&[], &name, "a second input")?;
        values.put(other.name, value);
    }
    let stated = stated(port, &properties);
    let names: Vec<&str> = graph.outputs.iter().map(|port| port.name).collect();
    for (name, stock) in graph.constants {
        values.put_constant(name, stock);
    }
    for node in order::runnable(graph.nodes) {
        values.run(&mut trace, node)?;
    }
    for name in names {
        if let Some(Value::Flow(flow)) = values.get(name) {
            trace.outputs.push(flow.step);
        }
    }
    let facts = GraphFacts { input: 0, size, stated, usual_padding: Padding::Symmetric };
    let net = traced::read(trace, &facts)?;
    let labels = label_list(&properties);
    Ok(GraphFile { net, properties, labels, producer })
}

/// The meaning of the input's axes, and its rows and columns if they are fixed.
fn axes_of(port: &Port<'_>, nodes: &[Node<'_>]) -> (Vec<Axis>, Option<[usize; 2]>) {
    let side = |at: usize| port.shape.get(at).copied().flatten();
    let colors = Some(INPUT_CHANNELS);
    if port.shape.len() == 3 {
        // An image without a batch.
        return match side(2) == colors {
            true => (NHWC[1..].to_vec(), side(0).zip(side(1)).map(<[usize; 2]>::from)),
            false => (NCHW[1..].to_vec(), side(1).zip(side(2)).map(<[usize; 2]>::from)),
        };
    }
    let turned = || {
        let reader = nodes.iter().find(|node| node.inputs.contains(&port.name));
        reader.is_some_and(|node| node.op == "Transpose")
    };
    let channels_last = match (side(1) == colors, side(3) == colors) {
        (false, true) => true,
        (true, false) => false,
        _ => turned(),
    };
    match channels_last {
        true => (NHWC.to_vec(), side(1).zip(side(2)).map(<[usize; 2]>::from)),
        false => (NCHW.to_vec(), side(2).zip(side(3)).map(<[usize; 2]>::from)),
    }
}

/// What the file says of its input: our own metadata, or the type of its elements.
fn stated(port: &Port<'_>, properties: &BTreeMap<String, String>) -> Stated {
    let list = |key: &str| -> Option<[f32; INPUT_CHANNELS]> {
        let text = properties.get(key)?.trim().strip_prefix('[')?.strip_suffix(']')?;
        let values: Result<Vec<f32>, _> = text.split(',').map(|value| value.trim().parse()).collect();
        values.ok()?.try_into().ok()
    };
    if let (Some(scale), Some(shift)) = (list("input_scale"), list("input_shift")) {
        return Stated::Scaled(Scaling { scale, shift });
    }
    match port.element {
        UINT8 => Stated::Pixels,
        // What is fed is a pixel less 128.
        INT8 => Stated::Bytes { step: 1.0, zero: 128.0 },
        _ => Stated::Nothing,
    }
}
