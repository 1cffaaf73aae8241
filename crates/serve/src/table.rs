//! Rows of an answer as JSON, JSON lines or CSV.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use icecap::advanced::data::csv_record;
use serde::Serialize;

use crate::accept::RowFormat;
use crate::refusal::Refusal;

/// A row, which is also an object.
pub(crate) trait TableRow: Serialize {
    /// Whether its photo cannot be read.
    fn is_unreadable(&self) -> bool;
}

/// Rows, and how they stand in CSV.
pub(crate) struct Table<R, F> {
    pub(crate) rows: Vec<R>,
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The fields of a row, one for each column.
    pub(crate) fields: F,
}

impl<R: TableRow, F: Fn(&R) -> Vec<String>> Table<R, F> {
    /// Returns the answer: 422 where none of its photos can be read.
    pub(crate) fn response(self, format: RowFormat) -> Result<Response, Refusal> {
        let Self { rows, columns, fields } = self;
        let status = match rows.iter().all(TableRow::is_unreadable) {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::OK,
        };
        let text = match format {
            RowFormat::Json => format!("[\n{}\n]\n", lines(&rows, ",\n")?),
            RowFormat::Lines => lines(&rows, "\n")? + "\n",
            RowFormat::Csv => {
                let mut text = csv_record(columns);
                text.extend(rows.iter().map(|row| csv_record(fields(row))));
                text
            }
        };
        Ok((status, [(header::CONTENT_TYPE, format.content_type())], text).into_response())
    }
}

fn lines(rows: &[impl Serialize], between: &str) -> Result<String, Refusal> {
    let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    Ok(lines.map_err(|_| Refusal::broken())?.join(between))
}
