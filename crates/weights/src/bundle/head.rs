//! How a model file holds its head: the names of its tensors, and what the metadata say of them.
//!
//! A head of one layer whose outputs are classes is `head/kernel` and `head/bias`, and needs no word. Every other one has
//! its layers numbered, `head/1/kernel` on the features first, and says what each layer's outputs go through.

use std::collections::BTreeMap;

use crate::container::Container;
use crate::layout::HEAD_PREFIX;
use crate::record::Metadata;
use crate::{Activation, DenseLayer, Error, MAX_HEAD_LAYERS};

/// The metadata keys.
mod key {
    pub(super) const ACTIVATIONS: &str = "head_activations";
    pub(super) const OUTPUT: &str = "head_output";
}

/// What the logits of a head with several layers, or of several labels, become.
const SOFTMAX: &str = "softmax";
const SIGMOID: &str = "sigmoid";
const SIGMOIDS: &str = "sigmoids";

/// A head as a file has it.
pub(super) struct StoredHead {
    pub(super) layers: Vec<DenseLayer>,
    pub(super) multi_label: bool,
}

/// Whether a head needs more than two tensors and no word.
pub(super) fn is_layered(layers: &[DenseLayer], multi_label: bool) -> bool {
    layers.len() != 1 || multi_label
}

/// The name of a layer's tensor; `number` counts the layers from 1, and is `None` for the only one of a plain head.
pub(super) fn tensor_name(number: Option<usize>, part: &str) -> String {
    match number {
        None => format!("{HEAD_PREFIX}{part}"),
        Some(number) => format!("{HEAD_PREFIX}{number}/{part}"),
    }
}

/// Adds what the file states of a head that needs words.
pub(super) fn state(layers: &[DenseLayer], multi_label: bool, metadata: &mut BTreeMap<String, String>) {
    let activations: Vec<&str> = layers.iter().map(|layer| layer.activation.name()).collect();
    let output = match (multi_label, layers.last().map_or(0, DenseLayer::outputs)) {
        (true, _) => SIGMOIDS,
        (false, 1) => SIGMOID,
        (false, _) => SOFTMAX,
    };
    metadata.insert(key::ACTIVATIONS.to_owned(), activations.join(","));
    metadata.insert(key::OUTPUT.to_owned(), output.to_owned());
}

/// Whether a file has words about its head.
pub(super) fn is_stated(metadata: &Metadata<'_>) -> bool {
    [key::ACTIVATIONS, key::OUTPUT].iter().any(|&key| metadata.map.contains_key(key))
}

/// Returns the names of the tensors of a file's head: two for each of its layers. `layered` is whether the file's format has
/// words about its head.
pub(super) fn tensor_names(metadata: &Metadata<'_>, layered: bool) -> Result<Vec<[String; 2]>, Error> {
    let names = |number| ["kernel", "bias"].map(|part| tensor_name(number, part));
    if !layered {
        return Ok(vec![names(None)]);
    }
    Ok((1..=stated_activations(metadata)?.len()).map(|number| names(Some(number))).collect())
}

fn stated_activations(metadata: &Metadata<'_>) -> Result<Vec<Activation>, Error> {
    metadata.need(key::ACTIVATIONS, |text| {
        let activations = text.split(',').map(str::parse).take(MAX_HEAD_LAYERS + 1);
        let activations = activations.collect::<Result<Vec<Activation>, String>>()?;
        match activations.len() {
            0..=MAX_HEAD_LAYERS => Ok(activations),
            _ => Err(format!("a head has at most {MAX_HEAD_LAYERS} layers")),
        }
    })
}

/// Reads the head of a file. Shapes are held against each other by the model's own check.
pub(super) fn read(file: &Container<'_>, layered: bool) -> Result<StoredHead, Error> {
    let metadata = Metadata { path: file.path(), map: file.metadata() };
    let names = tensor_names(&metadata, layered)?;
    let activations = match layered {
        true => stated_activations(&metadata)?,
        false => vec![Activation::None],
    };
    let mut layers = Vec::with_capacity(names.len());
    for ([kernel, bias], activation) in names.iter().zip(activations) {
        let (kernel, bias_tensor) = (file.tensor(kernel)?, file.tensor(bias)?);
        if bias_tensor.shape().rank() != 1 {
            let reason = format!("'{bias}' has shape {}, expected one axis", bias_tensor.shape());
            return Err(Error::Model { path: file.path().into(), reason });
        }
        layers.push(DenseLayer { kernel, bias: bias_tensor.data().to_vec(), activation });
    }
    let outputs = layers.last().map_or(0, DenseLayer::outputs);
    let multi_label = layered
        && metadata.need(key::OUTPUT, |text| match (text, outputs) {
            (SOFTMAX, 2..) | (SIGMOID, 1) => Ok(false),
            (SIGMOIDS, 2..) => Ok(true),
            (SOFTMAX | SIGMOID | SIGMOIDS, _) => Err(format!("the head gives {outputs} logits")),
            _ => Err(format!("expected '{SOFTMAX}', '{SIGMOID}' or '{SIGMOIDS}'")),
        })?;
    Ok(StoredHead { layers, multi_label })
}
