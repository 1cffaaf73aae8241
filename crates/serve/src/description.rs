//! The description of all calls by OpenAPI, which clients, and tests of clients, are made from.

use serde_json::{Value, json};

use crate::models::Models;

const DESCRIPTION: &str = include_str!("openapi.json");

/// Returns the description with the names of the models, unless these are told to nobody without the token.
///
/// # Panics
/// If the description is no JSON, which a test would find.
pub(crate) fn description(models: &Models, is_guarded: bool) -> Value {
    let mut description: Value = match serde_json::from_str(DESCRIPTION) {
        Ok(description) => description,
        Err(error) => unreachable!("the description is JSON: {error}"),
    };
    if !is_guarded {
        let now = models.now();
        let names: Vec<&str> = now.iter().map(|served| served.name.as_str()).collect();
        description["components"]["schemas"]["ModelName"]["enum"] = json!(names);
    }
    description
}
