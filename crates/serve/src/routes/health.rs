//! Whether the server, and each model, can be asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use icecap::advanced::foundation::shown::shown;
use serde_json::{Value, json};

use crate::app::App;
use crate::query::Path;
use crate::refusal::Refusal;

/// The version of every model: a file that is replaced takes the place of the one before.
pub(super) const VERSION: &str = "1";

/// The process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// Photos are taken: not any more once the server was told to end.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Refusal> {
    match app.is_draining() {
        true => Err(Refusal::busy("the server is about to end")),
        false => Ok(Json(json!({ "ready": true }))),
    }
}

pub(super) async fn model_ready(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let served = app.model(Some(&model))?;
    ready(State(app)).await.map(|_| Json(json!({ "name": served.name, "ready": true })))
}

pub(super) async fn version_ready(
    State(app): State<Arc<App>>,
    Path((model, version)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    check_version(&version)?;
    model_ready(State(app), Path(model)).await
}

/// Refuses every version but the one that there is.
pub(super) fn check_version(version: &str) -> Result<(), Refusal> {
    if version == VERSION {
        return Ok(());
    }
    let message = format!("no version '{}'; every model has the version {VERSION} alone", shown(version));
    Err(Refusal::new(StatusCode::NOT_FOUND, message))
}
