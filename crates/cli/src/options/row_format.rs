//! The formats of rows: a table for people, CSV and JSON lines for programs.

use std::path::Path;

use clap::ValueEnum;

use crate::terminal::failure::{Code, Failure};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns that line up
    Table,
    /// Comma-separated values with a header
    Csv,
    /// A JSON object for each photo
    Jsonl,
}

impl Format {
    /// Returns the format that the name of a file asks for; a table if there is no file or no extension.
    pub(crate) fn of_file(file: Option<&Path>) -> Result<Self, Failure> {
        let extension = file.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" | "json" => Ok(Self::Jsonl),
            "txt" | "" => Ok(Self::Table),
            other => Err(Failure::new(
                Code::Arguments,
                format!(
                    "no format goes by .{other}; name a file with .csv, .jsonl or .txt, or give --format"
                ),
            )),
        }
    }
}
