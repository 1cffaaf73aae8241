//! Activations by the names that Keras gives them.

use serde_json::Value;

use super::config::{number, text};

/// What a layer's outputs go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Linear,
    Relu,
    Relu6,
    Softmax,
    Sigmoid,
    /// Another one, by its name.
    Other(String),
}

/// The activation that a layer's `activation` says.
pub(super) fn of_config(config: &Value) -> Activation {
    match config.get("activation") {
        None | Some(Value::Null) => Activation::Linear,
        Some(activation) => read(activation),
    }
}

/// The activation of a layer `ReLU`.
pub(super) fn of_relu(config: &Value) -> Activation {
    let slope = number(config, "negative_slope").unwrap_or(0.0);
    let threshold = number(config, "threshold").unwrap_or(0.0);
    match number(config, "max_value") {
        _ if slope != 0.0 || threshold != 0.0 => {
            Activation::Other(format!("a ReLU with negative_slope {slope} and threshold {threshold}"))
        }
        None => Activation::Relu,
        Some(6.0) => Activation::Relu6,
        Some(most) => Activation::Other(format!("a ReLU with max_value {most}")),
    }
}

/// A name; or an object with the name of a function, or with a layer.
fn read(activation: &Value) -> Activation {
    let name = match activation {
        Value::String(name) => name.as_str(),
        Value::Object(fields) => {
            let class = text(activation, "class_name").unwrap_or_default();
            match (class, fields.get("config")) {
                ("ReLU", Some(config)) => return of_relu(config),
                ("function", Some(Value::String(name))) => name.as_str(),
                ("Activation", Some(config)) if config.is_object() => {
                    return match config.get("activation") {
                        Some(Value::String(name)) => by_name(name),
                        _ => Activation::Other("an activation inside another".to_owned()),
                    };
                }
                ("Softmax", _) => "softmax",
                (class, _) => class,
            }
        }
        _ => "",
    };
    by_name(name)
}

fn by_name(name: &str) -> Activation {
    match name {
        "linear" => Activation::Linear,
        "relu" => Activation::Relu,
        "relu6" => Activation::Relu6,
        "softmax" | "softmax_v2" => Activation::Softmax,
        "sigmoid" => Activation::Sigmoid,
        other => Activation::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn activations_are_read_in_every_form() {
        for (written, wanted) in [
            (json!("relu"), Activation::Relu),
            (json!("softmax"), Activation::Softmax),
            (json!({"module": "builtins", "class_name": "function", "config": "relu6"}), Activation::Relu6),
            (json!({"class_name": "ReLU", "config": {"max_value": 6.0}}), Activation::Relu6),
            (json!({"class_name": "ReLU", "config": {"max_value": null}}), Activation::Relu),
            (json!({"class_name": "Activation", "config": {"activation": "sigmoid"}}), Activation::Sigmoid),
            (json!(null), Activation::Linear),
        ] {
            assert_eq!(of_config(&json!({"activation": written})), wanted, "{written}");
        }
        for other in [
            json!("tanh"),
            json!({"class_name": "LeakyReLU", "config": {}}),
            json!(3),
            json!({"class_name": "ReLU", "config": {"max_value": 1.0}}),
            json!({"class_name": "ReLU", "config": {"negative_slope": 0.1}}),
        ] {
            assert!(matches!(of_config(&json!({"activation": other})), Activation::Other(_)), "{other}");
        }
    }
}
