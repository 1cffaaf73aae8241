//! A whole graph read: its net, its head, and what there is to say of both.

use std::collections::BTreeMap;

use icecap_graph::{ConvLayer, MAX_SIDE, MIN_SIDE, Numerics, Padding};

use super::head::{self, TracedHead};
use super::links::Links;
use super::pixels::{self, Stated};
use super::refusal::Refusal;
use super::spine;
use super::tensors::{self, NamedTensor};
use super::trace::Trace;
use crate::NOTES_OF_SIZE;
use crate::layout::Layout;

/// What a format's reader tells of a graph beside its steps.
#[derive(Debug)]
pub(crate) struct GraphFacts {
    /// The step that is the graph's input.
    pub(crate) input: usize,
    /// Rows and columns of the input, if they are fixed.
    pub(crate) size: Option<[usize; 2]>,
    pub(crate) stated: Stated,
    /// The rule of padding where the sizes leave it open.
    pub(crate) usual_padding: Padding,
}

/// A net out of a graph.
#[derive(Debug)]
pub(crate) struct TracedNet {
    /// The backbone's tensors by Keras' names.
    pub(crate) tensors: BTreeMap<String, NamedTensor>,
    pub(crate) numerics: Numerics,
    /// The framework whose nets pad as this one.
    pub(crate) layout: Layout,
    /// Rows and columns of the input, if the graph states them and a net can run them.
    pub(crate) size: Option<[usize; 2]>,
    pub(crate) head: TracedHead,
    /// Sentences for a person.
    pub(crate) notes: Vec<String>,
}

/// Reads the net in a graph.
///
/// # Errors
/// The operator that a MobileNetV2 does not have at its place, and limits.
pub(crate) fn read(mut trace: Trace<'_>, facts: &GraphFacts) -> Result<TracedNet, Refusal> {
    let links = Links::new(&trace.steps, &trace.outputs);
    let input = pixels::follow(&mut trace, &links, facts.input)?;
    let spine = spine::find(&trace, &links, input.last, facts.size)?;
    let tensors = tensors::read(&mut trace, &spine.convolutions)?;
    let padding = spine.vote.padding(facts.usual_padding);
    let channels = tensors.by_name.get(&ConvLayer::LAST.kernel()).and_then(|last| last.shape.last());
    let features = (spine.features, channels.copied().unwrap_or(0));
    let head = head::read(&mut trace, &links, features, spine.size)?;
    let stem = tensors.by_name.get(&ConvLayer::STEM.kernel()).filter(|_| tensors.folded);
    let (scaling, told) = input.scaling(facts.stated, padding, stem);
    let layout = pixels::layout(padding);
    let runs = |size: &[usize; 2]| size.iter().all(|side| (MIN_SIDE..=MAX_SIDE).contains(side));
    let size = facts.size.filter(runs);
    let mut notes: Vec<String> = told.into_iter().collect();
    if size.is_none() {
        notes.push(format!("{}: the usual one is taken unless another is named", NOTES_OF_SIZE[1]));
    }
    if spine.vote.is_open() {
        let rule = match padding {
            Padding::Same | Padding::Trailing => "TensorFlow's",
            Padding::Symmetric => "PyTorch's",
        };
        notes.push(format!("at this size both rules of padding give the same; {rule} is taken"));
    }
    if tensors.narrow > 0 {
        notes.push(format!(
            "{} of {} kernels are stored as integers or halves: they come in as the real numbers that these stand for",
            tensors.narrow,
            spine.convolutions.len()
        ));
    }
    if tensors.folded {
        notes.push("BatchNorm is folded into the kernels: ranges for int8 come from photos".to_owned());
    }
    let numerics = Numerics { epsilon: tensors.epsilon, padding, scaling };
    Ok(TracedNet { tensors: tensors.by_name, numerics, layout, size, head, notes })
}
