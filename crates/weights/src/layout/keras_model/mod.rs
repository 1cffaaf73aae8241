//! What Keras says of a whole model beside its weights: a description of its layers and of what each of them reads.
//!
//! ```text
//! description (JSON)  ─ layer ──> layers, models in each other
//!                     ─ graph ──> one list of calls, each behind those that it reads
//!                     ─ path  ──> who reads what, on the way to the output
//! photo ── input ──> pixels ── base ──> features ── head ──> classes
//! ```
//!
//! Every layer on the one way from the input to the output is followed, or does nothing when a model predicts (augmentation,
//! dropout), or is refused by its name. What stands behind the net refuses only the head: the net can be used without.
//!
//! `config`, `call`, `activation`, `operator`, `scaling` read single values; `stored` finds each layer's tensors in the file.

use serde_json::Value;

use super::described::Described;
use crate::Error;
use crate::container::{Container, MAX_MODEL_CONFIG, MODEL_CONFIG, limit};
use crate::shown::shown;

mod activation;
mod base;
mod call;
mod config;
mod graph;
mod head;
mod input;
mod layer;
mod operator;
mod path;
mod read;
mod refusal;
mod scaling;
mod stored;

/// Reads the description of the model whose weights a file has; `None` if the file has weights alone.
///
/// # Errors
/// [`Error::Limit`] for a text that is longer than any model needs; [`Error::Metadata`] with the layer that is not followed,
/// and what to do.
pub(super) fn described(file: &Container<'_>) -> Result<Option<Described>, Error> {
    let Some(text) = file.metadata().get(MODEL_CONFIG) else { return Ok(None) };
    limit(file.path(), "bytes of model_config", text.len() as u64, MAX_MODEL_CONFIG)?;
    let refuse = |value: &str, reason: String| Error::Metadata {
        path: file.path().into(),
        key: MODEL_CONFIG.to_owned(),
        value: shown(value),
        reason,
    };
    let description: Value = serde_json::from_str(text).map_err(|error| {
        refuse(text, format!("{}; save the model anew, or its weights alone", shown(&error.to_string())))
    })?;
    match read::read(&description, file) {
        Ok(described) => Ok(Some(described)),
        Err(refusal) => Err(Error::Layer { path: file.path().into(), told: refusal.told() }),
    }
}
