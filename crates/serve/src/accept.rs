//! How rows are written: as the client's `Accept` prefers.

use axum::http::{HeaderMap, StatusCode, header};

use crate::refusal::Refusal;

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFormat {
    /// A JSON array of objects.
    Json,
    /// A JSON object a line.
    Lines,
    /// Comma-separated values below a header.
    Csv,
}

impl RowFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Lines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// The format of a media range, that of JSON for any.
    fn of_range(range: &str) -> Option<Self> {
        match range.to_ascii_lowercase().as_str() {
            "*/*" | "application/*" | "application/json" => Some(Self::Json),
            "application/jsonl" | "application/x-ndjson" | "application/jsonlines" => Some(Self::Lines),
            "text/*" | "text/csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Returns the format that the headers prefer: of those with the highest weight the first.
    ///
    /// # Errors
    /// 406 where none is accepted.
    pub(crate) fn preferred(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut best: Option<(f32, Self)> = None;
        let mut ranges = 0;
        for range in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()) {
            for range in range.split(',').map(str::trim).filter(|range| !range.is_empty()) {
                ranges += 1;
                let (name, weight) = weighted(range);
                if let Some(format) = Self::of_range(name)
                    && weight > 0.0
                    && best.is_none_or(|(most, _)| weight > most)
                {
                    best = Some((weight, format));
                }
            }
        }
        match best {
            Some((_, format)) => Ok(format),
            None if ranges == 0 => Ok(Self::Json),
            None => Err(Refusal::new(
                StatusCode::NOT_ACCEPTABLE,
                "rows are written as application/json, application/jsonl or text/csv; accept one of them",
            )),
        }
    }
}

/// The name of a media range and its weight, 1 without one.
fn weighted(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight =
        parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
    (name, weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_range_tells_the_format_and_of_equal_ones_the_first() {
        let of = |accept: &[&str]| {
            let headers = accept.iter().map(|value| (header::ACCEPT, value.parse().unwrap())).collect();
            RowFormat::preferred(&headers).ok()
        };
        for (accept, format) in [
            (&[] as &[&str], Some(RowFormat::Json)),
            (&["*/*"], Some(RowFormat::Json)),
            (&["text/csv"], Some(RowFormat::Csv)),
            (&["text/html, text/csv;q=0.5, */*;q=0.1"], Some(RowFormat::Csv)),
            (&["text/csv; charset=utf-8"], Some(RowFormat::Csv)),
            (&["application/json;q=0.5", "Application/JSONL"], Some(RowFormat::Lines)),
            (&["text/csv;q=0, application/json"], Some(RowFormat::Json)),
            (&["image/png"], None),
            (&["text/csv;q=0"], None),
        ] {
            assert_eq!(of(accept), format, "{accept:?}");
        }
    }
}
