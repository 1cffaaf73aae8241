//! `POST /embed`: the pooled features of photos.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use icecap::advanced::data::csv_record;
use serde::Serialize;

use crate::accept::RowFormat;
use crate::app::{Answered, App, apart};
use crate::order::{Answer, Failure, Outcome, Task};
use crate::photos;
use crate::query::{EmbedQuery, Query};
use crate::refusal::Refusal;
use crate::routes::predict::{reason, refusal, status};

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
    let status = status(rows.iter().all(|row| row.error.is_some()));
    let json = |row: &Row| serde_json::to_string(row).map_err(|_| Refusal::broken());
    let text = match format {
        RowFormat::Json => serde_json::to_string(&rows).map_err(|_| Refusal::broken())? + "\n",
        RowFormat::Lines => {
            let lines: Result<Vec<String>, Refusal> = rows.iter().map(json).collect();
            lines?.join("\n") + "\n"
        }
        RowFormat::Csv => csv(&rows, width),
    };
    Ok((status, [(header::CONTENT_TYPE, format.content_type())], text).into_response())
}

fn row(path: String, answer: Answer) -> Result<Row, Refusal> {
    match answer {
        Ok(Outcome::Predicted { features, .. }) => Ok(Row { path, features: Some(features), error: None }),
        Err(Failure::Photo(error)) => Ok(Row { path, features: None, error: Some(reason(&error)) }),
        Err(failure) => Err(refusal(failure)),
        Ok(Outcome::Drawn(_)) => Err(Refusal::broken()),
    }
}

fn csv(rows: &[Row], width: usize) -> String {
    let names = (0..width).map(|feature| format!("f{feature}"));
    let around = |path: String, values: Vec<String>, error: String| {
        csv_record([path].into_iter().chain(values).chain([error]))
    };
    let mut text = around("path".to_owned(), names.collect(), "error".to_owned());
    for row in rows {
        let values = match &row.features {
            Some(features) => features.iter().map(f32::to_string).collect(),
            None => vec![String::new(); width],
        };
        text += &around(row.path.clone(), values, row.error.clone().unwrap_or_default());
    }
    text
}
