//! What Keras says of a whole model beside its weights, as far as it tells what the weights do not: how pixels are
//! scaled inside, how features are pooled, what a dense layer's outputs go through.
//!
//! A file of weights alone has no such text; then the layout's own numbers are taken. What a layer of a user's own code
//! does, such as a `Lambda`, the text does not tell.

use serde_json::Value;

use crate::Error;
use crate::container::{Container, MAX_MODEL_CONFIG, MODEL_CONFIG, limit};
use crate::shown::shown;

/// How far a scaling may be from 1 / 127.5 and -1: people write these with few digits.
const CLOSE: f64 = 1e-6;

/// Refuses a model whose net computes something else than its weights alone let expect, and returns why its head cannot be
/// read, if it does. `classes` is the number of outputs of its dense layer, `None` if it has none.
///
/// # Errors
/// [`Error::Metadata`] with the layer and what to do; [`Error::Limit`] for a text that is longer than any model needs.
pub(super) fn check(file: &Container<'_>, classes: Option<usize>) -> Result<Option<String>, Error> {
    let Some(text) = file.metadata().get(MODEL_CONFIG) else { return Ok(None) };
    limit(file.path(), "bytes of model_config", text.len() as u64, MAX_MODEL_CONFIG)?;
    let refuse = |value: &str, reason: String| Error::Metadata {
        path: file.path().into(),
        key: MODEL_CONFIG.to_owned(),
        value: shown(value),
        reason,
    };
    let config: Value = serde_json::from_str(text).map_err(|error| {
        refuse(text, format!("{}; save the model anew, or its weights alone", shown(&error.to_string())))
    })?;
    let (mut rest, mut unreadable) = (vec![&config], None);
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(values) => rest.extend(values),
            Value::Object(fields) => {
                if let (Some(Value::String(class)), Some(config)) =
                    (fields.get("class_name"), fields.get("config"))
                {
                    pixels(class, config).map_err(|reason| refuse(class, reason))?;
                    if let Some(Err(reason)) = classes.map(|classes| head(class, config, classes)) {
                        unreadable.get_or_insert_with(|| format!("{}: {reason}", shown(class)));
                    }
                }
                rest.extend(fields.values());
            }
            _ => {}
        }
    }
    Ok(unreadable)
}

/// Refuses a layer that does something with the pixels which the weights do not show. The error says what, and what to do.
fn pixels(class: &str, config: &Value) -> Result<(), String> {
    match class {
        "Rescaling" => rescaling(config),
        "Normalization" => {
            Err("the model normalizes its pixels itself; save its weights alone and state the scaling"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// Refuses a layer that does something with the features, or with the outputs of the dense layer, which cannot be read.
fn head(class: &str, config: &Value, classes: usize) -> Result<(), String> {
    match class {
        "GlobalMaxPooling2D" | "MaxPooling2D" | "AveragePooling2D" => {
            Err("only a dense layer on features of GlobalAveragePooling2D can be read".to_owned())
        }
        "Dense" | "Activation" => match config.get("activation") {
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(name)) => activation(name, classes),
            Some(other) => activation(&other.to_string(), classes),
        },
        "Softmax" => activation("softmax", classes),
        _ => Ok(()),
    }
}

fn rescaling(config: &Value) -> Result<(), String> {
    let near = |key: &str, wanted: f64| {
        config.get(key).and_then(Value::as_f64).is_some_and(|value| (value - wanted).abs() < CLOSE)
    };
    if near("scale", 1.0 / 127.5) && near("offset", -1.0) {
        return Ok(());
    }
    let told = |key: &str| shown(&config.get(key).unwrap_or(&Value::Null).to_string());
    Err(format!(
        "the model scales its pixels by {} and adds {}; save its weights alone and state that scaling",
        told("scale"),
        told("offset")
    ))
}

/// Refuses outputs of a dense layer that go through something else than a head of so many outputs does.
fn activation(name: &str, classes: usize) -> Result<(), String> {
    match (name, classes) {
        ("linear", _) | ("sigmoid", 1) | ("softmax", 2..) => Ok(()),
        _ => Err(format!(
            "its outputs, {classes} in number, go through '{}'; only softmax of several, sigmoid of one, or neither \
             can be read",
            shown(name)
        )),
    }
}
