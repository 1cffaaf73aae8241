//! `POST /embed`: the pooled features of photos.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::accept::RowFormat;
use crate::app::{Answered, App, apart};
use crate::order::{Answer, Failure, Outcome, Task};
use crate::photos;
use crate::query::{EmbedQuery, Query};
use crate::refusal::Refusal;
use crate::routes::predict::refusal;
use crate::table::{Table, TableRow};

/// What is written of a photo.
#[derive(Serialize)]
struct Row {
    path: String,
    features: Option<Vec<f32>>,
    error: Option<String>,
}

pub(super) async fn embed(
    State(app): State<Arc<App>>,
    query: Result<Query<EmbedQuery>, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let held = app.receive(&headers, body).await?;
    let Query(query) = query?;
    let model = app.model(query.model.as_deref())?;
    let format = RowFormat::preferred(&headers)?;
    let (photos, room) = photos::of_body(&headers, held).await?;
    let answered = app.ask(model, Task::Predict, photos, room).await?;
    let (told, count) = (Extension(answered.told), answered.answers.len());
    let response = apart(count, move || rows(answered, format)).await?;
    Ok((told, response).into_response())
}

fn rows(answered: Answered, format: RowFormat) -> Result<Response, Refusal> {
    let width = answered.model.classifier.backbone().features();
    let rows = answered.names.into_iter().zip(answered.answers).map(|(path, answer)| row(path, answer));
    let rows = rows.collect::<Result<Vec<Row>, Refusal>>()?;
    let names = (0..width).map(|feature| format!("f{feature}"));
    let columns = ["path".to_owned()].into_iter().chain(names).chain(["error".to_owned()]).collect();
    Table { rows, columns, fields: |row: &Row| row.fields(width) }.response(format)
}

impl TableRow for Row {
    fn is_unreadable(&self) -> bool {
        self.error.is_some()
    }
}

impl Row {
    /// The fields for CSV, of photos with so many features.
    fn fields(&self, width: usize) -> Vec<String> {
        let values = match &self.features {
            Some(features) => features.iter().map(f32::to_string).collect(),
            None => vec![String::new(); width],
        };
        let error = self.error.clone().unwrap_or_default();
        [self.path.clone()].into_iter().chain(values).chain([error]).collect()
    }
}

fn row(path: String, answer: Answer) -> Result<Row, Refusal> {
    match answer {
        Ok(Outcome::Predicted { features, .. }) => Ok(Row { path, features: Some(features), error: None }),
        Err(Failure::Photo(error)) => Ok(Row { path, features: None, error: Some(error.reason()) }),
        Err(failure) => Err(refusal(failure)),
        Ok(Outcome::Drawn(_)) => Err(Refusal::broken()),
    }
}
