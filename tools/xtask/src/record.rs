//! A day's record of benches: one CSV row a bench, sorted by its id.
//!
//! Criterion leaves two files in `<id>/new`: `benchmark.json` (the id, and how much work a pass is) and
//! `estimates.json` (the median with its 95 % confidence interval, the median absolute deviation; nanoseconds).
//! A record keeps those. A second run on the same day replaces the rows it measured again and leaves the others,
//! each with the commit it belongs to.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use crate::outcome::Outcome;

const HEADER: &str = "id,median_ns,low_ns,high_ns,mad_ns,work,unit,commit";

/// Rows by id: a row is its line without the id.
pub(crate) type Rows = BTreeMap<String, String>;

/// The rows of every bench under `folder` that was measured at `since` or later.
///
/// # Errors
/// A folder or file that cannot be read, or is not as criterion writes it.
pub(crate) fn collect(folder: &Path, since: SystemTime, commit: &str, rows: &mut Rows) -> Outcome {
    let at = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if !path.is_dir() {
            continue;
        }
        let estimates = path.join("estimates.json");
        if path.ends_with("new") && estimates.is_file() {
            if estimates.metadata().and_then(|m| m.modified()).map_err(at)? >= since {
                let (id, row) = row(&json(&path.join("benchmark.json"))?, &json(&estimates)?, commit)
                    .ok_or_else(|| format!("{}: not as criterion writes it", path.display()))?;
                rows.insert(id, row);
            }
        } else {
            collect(&path, since, commit, rows)?;
        }
    }
    Ok(())
}

fn json(path: &Path) -> Outcome<Value> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
}

fn row(bench: &Value, estimates: &Value, commit: &str) -> Option<(String, String)> {
    // An id is a name of the house's grammar; a comma in one would shift the columns.
    let id = bench["full_id"].as_str()?.replace(',', ";");
    let median = &estimates["median"];
    let nanoseconds = [
        &median["point_estimate"],
        &median["confidence_interval"]["lower_bound"],
        &median["confidence_interval"]["upper_bound"],
        &estimates["median_abs_dev"]["point_estimate"],
    ];
    let mut row = String::new();
    for value in nanoseconds {
        row += &format!("{:.2},", value.as_f64()?);
    }
    let work = bench["throughput"].as_object().and_then(|work| work.iter().next());
    match work.and_then(|(unit, amount)| Some((amount.as_u64()?, unit.to_lowercase()))) {
        Some((amount, unit)) => row += &format!("{amount},{unit},"),
        None => row += ",,",
    }
    Some((id, row + commit))
}

/// The rows of a record that was written before. An empty text has none.
pub(crate) fn parse(text: &str) -> Rows {
    let lines = text.lines().filter(|line| !line.starts_with('#') && *line != HEADER);
    lines.filter_map(|line| line.split_once(',')).map(|(id, row)| (id.to_owned(), row.to_owned())).collect()
}

/// The text of a record.
pub(crate) fn render(rows: &Rows, machine: &str) -> String {
    let mut text = format!("# {machine}\n{HEADER}\n");
    for (id, row) in rows {
        text += &format!("{id},{row}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn estimates(median: f64) -> Value {
        let interval = json!({ "lower_bound": median - 1.0, "upper_bound": median + 2.0 });
        json!({ "median": { "point_estimate": median, "confidence_interval": interval },
                "median_abs_dev": { "point_estimate": 0.25 } })
    }

    #[test]
    fn a_row_has_the_columns_of_the_header() {
        for (throughput, work) in [(json!({ "Elements": 96 }), "96,elements"), (Value::Null, ",")] {
            let bench = json!({ "full_id": "pointwise/a,b", "throughput": throughput });
            let (id, row) = row(&bench, &estimates(100.0), "abc").expect("complete");
            assert_eq!(id, "pointwise/a;b");
            assert_eq!(row, format!("100.00,99.00,102.00,0.25,{work},abc"));
            assert_eq!(row.matches(',').count() + 1, HEADER.matches(',').count());
        }
        assert_eq!(row(&json!({ "full_id": "x" }), &json!({}), "abc"), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rows: Rows = [("a/1", "1.0,,"), ("b", "2.0,x")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(parse(&render(&rows, "2 cores")), rows);
        assert_eq!(parse(""), Rows::new());
    }
}
