//! Rows as text: comma-separated values, and a JSON object a line. Numbers have as many digits as tell them from all others.

use std::io::{Result, Write};

use icecap::advanced::data::csv_record;
use serde_json::{Value, json};

use crate::description::Description;
use crate::row::FeatureRow;
use crate::sink::Sink;

/// The columns in front of the numbers.
const COLUMNS: [&str; 6] = ["path", "label", "sha256", "width", "height", "error"];

/// Comma-separated values under way.
pub(crate) struct CsvFile<W> {
    out: W,
    classes: Vec<String>,
    /// Values of a row.
    len: usize,
}

impl<W: Write> CsvFile<W> {
    pub(crate) fn begin(mut out: W, description: Description) -> Result<Self> {
        let len = description.row.elements();
        let numbers = (0..len).map(|at| format!("embedding_{at}"));
        let names = COLUMNS.iter().map(|name| (*name).to_owned()).chain(numbers);
        out.write_all(csv_record(names).as_bytes())?;
        Ok(Self { out, classes: description.classes, len })
    }
}

impl<W: Write> Sink for CsvFile<W> {
    fn push(&mut self, row: &FeatureRow<'_>) -> Result<()> {
        let side = |at: usize| row.sides.map_or_else(String::new, |sides| sides[at].to_string());
        let fields = [
            row.path.to_owned(),
            row.class.map_or_else(String::new, |class| self.classes[class].clone()),
            row.sha256.map_or_else(String::new, |sha256| sha256.to_string()),
            side(0),
            side(1),
            row.features.err().unwrap_or_default().to_owned(),
        ];
        let numbers: Vec<String> = match row.features {
            Ok(features) => features.iter().map(f32::to_string).collect(),
            Err(_) => vec![String::new(); self.len],
        };
        self.out.write_all(csv_record(fields.into_iter().chain(numbers)).as_bytes())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

/// JSON objects under way, a line each.
pub(crate) struct JsonLines<W> {
    out: W,
    classes: Vec<String>,
}

impl<W: Write> JsonLines<W> {
    pub(crate) fn new(out: W, description: Description) -> Self {
        Self { out, classes: description.classes }
    }
}

impl<W: Write> Sink for JsonLines<W> {
    fn push(&mut self, row: &FeatureRow<'_>) -> Result<()> {
        // Written out here: as a number of JSON's own an f32 would have the digits of an f64.
        let embedding = match row.features {
            Ok(features) => {
                let numbers: Vec<String> = features.iter().map(f32::to_string).collect();
                format!("[{}]", numbers.join(","))
            }
            Err(_) => "null".to_owned(),
        };
        let fields = [
            ("path", json!(row.path)),
            ("label", json!(row.class.map(|class| &self.classes[class]))),
            ("sha256", json!(row.sha256.map(|sha256| sha256.to_string()))),
            ("width", json!(row.sides.map(|sides| sides[0]))),
            ("height", json!(row.sides.map(|sides| sides[1]))),
            ("error", row.features.err().map_or(Value::Null, Value::from)),
        ];
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        writeln!(self.out, "{{{},\"embedding\":{embedding}}}", fields.join(","))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use icecap::advanced::data::CsvRecords;
    use icecap::advanced::foundation::Digest;
    use icecap::advanced::kernels::Shape;

    use super::*;

    fn written(begin: impl for<'w> Fn(&'w mut Vec<u8>, Description) -> Box<dyn Sink + 'w>) -> String {
        let classes = vec!["a".to_owned(), "b \"c\",\n".to_owned()];
        let description = Description { metadata: BTreeMap::new(), classes, row: Shape::of([3]) };
        let mut bytes = Vec::new();
        let mut file = begin(&mut bytes, description);
        let good = FeatureRow {
            path: "x, \"y\".jpg",
            class: Some(1),
            sha256: Some(Digest([0xab; 32])),
            sides: Some([640, 48]),
            features: Ok(&[0.1, -1.5e-30, f32::MAX]),
        };
        let bad =
            FeatureRow { path: "z", class: None, sha256: None, sides: None, features: Err("is \"empty\"") };
        file.push(&good).unwrap();
        file.push(&bad).unwrap();
        file.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn csv_has_every_bit_of_a_number_and_quotes_what_needs_it() {
        let text = written(|out, description| Box::new(CsvFile::begin(out, description).unwrap()));
        let rows: Vec<Vec<String>> = CsvRecords::new(&text).map(|row| row.unwrap().1).collect();
        assert_eq!(
            rows[0].join(" "),
            "path label sha256 width height error embedding_0 embedding_1 embedding_2"
        );
        assert_eq!(rows[1][..6], ["x, \"y\".jpg", "b \"c\",\n", &"ab".repeat(32), "640", "48", ""]);
        let numbers: Vec<f32> = rows[1][6..].iter().map(|number| number.parse().unwrap()).collect();
        assert_eq!(numbers, [0.1, -1.5e-30, f32::MAX]);
        assert_eq!(rows[2], ["z", "", "", "", "", "is \"empty\"", "", "", ""]);
    }

    #[test]
    fn json_lines_are_objects_with_the_same_names() {
        let text = written(|out, description| Box::new(JsonLines::new(out, description)));
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (rows.len(), &rows[0]["path"], &rows[0]["label"]),
            (2, &json!("x, \"y\".jpg"), &json!("b \"c\",\n"))
        );
        assert_eq!(
            (&rows[0]["width"], &rows[0]["height"], &rows[0]["error"]),
            (&json!(640), &json!(48), &Value::Null)
        );
        let numbers = rows[0]["embedding"].as_array().unwrap().iter();
        assert_eq!(
            numbers.map(|n| n.as_f64().unwrap() as f32).collect::<Vec<_>>(),
            [0.1, -1.5e-30, f32::MAX]
        );
        assert_eq!((&rows[1]["embedding"], &rows[1]["error"]), (&Value::Null, &json!("is \"empty\"")));
        assert_eq!((&rows[1]["sha256"], &rows[1]["label"]), (&Value::Null, &Value::Null));
    }
}
