//! Damaged photos through the whole program, each between two whole ones: it has a row that says what the decoder says, and
//! the others are answered as ever.

use std::path::Path;

use icecap::advanced::data::{ExifPolicy, Limits, decode};
use serde_json::Value;

use super::mutate::drawn;
use super::reader::hush;
use super::seeds::seeds;
use crate::product::{Product, last_line, raw};
use crate::report::of_file;
use crate::{Plan, Report, photos};

/// Predicts 2,000 mutants where `plan` says nothing else.
///
/// # Errors
/// The report, where a case broke a promise or none ran.
pub fn run(binary: &Path, golden: &Path, plan: &Plan) -> Result<String, String> {
    let place = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = |name: &str| place.path().join(name).to_string_lossy().into_owned();
    let product = Product::new(binary, Path::new(&path("cache")));
    photos::folder(Path::new(&path("photos")), &["cat", "dog"], 4, 1)?;
    let (model, file) = (product.model(&path("photos"), &path("run"))?, path("mutant"));
    let predict = ["predict", &model, &path("photos/cat/0.bmp"), &file, &path("photos/dog/0.bmp"), "--json"];
    std::fs::copy(predict[2], &file).map_err(|e| e.to_string())?;
    let usual = rows(&product.succeed(&predict)?.stdout)?;

    hush();
    let (formats, mut report) = (seeds(golden)?, Report::new("torture predictions", plan));
    for case in plan.cases(2000) {
        let mut random = plan.random(case);
        let (seed, bytes) = drawn(&formats, &mut random);
        std::fs::write(&file, &bytes).map_err(|e| e.to_string())?;
        let output = product.run(&predict)?;
        let outcome = match rows(&output.stdout) {
            _ if output.status.code() != Some(0) => Err(format!("{}, {}", output.status, last_line(&output))),
            Ok(rows) => compared(&usual, &rows, &bytes),
            Err(broken) => Err(broken),
        };
        report.hear(case, of_file(&seed.name, outcome));
    }
    report.finish()
}

fn rows(json: &[u8]) -> Result<[Value; 3], String> {
    let text = std::str::from_utf8(json).map_err(|e| e.to_string())?;
    if let Some(line) = raw(text) {
        return Err(format!("it prints {line:?}"));
    }
    serde_json::from_str(text).map_err(|error| format!("not three rows: {error}"))
}

/// Whether the whole photos are answered as without damage between them, and the damaged one as it decodes.
fn compared(usual: &[Value; 3], rows: &[Value; 3], bytes: &[u8]) -> Result<String, String> {
    for at in [0, 2] {
        if rows[at] != usual[at] {
            return Err(format!("{} beside it, not {}", rows[at], usual[at]));
        }
    }
    let decoded = decode(bytes, &Limits::default(), ExifPolicy::Apply).map(drop);
    match (&rows[1]["error"], decoded) {
        (Value::Null, Ok(())) if rows[1]["label"].is_string() => Ok("a photo, answered".to_owned()),
        (Value::String(said), Err(error)) if *said == error.to_string() => Ok("refused, said".to_owned()),
        (said, decoded) => Err(format!("the row says {said}, the decoder {decoded:?}")),
    }
}
