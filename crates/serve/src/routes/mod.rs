//! What is found at which path.

mod about;
mod embed;
mod health;
mod infer;
mod page;
mod predict;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::body::pass_over;
use crate::observe::{guard, observe};
use crate::refusal::Refusal;

/// Returns all routes. Those that a token guards are told apart from those that say nothing of a photo or a model.
pub(crate) fn all(app: &Arc<App>) -> Router {
    let guarded = Router::new()
        .route("/predict", post(predict::predict))
        .route("/embed", post(embed::embed))
        .route("/models", get(about::models))
        .route("/metrics", get(about::metrics))
        .route("/v2/models/{model}", get(about::model))
        .route("/v2/models/{model}/versions/{version}", get(about::model_version))
        .route("/v2/models/{model}/ready", get(health::model_ready))
        .route("/v2/models/{model}/versions/{version}/ready", get(health::version_ready))
        .route("/v2/models/{model}/infer", post(infer::infer))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer::infer_version))
        .route_layer(from_fn_with_state(app.clone(), guard));
    let open = Router::new()
        .route("/", get(page::index))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::js))
        .route("/openapi.json", get(about::openapi))
        .route("/v2", get(about::server))
        .route("/v2/health/live", get(health::live))
        .route("/v2/health/ready", get(health::ready));
    guarded
        .merge(open)
        .fallback(async |headers: HeaderMap, body: Body| {
            pass_over(&headers, body).await;
            Refusal::new(StatusCode::NOT_FOUND, "nothing is found here; /openapi.json lists what is")
        })
        .method_not_allowed_fallback(async |headers: HeaderMap, body: Body| {
            pass_over(&headers, body).await;
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method; see the header Allow")
        })
        .layer(from_fn_with_state(app.clone(), observe))
        .with_state(app.clone())
}
