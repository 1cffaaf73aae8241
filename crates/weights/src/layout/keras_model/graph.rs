//! The whole computation as one list of calls, each behind those that it reads: models inside models are written out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::call::{Call, Read, Tensor, tensor};
use super::layer::{Kind, Layers, MAX_LAYERS};
use super::refusal::Refusal;

/// A call of a layer.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// The layer's index.
    pub(super) layer: usize,
    /// What it reads, in order.
    pub(super) reads: Vec<Operand<'a>>,
    /// What else the call was given, by name.
    pub(super) named: BTreeMap<&'a str, &'a Value>,
    /// Whether the call asks for what the layer does in training, and inference keeps to that.
    pub(super) trains: bool,
    /// Whether the call is written as Keras 2 wrote it.
    pub(super) is_of_keras_2: bool,
}

/// What a call reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operand<'a> {
    /// The output of an earlier node.
    Node(usize),
    Constant(&'a Value),
}

/// The computation.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) layers: Layers<'a>,
    pub(super) nodes: Vec<Node<'a>>,
    /// The nodes of the model's outputs.
    pub(super) outputs: Vec<usize>,
    /// Layers and calls that were looked at while models were written out.
    looked_at: usize,
}

/// The most layers and calls that are looked at while models inside models are written out, each once for each of its
/// calls: far more than any model has.
const MAX_LOOKED_AT: usize = 1 << 20;

/// A layer's name among those of its model, and the number of its call.
type Place = (usize, usize);

impl<'a> Graph<'a> {
    /// # Errors
    /// A description that is none of a model, or that names what it does not have; too many layers or calls, and circles.
    pub(super) fn read(description: &'a Value) -> Result<Self, Refusal> {
        let layers = Layers::read(description)?;
        if layers.0[0].children.is_empty() {
            return Err(layers.refuse(
                0,
                "its layers are not listed: it is a model of a class of its own; save one that is \
                                         built of layers, as Sequential or functional",
            ));
        }
        let mut graph = Self { layers, nodes: Vec::new(), outputs: Vec::new(), looked_at: 0 };
        let outputs = graph.model(0, None)?;
        graph.outputs = outputs
            .iter()
            .map(|operand| match operand {
                Operand::Node(node) => Ok(*node),
                Operand::Constant(_) => Err(graph.layers.refuse(0, "its output is a constant")),
            })
            .collect::<Result<_, _>>()?;
        Ok(graph)
    }

    /// The one tensor that a node reads, beside numbers.
    ///
    /// # Errors
    /// A node that reads several tensors, or none.
    pub(super) fn only_read(&self, node: usize) -> Result<usize, Refusal> {
        let reads = self.nodes[node].reads.iter();
        let mut tensors =
            reads.filter_map(|read| if let Operand::Node(from) = read { Some(*from) } else { None });
        match (tensors.next(), tensors.next()) {
            (Some(from), None) => Ok(from),
            _ => Err(self
                .refuse(node, "it reads several tensors; only one path from a photo to the classes is read")),
        }
    }

    pub(super) fn class(&self, node: usize) -> &'a str {
        self.layers.0[self.nodes[node].layer].class
    }

    pub(super) fn config(&self, node: usize) -> &'a Value {
        self.layers.0[self.nodes[node].layer].config
    }

    pub(super) fn refuse(&self, node: usize, reason: impl Into<String>) -> Refusal {
        self.layers.refuse(self.nodes[node].layer, reason)
    }

    /// Writes out a model that reads `inputs`; the whole one has inputs of its own.
    fn model(&mut self, model: usize, inputs: Option<&[Operand<'a>]>) -> Result<Vec<Operand<'a>>, Refusal> {
        let layers = &self.layers.0;
        let calls: usize = layers[model].children.iter().map(|&child| 1 + layers[child].calls.len()).sum();
        self.looked_at = self.looked_at.saturating_add(1 + calls);
        if self.looked_at > MAX_LOOKED_AT {
            return Err(self
                .layers
                .refuse(model, format!("more than {MAX_LOOKED_AT} layers and calls once written out")));
        }
        match self.layers.0[model].kind() {
            Kind::Sequence => self.sequence(model, inputs),
            _ => self.functional(model, inputs),
        }
    }

    fn sequence(
        &mut self,
        model: usize,
        inputs: Option<&[Operand<'a>]>,
    ) -> Result<Vec<Operand<'a>>, Refusal> {
        let children = self.layers.0[model].children.clone();
        let has_input = children.first().is_some_and(|&first| self.layers.0[first].kind() == Kind::Input);
        let mut at = match inputs {
            Some([input]) => vec![*input],
            Some(_) => {
                return Err(self.layers.refuse(model, "a sequence of layers that reads several inputs"));
            }
            // A sequence without an input layer: it stands for its own input.
            None if !has_input => vec![self.node(model, Vec::new(), &Call::default())?],
            None => Vec::new(),
        };
        for child in children {
            at = self.call(child, at, &Call::default())?;
        }
        Ok(at)
    }

    fn functional(
        &mut self,
        model: usize,
        inputs: Option<&[Operand<'a>]>,
    ) -> Result<Vec<Operand<'a>>, Refusal> {
        let config = self.layers.0[model].config;
        let names: BTreeMap<&str, usize> =
            self.layers.0[model].children.iter().map(|&child| (self.layers.0[child].name, child)).collect();
        let places = |key: &str| config.get(key).map(tensors).unwrap_or_default();
        let (entries, outputs) = (places("input_layers"), places("output_layers"));
        self.looked_at = self.looked_at.saturating_add(outputs.len() + entries.len());
        if outputs.is_empty() || entries.is_empty() {
            return Err(self.layers.refuse(model, "it names no layer as its input, or none as its output"));
        }
        let mut done: BTreeMap<Place, Vec<Operand<'a>>> = BTreeMap::new();
        if let Some(inputs) = inputs {
            if inputs.len() != entries.len() {
                let reason = format!("a model of {} inputs that reads {}", entries.len(), inputs.len());
                return Err(self.layers.refuse(model, reason));
            }
            for (entry, input) in entries.iter().zip(inputs) {
                let child = *names.get(entry.layer).ok_or_else(|| self.unknown(model, *entry))?;
                let node = self.node(child, vec![*input], &Call::default())?;
                done.insert((child, 0), vec![node]);
            }
        }
        let scope = Scope { model, names: &names, shifted: self.shifted(model, &names) };
        let mut results = Vec::with_capacity(outputs.len());
        for output in outputs {
            results.push(self.reach(&scope, output, &mut done)?);
        }
        Ok(results)
    }

    /// Models whose calls are numbered from 1: the call that made them is their first one.
    fn shifted(&self, model: usize, names: &BTreeMap<&'a str, usize>) -> BTreeSet<usize> {
        let layers = &self.layers.0;
        let children = layers[model].children.iter();
        let reads = children.flat_map(|&child| &layers[child].calls).flat_map(|call| &call.reads);
        let inner =
            reads.filter_map(|read| if let Read::Tensor(tensor) = read { Some(*tensor) } else { None });
        let own = layers[model].config.get("output_layers").map(tensors).unwrap_or_default();
        let all = inner.chain(own).filter_map(|tensor| Some((*names.get(tensor.layer)?, tensor.call)));
        all.filter(|&(child, call)| {
            matches!(layers[child].kind(), Kind::Graph | Kind::Sequence) && call == layers[child].calls.len()
        })
        .map(|(child, _)| child)
        .collect()
    }

    /// Writes out all that leads to `target`, and returns what it is.
    fn reach(
        &mut self,
        scope: &Scope<'_, 'a>,
        target: Tensor<'a>,
        done: &mut BTreeMap<Place, Vec<Operand<'a>>>,
    ) -> Result<Operand<'a>, Refusal> {
        let first = self.place(scope, target)?;
        let mut open = BTreeSet::new();
        let mut stack = vec![first];
        while let Some(&place) = stack.last() {
            if done.contains_key(&place) {
                stack.pop();
                continue;
            }
            let (child, index) = place;
            // An input layer of the whole model is called by nobody.
            let call = self.layers.0[child].calls.get(index).cloned().unwrap_or_default();
            let mut missing = Vec::new();
            let mut reads = Vec::with_capacity(call.reads.len());
            for read in &call.reads {
                match *read {
                    Read::Constant(value) => reads.push(Operand::Constant(value)),
                    Read::Tensor(tensor) => {
                        let from = self.place(scope, tensor)?;
                        match done.get(&from) {
                            Some(outputs) => reads.push(self.output(from.0, outputs, tensor)?),
                            None => missing.push(from),
                        }
                    }
                }
            }
            if missing.is_empty() {
                stack.pop();
                let outputs = self.call(child, reads, &call)?;
                done.insert(place, outputs);
            } else if !open.insert(place) || missing.iter().any(|from| open.contains(from)) {
                return Err(self.layers.refuse(child, "it reads what it gives itself, in a circle"));
            } else {
                stack.extend(missing);
            }
        }
        self.output(first.0, &done[&first], target)
    }

    /// The layer and the call that a tensor comes from.
    fn place(&self, scope: &Scope<'_, 'a>, tensor: Tensor<'a>) -> Result<Place, Refusal> {
        let unknown = || self.unknown(scope.model, tensor);
        let child = *scope.names.get(tensor.layer).ok_or_else(unknown)?;
        let call =
            if scope.shifted.contains(&child) { tensor.call.checked_sub(1) } else { Some(tensor.call) };
        let layer = &self.layers.0[child];
        let known = |call: &usize| *call < layer.calls.len() || (*call == 0 && layer.kind() == Kind::Input);
        Ok((child, call.filter(known).ok_or_else(unknown)?))
    }

    fn unknown(&self, model: usize, tensor: Tensor<'_>) -> Refusal {
        let reason =
            format!("it names call {} of a layer '{}', which it does not have", tensor.call, tensor.layer);
        self.layers.refuse(model, reason)
    }

    fn output(
        &self,
        child: usize,
        outputs: &[Operand<'a>],
        tensor: Tensor<'_>,
    ) -> Result<Operand<'a>, Refusal> {
        outputs.get(tensor.output).copied().ok_or_else(|| {
            let reason = format!("its output {} is read, and it has {}", tensor.output, outputs.len());
            self.layers.refuse(child, reason)
        })
    }

    /// Writes out a call of a layer, or of a model with all in it.
    fn call(
        &mut self,
        layer: usize,
        reads: Vec<Operand<'a>>,
        call: &Call<'a>,
    ) -> Result<Vec<Operand<'a>>, Refusal> {
        match self.layers.0[layer].kind() {
            Kind::Sequence | Kind::Graph => {
                if call.keeps_training && trains(call) {
                    return Err(self.layers.refuse(layer, TRAINS));
                }
                self.model(layer, Some(&reads))
            }
            Kind::Input | Kind::Plain => Ok(vec![self.node(layer, reads, call)?]),
        }
    }

    fn node(
        &mut self,
        layer: usize,
        reads: Vec<Operand<'a>>,
        call: &Call<'a>,
    ) -> Result<Operand<'a>, Refusal> {
        if self.nodes.len() >= MAX_LAYERS {
            return Err(self.layers.refuse(layer, format!("more than {MAX_LAYERS} calls of layers")));
        }
        let trains = call.keeps_training && trains(call);
        self.nodes.push(Node {
            layer,
            reads,
            named: call.named.clone(),
            trains,
            is_of_keras_2: call.keeps_training,
        });
        Ok(Operand::Node(self.nodes.len() - 1))
    }
}

/// A model's layers by name, while it is written out.
struct Scope<'s, 'a> {
    model: usize,
    names: &'s BTreeMap<&'a str, usize>,
    shifted: BTreeSet<usize>,
}

/// Why a call with `training=True` is not followed.
pub(super) const TRAINS: &str = "it is called with training=True, by which it does what it does in training when it predicts, \
                                 too; build the model with training=False";

fn trains(call: &Call<'_>) -> bool {
    call.named.get("training").is_some_and(|value| value.as_bool() == Some(true))
}

/// All places in the graph that a list names, however it is nested.
fn tensors(value: &Value) -> Vec<Tensor<'_>> {
    let mut found = Vec::new();
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match (tensor(value), value) {
            (Some(tensor), _) => found.push(tensor),
            (None, Value::Array(values)) => rest.extend(values.iter().rev()),
            (None, Value::Object(fields)) => rest.extend(fields.values().rev()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests;
