//! A look at a dataset before it is trained on.

use std::sync::Arc;

use icecap::advanced::data::{Cache, Part};
use icecap::check::{Checker, Checkup, Finding, SIMILAR};
use icecap::model::Preprocessing;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::backbone::Backbone;
use crate::listener::Listener;
use crate::train_options::Listed;
use crate::weights_source;

/// Looks at the photos of a folder, an archive or a list, and returns what was found as the text of a JSON array: the findings
/// of `icecap check --json`, with the paths of photos as they are.
#[pyfunction]
pub(crate) fn check_folder(
    backbone: &Bound<'_, Backbone>,
    listed: Listed,
    similar: Option<f32>,
    cache: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let py = backbone.py();
    let listener = Listener::new(py, progress)?;
    let (facade, preprocessing): (_, Preprocessing) =
        (backbone.get().facade()?, backbone.get().preprocessing()?);
    listener.watch.run(py, || {
        let folder = cache.then(weights_source::cache_folder).flatten();
        let cache = folder.map(|folder| Arc::new(Cache::new(&folder.join("features"))));
        let checker = Checker::new(facade)?
            .preprocessing(preprocessing)
            .cache(cache)
            .similar(similar.unwrap_or(SIMILAR));
        let checkup = checker.check(listed.survey()?, &|step| listener.step(step))?;
        let findings: Vec<Value> =
            checkup.findings().iter().map(|finding| found(&checkup, finding)).collect();
        Ok(Value::Array(findings).to_string())
    })
}

fn found(checkup: &Checkup, finding: &Finding) -> Value {
    let of = |photo: &usize| &checkup.survey.photos[*photo];
    let (classes, parts) = (checkup.classes_of(&finding.photos), checkup.parts_of(&finding.photos));
    let path = |photo: &usize| of(photo).1.path.to_string_lossy().into_owned();
    json!({
        "level": finding.level.to_string(),
        "kind": finding.kind,
        "message": finding.message,
        "photos": finding.photos.iter().map(path).collect::<Vec<_>>(),
        "classes": classes.iter().map(|&class| &checkup.survey.classes[class]).collect::<Vec<_>>(),
        "parts": parts.into_iter().map(Part::name).collect::<Vec<_>>(),
    })
}
