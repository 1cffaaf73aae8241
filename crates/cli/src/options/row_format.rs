//! The formats of rows: a table for people, CSV, JSON and JSON lines for programs.

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
    /// A JSON array with an object for each photo
    Json,
    /// A JSON object for each photo, one a line
    Jsonl,
}

impl Format {
    /// Returns the format that the name of a file asks for; a table if there is no file or no extension.
    pub(crate) fn of_file(file: Option<&Path>) -> Result<Self, Failure> {
        let extension = file.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            "jsonl" | "ndjson" => Ok(Self::Jsonl),
            "txt" | "" => Ok(Self::Table),
            other => Err(Failure::new(
                Code::Arguments,
                format!(
                    "no format goes by .{other}; name a file with .csv, .json, .jsonl or .txt, or give --format"
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_the_format() {
        let of = |name: &str| Format::of_file(Some(Path::new(name))).ok();
        assert_eq!(
            ["a.csv", "a.JSON", "a.jsonl", "a.ndjson", "a.txt", "a"].map(of),
            [Format::Csv, Format::Json, Format::Jsonl, Format::Jsonl, Format::Table, Format::Table].map(Some)
        );
        assert_eq!((of("a.xlsx"), Format::of_file(None).ok()), (None, Some(Format::Table)));
    }
}
