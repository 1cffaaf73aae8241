//! What Keras says of a whole model beside its weights, as far as it tells what the weights do not: how pixels are
//! scaled inside, how features are pooled, what a dense layer's outputs go through.
//!
//! A file of weights alone has no such text; then the layout's own numbers are taken.

use serde_json::Value;

use crate::Error;
use crate::container::Container;
use crate::error::shown;

/// The key of the text in a container's metadata.
const KEY: &str = "model_config";
/// How far a scaling may be from 1 / 127.5 and -1, as people write it.
const CLOSE: f64 = 1e-6;

/// Refuses a model that is not what its weights would be taken for. `with_top` says whether its dense layer is read.
///
/// # Errors
/// [`Error::Metadata`] with the layer and what to do.
pub(super) fn check(file: &Container<'_>, with_top: bool) -> Result<(), Error> {
    let Some(text) = file.metadata().get(KEY) else { return Ok(()) };
    let refuse = |value: &str, reason: String| Error::Metadata {
        path: file.path().into(),
        key: KEY.to_owned(),
        value: shown(value),
        reason,
    };
    let config: Value =
        serde_json::from_str(text).map_err(|error| refuse(text, shown(&error.to_string())))?;
    let mut rest = vec![&config];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(values) => rest.extend(values),
            Value::Object(fields) => {
                if let (Some(Value::String(class)), Some(config)) =
                    (fields.get("class_name"), fields.get("config"))
                {
                    layer(class, config, with_top).map_err(|reason| refuse(class, reason))?;
                }
                rest.extend(fields.values());
            }
            _ => {}
        }
    }
    Ok(())
}

/// What of a layer the weights would not show, where that is not what is taken for granted.
fn layer(class: &str, config: &Value, with_top: bool) -> Result<(), String> {
    let text = |key: &str| config.get(key).and_then(Value::as_str);
    match class {
        "Rescaling" => {
            let number = |key: &str| config.get(key).and_then(Value::as_f64);
            let (scale, offset) = (number("scale"), number("offset"));
            let near =
                |value: Option<f64>, wanted: f64| value.is_some_and(|value| (value - wanted).abs() < CLOSE);
            match near(scale, 1.0 / 127.5) && near(offset, -1.0) {
                true => Ok(()),
                false => Err(format!(
                    "the model scales its pixels by {} and adds {}; save its weights alone and state that scaling",
                    config.get("scale").unwrap_or(&Value::Null),
                    config.get("offset").unwrap_or(&Value::Null)
                )),
            }
        }
        "Normalization" => {
            Err("the model normalises its pixels itself; save its weights alone and state the scaling"
                .to_owned())
        }
        "GlobalMaxPooling2D" | "MaxPooling2D" | "AveragePooling2D" | "Flatten" if with_top => {
            Err("only a dense layer on features of GlobalAveragePooling2D can be read".to_owned())
        }
        "Dense" if with_top => {
            let units = config.get("units").and_then(Value::as_u64);
            match (text("activation").unwrap_or("linear"), units) {
                ("linear", _) | ("sigmoid", Some(1)) => Ok(()),
                ("softmax", Some(units)) if units > 1 => Ok(()),
                (other, _) => Err(format!(
                    "its outputs go through '{}'; read are softmax, one sigmoid, or none of them for logits",
                    shown(other)
                )),
            }
        }
        _ => Ok(()),
    }
}
