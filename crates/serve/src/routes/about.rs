//! What there is: models, their inputs and outputs, what is counted, the description of it all.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::app::App;
use crate::infer::names;
use crate::metrics;
use crate::models::Served;
use crate::query::Path;
use crate::refusal::Refusal;
use crate::routes::health::{VERSION, check_version};

/// The models, the first being the one that is asked where none is named.
pub(super) async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let one = |served: &Arc<Served>| {
        let classifier = &served.classifier;
        let [height, width] = classifier.preprocessing().size();
        json!({
            "name": served.name,
            "classes": classifier.classes(),
            "input": [height, width, 3],
            "precision": classifier.precision().to_string(),
            "features": classifier.backbone().features(),
            "labels": classifier.head().is_multi_label(),
            "threshold": classifier.threshold(),
            "novelty": classifier.novelty().is_some(),
        })
    };
    Json(app.models.now().iter().map(one).collect())
}

/// The server, as the protocol has it.
pub(super) async fn server() -> Json<Value> {
    Json(json!({
        "name": "icecap",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data", "classification"],
    }))
}

/// The inputs and outputs of a model, as the protocol has them. Exactly one of the two inputs is given.
pub(super) async fn model(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let served = app.model(Some(&model))?;
    let head = served.classifier.head();
    let (classes, features) = (served.classifier.classes().len(), head.features());
    Ok(Json(json!({
        "name": served.name,
        "versions": [VERSION],
        "platform": "icecap",
        "inputs": [
            { "name": names::PHOTOS, "datatype": "BYTES", "shape": [-1], "optional": true },
            { "name": names::PIXELS, "datatype": "UINT8", "shape": [-1, -1, -1, 3], "optional": true },
        ],
        "outputs": [
            { "name": names::PROBABILITIES, "datatype": "FP32", "shape": [-1, classes] },
            { "name": names::LABELS, "datatype": "BYTES", "shape": [-1] },
            { "name": names::LOGITS, "datatype": "FP32", "shape": [-1, head.logits()] },
            { "name": names::FEATURES, "datatype": "FP32", "shape": [-1, features] },
        ],
    })))
}

pub(super) async fn model_version(
    State(app): State<Arc<App>>,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    check_version(&version)?;
    model(State(app), Path(name)).await
}

/// What was counted, for Prometheus.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], app.metrics.text(app.queue.photos()))
}

/// The description of all routes.
pub(super) async fn openapi(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.description.clone())
}
