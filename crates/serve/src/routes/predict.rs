//! `POST /predict`: what a model says of photos, row by row, or where it looked.

use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use icecap::Prediction;
use icecap::advanced::data;
use icecap::model::{Columns, Row};

use crate::accept::RowFormat;
use crate::app::{Answered, App, apart};
use crate::order::{Answer, Failure, Outcome, Task};
use crate::photos;
use crate::query::{PredictQuery, Query};
use crate::refusal::Refusal;
use crate::table::{Table, TableRow};

pub(super) async fn predict(
    State(app): State<Arc<App>>,
    query: Result<Query<PredictQuery>, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let held = app.receive(&headers, body).await?;
    let Query(query) = query?;
    let model = app.model(query.model.as_deref())?;
    let (columns, class) = (query.columns(&model)?, query.class(&model)?);
    let format = if query.heatmap { RowFormat::Json } else { RowFormat::preferred(&headers)? };
    let (photos, room) = photos::of_body(&headers, held).await?;
    if query.heatmap && photos.len() > 1 {
        return Err(Refusal::bad(format!("heatmap: {} photos; send one at a time", photos.len())));
    }
    let task = if query.heatmap { Task::Draw(class) } else { Task::Predict };
    let answered = app.ask(model, task, photos, room).await?;
    let (told, count) = (Extension(answered.told), answered.answers.len());
    let response = match query.heatmap {
        true => picture(answered)?,
        false => apart(count, move || rows(answered, columns, format)).await?,
    };
    Ok((told, response).into_response())
}

/// The heatmap of the one photo.
fn picture(answered: Answered) -> Result<Response, Refusal> {
    match answered.answers.into_iter().next() {
        Some(Ok(Outcome::Drawn(png))) => Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response()),
        Some(Err(failure)) => Err(refusal(failure)),
        _ => Err(Refusal::broken()),
    }
}

/// What is told of a photo alone that has no answer.
pub(super) fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Photo(error) => Refusal::unreadable(error.reason()),
        Failure::System(why) => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why),
        Failure::Bug => Refusal::broken(),
    }
}

/// The rows of all photos; 422 where none of them can be read.
fn rows(answered: Answered, columns: Columns, format: RowFormat) -> Result<Response, Refusal> {
    let classes = answered.model.classifier.classes();
    let mut rows = Vec::with_capacity(answered.answers.len());
    for (name, answer) in answered.names.iter().zip(answered.answers) {
        let said = said(answer)?;
        rows.push(columns.row(Path::new(name), classes, &said));
    }
    let fields = |row: &Row| row.fields(classes.len());
    Table { rows, columns: columns.names(classes), fields }.response(format)
}

impl TableRow for Row {
    fn is_unreadable(&self) -> bool {
        self.error.is_some()
    }
}

/// The prediction of a photo, or why it cannot be read.
fn said(answer: Answer) -> Result<Result<Prediction, data::Error>, Refusal> {
    match answer {
        Ok(Outcome::Predicted { prediction, .. }) => Ok(Ok(prediction)),
        Err(Failure::Photo(error)) => Ok(Err(error)),
        Err(failure) => Err(refusal(failure)),
        Ok(Outcome::Drawn(_)) => Err(Refusal::broken()),
    }
}
