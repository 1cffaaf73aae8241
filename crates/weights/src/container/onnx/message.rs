//! The messages of an ONNX file, as far as a net's weights need them, borrowed from the file.
//!
//! The numbers are those of the public schema, `onnx/onnx.proto`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::tensor::{MAX_LIST, Stock, tensor};
use super::wire::{Damage, Message, pair};
use crate::container::limit::MAX_TENSORS;
use crate::shown::shown;
use crate::traced::Constant;

/// The most nodes of a graph: hundreds of nets.
const MAX_NODES: usize = 1 << 14;
/// The most values that a node reads or gives, and the most attributes that it has.
const MAX_PORTS: usize = 256;
/// The most bytes of such constants, all together.
const MAX_LISTED_BYTES: usize = 64 << 20;
/// The most lines of metadata.
const MAX_PROPERTIES: usize = 1024;

/// A file: its graph, the versions of operators, and texts.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) producer: String,
    /// The version of ONNX' own operators.
    pub(super) opset: i64,
    pub(super) graph: Option<Graph<'a>>,
    pub(super) properties: BTreeMap<String, String>,
}

/// Nodes and their constants.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) constants: Vec<(&'a str, Stock<'a>)>,
    pub(super) inputs: Vec<Port<'a>>,
    pub(super) outputs: Vec<Port<'a>>,
}

/// An operator with the names of the values that it reads and gives.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    pub(super) domain: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: Vec<(&'a str, Attribute<'a>)>,
}

/// A setting of an operator.
#[derive(Debug)]
pub(super) enum Attribute<'a> {
    Float(f32),
    Integer(i64),
    Text(&'a str),
    Integers(Vec<i64>),
    Tensor(Stock<'a>),
    /// A graph inside the operator.
    Graph,
    /// Something else.
    Other,
}

/// An input or output of the graph.
#[derive(Debug)]
pub(super) struct Port<'a> {
    pub(super) name: &'a str,
    /// The element type's number.
    pub(super) element: i64,
    /// The length of each axis; `None` for one that is open.
    pub(super) shape: Vec<Option<usize>>,
}

/// Reads a whole file.
pub(super) fn model(bytes: &[u8]) -> Result<Model<'_>, Damage> {
    let mut model = Model::default();
    for field in Message::file(bytes).fields() {
        let field = field?;
        match field.number {
            2 => model.producer = shown(field.text()?),
            7 => model.graph = Some(graph(field.message()?)?),
            8 => {
                let (mut domain, mut version) = ("", 0);
                for field in field.message()?.fields() {
                    let field = field?;
                    match field.number {
                        1 => domain = field.text()?,
                        2 => version = field.integer()?,
                        _ => {}
                    }
                }
                if domain.is_empty() || domain == "ai.onnx" {
                    model.opset = version;
                }
            }
            14 if model.properties.len() < MAX_PROPERTIES => {
                let [key, value] = pair(field.message()?)?;
                model.properties.insert(key.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    Ok(model)
}

fn graph(message: Message<'_>) -> Result<Graph<'_>, Damage> {
    let mut graph = Graph::default();
    let mut listed = 0;
    for field in message.fields() {
        let field = field?;
        let more = |count: usize, most: usize, what: &str| match count < most {
            true => Ok(()),
            false => Err(Damage { at: field.at, reason: format!("more than {most} {what}") }),
        };
        match field.number {
            1 => {
                more(graph.nodes.len(), MAX_NODES, "nodes")?;
                let node = node(field.message()?)?;
                let tensors = node.attributes.iter().filter_map(|(_, value)| match value {
                    Attribute::Tensor(stock) => Some(owned(stock)),
                    _ => None,
                });
                listed += tensors.sum::<usize>();
                graph.nodes.push(node);
            }
            5 => {
                more(graph.constants.len(), MAX_TENSORS as usize, "constants")?;
                let constant = tensor(field.message()?)?;
                listed += owned(&constant.1);
                graph.constants.push(constant);
            }
            11 | 12 => {
                let ports = if field.number == 11 { &mut graph.inputs } else { &mut graph.outputs };
                more(ports.len(), MAX_TENSORS as usize, "inputs or outputs")?;
                ports.push(port(field.message()?)?);
            }
            _ => {}
        }
        more(listed, MAX_LISTED_BYTES, "bytes of constants in lists")?;
    }
    Ok(graph)
}

/// Bytes of memory that a constant's values take beside the file.
fn owned(stock: &Stock<'_>) -> usize {
    match stock {
        Ok(Constant { bytes: Cow::Owned(bytes), .. }) => bytes.len(),
        _ => 0,
    }
}

fn node(message: Message<'_>) -> Result<Node<'_>, Damage> {
    let mut node = Node::default();
    for field in message.fields() {
        let field = field?;
        if [&node.inputs, &node.outputs].iter().any(|ports| ports.len() > MAX_PORTS)
            || node.attributes.len() > MAX_PORTS
        {
            return Err(Damage { at: field.at, reason: format!("a node with more than {MAX_PORTS} values") });
        }
        match field.number {
            1 => node.inputs.push(field.text()?),
            2 => node.outputs.push(field.text()?),
            3 => node.name = field.text()?,
            4 => node.op = field.text()?,
            5 => node.attributes.push(attribute(field.message()?)?),
            7 => node.domain = field.text()?,
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(message: Message<'_>) -> Result<(&str, Attribute<'_>), Damage> {
    let (mut name, mut value, mut list, mut kind) = ("", None, Vec::new(), 0);
    for field in message.fields() {
        let field = field?;
        match field.number {
            1 => name = field.text()?,
            2 => value = Some(Attribute::Float(field.float()?)),
            3 => value = Some(Attribute::Integer(field.integer()?)),
            4 => value = Some(field.text().map_or(Attribute::Other, Attribute::Text)),
            5 => value = Some(Attribute::Tensor(tensor(field.message()?)?.1)),
            6 | 11 => value = Some(Attribute::Graph),
            8 => field.integers(&mut list, MAX_LIST)?,
            20 => kind = field.integer()?,
            _ => {}
        }
    }
    if !list.is_empty() {
        value = Some(Attribute::Integers(list));
    }
    // A writer may leave out what is 0 or empty: then the type alone says so.
    let value = value.unwrap_or(match kind {
        1 => Attribute::Float(0.0),
        2 => Attribute::Integer(0),
        3 => Attribute::Text(""),
        7 => Attribute::Integers(Vec::new()),
        _ => Attribute::Other,
    });
    Ok((name, value))
}

fn port(message: Message<'_>) -> Result<Port<'_>, Damage> {
    let mut port = Port { name: "", element: 0, shape: Vec::new() };
    for field in message.fields() {
        let field = field?;
        match field.number {
            1 => port.name = field.text()?,
            2 => {
                for field in field.message()?.fields() {
                    let field = field?;
                    if field.number == 1 {
                        tensor_type(field.message()?, &mut port)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(port)
}

fn tensor_type<'a>(message: Message<'a>, port: &mut Port<'a>) -> Result<(), Damage> {
    for field in message.fields() {
        let field = field?;
        match field.number {
            1 => port.element = field.integer()?,
            2 => {
                for axis in field.message()?.fields() {
                    let axis = axis?;
                    if axis.number != 1 || port.shape.len() >= MAX_LIST {
                        continue;
                    }
                    let mut side = None;
                    for field in axis.message()?.fields() {
                        let field = field?;
                        if field.number == 1 {
                            side = usize::try_from(field.integer()?).ok().filter(|side| *side > 0);
                        }
                    }
                    port.shape.push(side);
                }
            }
            _ => {}
        }
    }
    Ok(())
}
