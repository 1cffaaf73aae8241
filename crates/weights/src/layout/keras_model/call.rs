//! How a layer is called: what it reads, and the numbers beside that.
//!
//! ```text
//! Keras 2, a layer         [["input_1", 0, 0, {"training": false}]]
//! Keras 2, an operator     ["input_1", 0, 0, {"y": 127.5, "name": null}]
//!   its constant left      ["_CONSTANT_VALUE", -1, 127.5, {"y": ["input_1", 0, 0]}]
//! Keras 3                  {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["input_1", 0, 0]}}, 127.5],
//!                           "kwargs": {"training": false}}
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// How deep lists of what is read may stand inside each other.
const MAX_NESTING: usize = 4;
/// Keras 2's name for a value that no layer gives.
const CONSTANT: &str = "_CONSTANT_VALUE";

/// One call of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Call<'a> {
    /// What is read, in order.
    pub(super) reads: Vec<Read<'a>>,
    /// What else the call was given, by name.
    pub(super) named: BTreeMap<&'a str, &'a Value>,
    /// Whether inference keeps to what this call says of `training`: in Keras 3 it does not.
    pub(super) keeps_training: bool,
}

/// What a call reads.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Read<'a> {
    Tensor(Tensor<'a>),
    Constant(&'a Value),
}

/// One of the tensors that a layer's call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tensor<'a> {
    pub(super) layer: &'a str,
    /// Which call of that layer.
    pub(super) call: usize,
    /// Which of the call's tensors.
    pub(super) output: usize,
}

/// Reads a layer's `inbound_nodes`.
pub(super) fn calls(nodes: &Value) -> Result<Vec<Call<'_>>, Refusal> {
    let wrong = || Refusal::of_text(&Value::Null, "its 'inbound_nodes' are of no known form");
    // A model's own input has none, which some versions write as null.
    let Some(nodes) = nodes.as_array() else { return Ok(Vec::new()) };
    // A node that keeps the form of its operator's argument stands without a list around it.
    let nodes: Vec<&Value> = nodes.iter().collect();
    nodes
        .into_iter()
        .map(|node| {
            let mut call = Call::default();
            match node {
                Value::Object(fields) => newer(fields, &mut call)?,
                Value::Array(_) => {
                    call.keeps_training = true;
                    older(node, &mut call, 0).ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
            Ok(call)
        })
        .collect()
}

/// Three places: a layer's name, its call, the call's output.
pub(super) fn tensor(value: &Value) -> Option<Tensor<'_>> {
    let [Value::String(layer), call, output, ..] = value.as_array()?.as_slice() else { return None };
    Some(Tensor {
        layer,
        call: usize::try_from(call.as_u64()?).ok()?,
        output: usize::try_from(output.as_u64()?).ok()?,
    })
}

/// A node of Keras 2.
fn older<'a>(node: &'a Value, call: &mut Call<'a>, depth: usize) -> Option<()> {
    let items = node.as_array().filter(|_| depth <= MAX_NESTING)?;
    if let Some(Value::String(layer)) = items.first() {
        if layer == CONSTANT {
            call.reads.push(Read::Constant(items.get(2)?));
        } else {
            call.reads.push(Read::Tensor(tensor(node)?));
        }
        if let Some(Value::Object(named)) = items.get(3) {
            take_named(named, call, |value| tensor(value).filter(|_| is_history(value)));
        }
        return Some(());
    }
    items.iter().try_for_each(|item| older(item, call, depth + 1))
}

/// Whether a list is exactly a place in the graph: a list of three numbers behind a text could be anything else.
fn is_history(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.len() == 3)
}

/// A node of Keras 3.
fn newer<'a>(node: &'a Map<String, Value>, call: &mut Call<'a>) -> Result<(), Refusal> {
    if let Some(Value::Array(arguments)) = node.get("args") {
        for argument in arguments {
            positional(argument, call, 0)?;
        }
    }
    if let Some(Value::Object(named)) = node.get("kwargs") {
        take_named(named, call, keras_tensor);
    }
    Ok(())
}

fn positional<'a>(argument: &'a Value, call: &mut Call<'a>, depth: usize) -> Result<(), Refusal> {
    if let Some(tensor) = keras_tensor(argument) {
        call.reads.push(Read::Tensor(tensor));
    } else if let Some(list) = argument.as_array().filter(|list| has_tensor(list, depth)) {
        if depth > MAX_NESTING {
            return Err(Refusal::of_text(&Value::Null, "its 'inbound_nodes' are too deep"));
        }
        list.iter().try_for_each(|argument| positional(argument, call, depth + 1))?;
    } else {
        call.reads.push(Read::Constant(argument));
    }
    Ok(())
}

/// Whether a tensor stands in a list, or in the lists in it.
fn has_tensor(list: &[Value], depth: usize) -> bool {
    list.iter().any(|item| {
        keras_tensor(item).is_some()
            || item.as_array().is_some_and(|list| depth <= MAX_NESTING && has_tensor(list, depth + 1))
    })
}

fn keras_tensor(value: &Value) -> Option<Tensor<'_>> {
    let is = value.get("class_name").and_then(Value::as_str) == Some("__keras_tensor__");
    is.then(|| value.get("config")?.get("keras_history").and_then(tensor)).flatten()
}

/// Tensors among the named arguments are read behind those that have no name, in the order of their names (x1, x2); the
/// mask of a sequence is none of what is read.
fn take_named<'a>(
    named: &'a Map<String, Value>,
    call: &mut Call<'a>,
    tensor: impl Fn(&'a Value) -> Option<Tensor<'a>>,
) {
    let mut order: Vec<(&String, &Value)> = named.iter().collect();
    order.sort_by_key(|(name, _)| *name);
    for (name, value) in order {
        match tensor(value) {
            Some(_) if name == "mask" => {}
            Some(tensor) => call.reads.push(Read::Tensor(tensor)),
            // The second of an operator's two arguments, or either of them.
            None if matches!(name.as_str(), "x" | "y" | "x1" | "x2") && !value.is_null() => {
                call.reads.push(Read::Constant(value));
            }
            None => {
                call.named.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(layer: &str, call: usize, output: usize) -> Read<'_> {
        Read::Tensor(Tensor { layer, call, output })
    }

    fn keras_3(name: &str) -> Value {
        json!({"class_name": "__keras_tensor__", "config": {"shape": [null, 3], "keras_history": [name, 0, 0]}})
    }

    #[test]
    fn every_form_of_a_call_is_read() {
        let number = json!(127.5);
        for (nodes, wanted) in [
            (json!([[["a", 0, 0, {}]]]), vec![at("a", 0, 0)]),
            (json!([[["a", 0, 0], ["b", 1, 2, {"training": true}]]]), vec![at("a", 0, 0), at("b", 1, 2)]),
            (json!([["a", 0, 0, {"y": 127.5, "name": null}]]), vec![at("a", 0, 0), Read::Constant(&number)]),
            (
                json!([["_CONSTANT_VALUE", -1, 127.5, {"y": ["a", 0, 0]}]]),
                vec![Read::Constant(&number), at("a", 0, 0)],
            ),
            (json!([["a", 0, 0, {"y": ["b", 0, 0]}]]), vec![at("a", 0, 0), at("b", 0, 0)]),
            (
                json!([{"args": [keras_3("a"), 127.5], "kwargs": {}}]),
                vec![at("a", 0, 0), Read::Constant(&number)],
            ),
            (
                json!([{"args": [127.5, keras_3("a")], "kwargs": {}}]),
                vec![Read::Constant(&number), at("a", 0, 0)],
            ),
            (
                json!([{"args": [[keras_3("a"), keras_3("b")]], "kwargs": {"mask": null}}]),
                vec![at("a", 0, 0), at("b", 0, 0)],
            ),
            (
                json!([{"args": [], "kwargs": {"x2": 127.5, "x1": keras_3("a"), "mask": keras_3("m")}}]),
                vec![at("a", 0, 0), Read::Constant(&number)],
            ),
        ] {
            let read = calls(&nodes).unwrap();
            assert_eq!(read.len(), 1, "{nodes}");
            assert_eq!(read[0].reads, wanted, "{nodes}");
        }
        let named = json!([[["a", 0, 0, {"training": true}]]]);
        let read = calls(&named).unwrap();
        assert!(read[0].keeps_training && read[0].named["training"] == &json!(true));
        assert!(calls(&json!([])).unwrap().is_empty());
    }

    #[test]
    fn other_forms_are_refused() {
        for nodes in
            [json!([1]), json!([[["a", 0]]]), json!([[["a", -1, 0]]]), json!([[[[[[[["a", 0, 0]]]]]]]])]
        {
            assert!(calls(&nodes).is_err(), "{nodes}");
        }
    }
}
