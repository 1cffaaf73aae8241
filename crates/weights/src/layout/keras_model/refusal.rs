//! A layer that is not followed, and why.

use serde_json::Value;

use crate::shown::shown;

/// A layer that is not followed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) layer: String,
    pub(super) class: String,
    pub(super) reason: String,
}

impl Refusal {
    /// Of a description that is not of the form of one.
    pub(super) fn of_text(description: &Value, reason: impl Into<String>) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = description.get("config").and_then(|config| config.get("name"));
        Self {
            layer: text(name.or_else(|| description.get("name"))),
            class: text(description.get("class_name")),
            reason: reason.into(),
        }
    }

    /// The layer and the reason in one sentence.
    pub(super) fn told(&self) -> String {
        if self.class.is_empty() {
            return format!(
                "the description of the model (model_config) cannot be read: {}; save the model anew",
                self.reason
            );
        }
        format!("layer '{}' ({}): {}", shown(&self.layer), shown(&self.class), self.reason)
    }
}
