//! A file that holds a graph, as the container of named tensors that its net is.
//!
//! Tensors come by Keras' names, and what the graph states of its numbers stands in the metadata under the keys that
//! weight files of our own have. A head of one dense layer on the pooled features is the classification top; any other
//! stands beside the tensors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use icecap_graph::{TOP_BIAS, TOP_KERNEL};
use icecap_kernels::Shape;

use super::{Container, ContainerKind, Entry, Values};
use crate::dense_head::{DenseHead, DenseLayer, FileHead, HeadOutput};
use crate::record::key;
use crate::traced::{NamedTensor, TracedHead, TracedNet};
use crate::vocabulary;

/// The keys of our own metadata that an exported net keeps, and what they are called in a weight file.
const KEPT: [(&str, &str); 5] = [
    ("name", key::NAME),
    ("licence", key::LICENCE),
    ("width", key::WIDTH),
    ("input_resize", key::RESIZE),
    ("weights_layout", key::WEIGHTS_LAYOUT),
];
/// The key of the classes in our own metadata, a JSON list.
const CLASSES: &str = "classes";
/// The most names of classes.
const MAX_LABELS: usize = 1 << 16;

/// A graph that was read.
#[derive(Debug)]
pub(super) struct GraphFile {
    pub(super) net: TracedNet,
    /// The file's own texts.
    pub(super) properties: BTreeMap<String, String>,
    pub(super) labels: Option<Vec<String>>,
    /// The program that wrote it.
    pub(super) producer: String,
}

impl GraphFile {
    /// The container of its tensors.
    pub(super) fn container<'a>(self, path: &Path, kind: ContainerKind) -> Container<'a> {
        let Self { net, properties, labels, producer } = self;
        let TracedNet { tensors, numerics, layout, size, head, notes } = net;
        let mut metadata = BTreeMap::new();
        let own = properties.contains_key("params_sha256");
        for (from, to) in KEPT.into_iter().filter(|_| own) {
            metadata.extend(properties.get(from).map(|text| (to.to_owned(), text.clone())));
        }
        let mut state = |key: &str, text: String| {
            metadata.entry(key.to_owned()).or_insert(text);
        };
        state(key::WEIGHTS_LAYOUT, layout.to_string());
        state(key::EPSILON, numerics.epsilon.to_string());
        state(key::PADDING, vocabulary::padding_text(numerics.padding).to_owned());
        state(key::SCALING, vocabulary::scaling_text(&numerics.scaling));
        if let Some(size) = size {
            state(key::SIZE, vocabulary::size_text(size));
        }
        if !producer.is_empty() {
            state("producer", producer);
        }
        let mut entries: BTreeMap<String, Entry<'a>> =
            tensors.into_iter().filter_map(|(name, tensor)| Some((name, entry(tensor)?))).collect();
        let head = match head {
            TracedHead::None => FileHead::None,
            TracedHead::Dense(head) if is_top(&head) => {
                entries.extend(head.into_layers().into_iter().next().into_iter().flat_map(top));
                FileHead::Top
            }
            TracedHead::Dense(head) => FileHead::Layers(head),
            TracedHead::Unreadable { name, reason } => {
                let reason = format!("node '{}' ({}): {reason}", name.node, name.op);
                FileHead::Unreadable { reason }
            }
        };
        let mut file = Container::new(path, kind, metadata, entries);
        file.told = super::contents::Told { head: Some(head), notes, labels };
        file
    }
}

/// Whether a head is what a classification top is: one dense layer, then softmax of several or the sigmoid of one, or
/// whatever the caller makes of its logits.
fn is_top(head: &DenseHead) -> bool {
    head.layers().len() == 1 && head.output() != HeadOutput::Sigmoids
}

/// The two tensors of a classification top.
fn top<'a>(layer: DenseLayer) -> Vec<(String, Entry<'a>)> {
    let shape = vec![layer.inputs(), layer.outputs()];
    let DenseLayer { kernel, bias, .. } = layer;
    let bias = NamedTensor { offset: 0, shape: vec![shape[1]], values: bias };
    let kernel = NamedTensor { offset: 0, shape, values: kernel.data().to_vec() };
    let named = [(TOP_KERNEL, kernel), (TOP_BIAS, bias)];
    named.into_iter().filter_map(|(name, tensor)| Some((name.to_owned(), entry(tensor)?))).collect()
}

fn entry<'a>(tensor: NamedTensor) -> Option<Entry<'a>> {
    let shape = Shape::new(&tensor.shape).ok()?;
    let mut bytes = Vec::with_capacity(size_of_val(tensor.values.as_slice()));
    tensor.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    Some(Entry { shape, offset: tensor.offset, values: Values::F32(Cow::Owned(bytes)) })
}

/// The classes that our own metadata lists.
pub(super) fn label_list(properties: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let list: Vec<String> = serde_json::from_str(properties.get(CLASSES)?).ok()?;
    (list.len() <= MAX_LABELS && !list.is_empty()).then_some(list)
}
