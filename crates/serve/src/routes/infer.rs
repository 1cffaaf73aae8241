//! `POST /v2/models/MODEL/infer`: the Open Inference Protocol.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use icecap::Prediction;
use tokio::task::spawn_blocking;

use crate::app::{App, apart};
use crate::body::Held;
use crate::infer::output::Head;
use crate::infer::{output, request};
use crate::order::{Answer, Failure, Outcome, Task};
use crate::query::Path;
use crate::refusal::Refusal;
use crate::routes::health::{VERSION, check_version};

/// The length of the JSON in front of bytes, in requests and answers.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

pub(super) async fn infer(
    State(app): State<Arc<App>>,
    model: Result<Path<String>, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let held = app.receive(&headers, body).await?;
    ask(&app, model?.0, &headers, held).await
}

pub(super) async fn infer_version(
    State(app): State<Arc<App>>,
    model: Result<Path<(String, String)>, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let held = app.receive(&headers, body).await?;
    let (model, version) = model?.0;
    check_version(&version)?;
    ask(&app, model, &headers, held).await
}

async fn ask(app: &App, model: String, headers: &HeaderMap, held: Held) -> Result<Response, Refusal> {
    let model = app.model(Some(&model))?;
    let (head, classes) = (json_length(headers)?, model.classifier.classes().len());
    // Megabytes of numbers in JSON are no work for the thread that listens. The room goes along: the bytes are in memory until
    // this is done, whether the client still waits or not.
    let read = spawn_blocking(move || Ok((request::read(&held.bytes, head, classes)?, held.room)));
    let (request, room) = read.await.map_err(|_| Refusal::broken())??;
    let answered = app.ask(model, Task::Predict, request.photos, room).await?;
    let (told, photos) = (Extension(answered.told), answered.answers.len());
    let head = Head { model_name: answered.model.name.clone(), model_version: VERSION, id: request.id };
    let (json, binary) = apart(photos, move || {
        let outcomes = answered.answers.into_iter().enumerate().map(outcome);
        let outcomes = outcomes.collect::<Result<Vec<_>, Refusal>>()?;
        let classes = answered.model.classifier.classes();
        output::write(head, &request.wanted, &outcomes, classes).ok_or_else(Refusal::broken)
    })
    .await?;
    if binary.is_empty() {
        return Ok((told, [(header::CONTENT_TYPE, "application/json")], json).into_response());
    }
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (JSON_LENGTH, json.len().to_string()),
    ];
    Ok((told, headers, [json.as_bytes(), &binary].concat()).into_response())
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|value| value.parse().ok());
    length.map(Some).ok_or_else(|| {
        Refusal::bad("Inference-Header-Content-Length is no length; send that of the JSON in bytes")
    })
}

/// What was made of a photo: a tensor has no place for a reason, so one that cannot be read ends the request.
fn outcome((photo, answer): (usize, Answer)) -> Result<(Vec<f32>, Prediction), Refusal> {
    match answer {
        Ok(Outcome::Predicted { features, prediction }) => Ok((features, prediction)),
        Err(Failure::Photo(error)) => Err(Refusal::bad(format!("photo {photo}: {}", error.reason()))),
        Err(Failure::System(why)) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why)),
        Ok(Outcome::Drawn(_)) | Err(Failure::Bug) => Err(Refusal::broken()),
    }
}
