//! TFLite files: a graph of operators in one FlatBuffer, read for the weights of the MobileNetV2 that it computes.
//!
//! ```text
//! bytes ─ table: fields ─ message: operators and constants ─ operators: steps ─> the net
//!                         about: what becomes of a pixel, the names of the classes
//! ```
//!
//! Only data is read: no operator runs but on small constants. Integers come in as the real numbers that they stand for.
//!
//! # Source
//! `schema.fbs` and `metadata_schema.fbs` of the format's repository.

mod about;
mod call;
#[cfg(test)]
mod changed;
mod code;
mod message;
mod names;
mod operators;
mod shapes;
mod table;

use std::collections::BTreeMap;
use std::path::Path;

use icecap_graph::{INPUT_CHANNELS, Padding, Scaling};

use super::graph_file::{GraphFile, label_list};
use super::{Container, ContainerKind, MAX_FILE, limit};
use crate::Error;
use crate::shown::shown;
use crate::traced::{self, Axis, GraphFacts, NCHW, NHWC, NodeName, Refusal, Stated, Stored, Trace, Value};
use call::Stop;
use message::{Model, Tensor, stored};
use operators::Values;
use table::Damage;

/// Whether a file begins as a TFLite file does.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(message::KIND)
}

/// Reads the net of a whole file held in memory as tensors by Keras' names. Errors call it `path`.
///
/// # Errors
/// [`Error::Container`] for damage; [`Error::Node`] with the operator that no MobileNetV2 has at its place;
/// [`Error::Graph`]; [`Error::Limit`].
pub(super) fn parse<'a>(bytes: &'a [u8], path: &Path) -> Result<Container<'a>, Error> {
    let kind = ContainerKind::Tflite;
    limit(path, "bytes", bytes.len() as u64, MAX_FILE)?;
    let damaged =
        |Damage { at, reason }: Damage| Error::Container { path: path.into(), kind, offset: at, reason };
    let model = message::model(bytes).map_err(damaged)?;
    let file = file(&model, bytes, path).map_err(|stop| match stop {
        Stop::Damage(damage) => damaged(damage),
        Stop::Refusal(refusal) => refusal.error(path),
    })?;
    Ok(file.container(path, kind))
}

fn file(model: &Model<'_>, bytes: &[u8], path: &Path) -> Result<GraphFile, Stop> {
    let image = |index: &&i32| {
        let tensor = usize::try_from(**index).ok().and_then(|index| model.tensors.get(index));
        tensor.is_some_and(|tensor| tensor.shape.len() == 4 && tensor.constant.is_none())
    };
    let index = model.inputs.iter().find(image).copied();
    let index = index.ok_or_else(|| Refusal::graph("the graph has no input that is an image"))?;
    let tensor = &model.tensors[usize::try_from(index).unwrap_or(0)];
    let (axes, size) = axes_of(tensor);
    let mut trace = Trace::of_file(bytes.len());
    let mut values = Values::new(&model.tensors);
    let input = trace.input(&NodeName::new(tensor.name, "input"), &axes, side(tensor, 0))?;
    values.put(index, input);
    for operator in &model.operators {
        values.run(&mut trace, operator)?;
    }
    for &index in &model.outputs {
        if let Some(Value::Flow(flow)) = values.get(index) {
            trace.outputs.push(flow.step);
        }
    }
    let about = about::about(model)?;
    let properties = own_properties(model);
    let stated = stated(tensor, about.scaling, &properties);
    let facts = GraphFacts { input: 0, size, stated, usual_padding: Padding::Same };
    let mut net = traced::read(trace, &facts)?;
    if model.graphs > 1 {
        net.notes.push(format!("the file holds {} graphs, of which the first is read", model.graphs));
    }
    let labels = match about.labels(bytes, path) {
        Ok(labels) => label_list(&properties).or(labels),
        Err(reason) => {
            net.notes.push(reason);
            label_list(&properties)
        }
    };
    Ok(GraphFile { net, properties, labels, producer: shown(model.description) })
}

/// The texts of our own metadata.
fn own_properties(model: &Model<'_>) -> BTreeMap<String, String> {
    let own = model.metadata.iter().find(|(name, ..)| *name == about::OWN);
    own.and_then(|(_, bytes, _)| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

/// A side of the input; `None` for one that is open.
fn side(tensor: &Tensor<'_>, at: usize) -> Option<usize> {
    let sides = if tensor.signature.len() == 4 { &tensor.signature } else { &tensor.shape };
    sides.get(at).and_then(|&side| usize::try_from(side).ok()).filter(|side| *side > 0)
}

/// The meaning of the input's axes, and its rows and columns if they are fixed. Nets that come from PyTorch read colors
/// first, and turn them around.
fn axes_of(tensor: &Tensor<'_>) -> ([Axis; 4], Option<[usize; 2]>) {
    let is_colors = |at: usize| side(tensor, at) == Some(INPUT_CHANNELS);
    let (axes, rows, columns) = if is_colors(1) && !is_colors(3) { (NCHW, 2, 3) } else { (NHWC, 1, 2) };
    // A side that is open has length 1 in files that do not tell it in another way.
    let fixed = |at: usize| side(tensor, at).filter(|side| *side > 1);
    (axes, fixed(rows).zip(fixed(columns)).map(<[usize; 2]>::from))
}

/// What the file says of its input: what its bytes stand for, or what the metadata says of real numbers.
fn stated(tensor: &Tensor<'_>, scaling: Option<Scaling>, properties: &BTreeMap<String, String>) -> Stated {
    let Some(element) = stored(tensor.element) else { return Stated::Nothing };
    if element.is_float() {
        let list = |key: &str| -> Option<[f32; INPUT_CHANNELS]> {
            let text = properties.get(key)?.trim().strip_prefix('[')?.strip_suffix(']')?;
            let values: Result<Vec<f32>, _> = text.split(',').map(|value| value.trim().parse()).collect();
            values.ok()?.try_into().ok()
        };
        let own = list("input_scale").zip(list("input_shift")).map(|(scale, shift)| Scaling { scale, shift });
        return own.or(scaling).map_or(Stated::Nothing, Stated::Scaled);
    }
    // Signed bytes are pixels less 128.
    let first = if element == Stored::I8 { 128.0 } else { 0.0 };
    let (step, zero) = match &tensor.steps {
        Some(steps) if steps.scales.len() == 1 => {
            (f64::from(steps.scales[0]), steps.zeros.first().copied().unwrap_or(0) as f64)
        }
        _ => (1.0, 0.0),
    };
    Stated::Bytes { step, zero: zero + first }
}
