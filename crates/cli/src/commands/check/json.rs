//! What a check found, for programs.

use std::collections::BTreeMap;

use icecap::advanced::data::Part;
use icecap::check::{Checkup, Finding, Level, Seen};
use serde::Serialize;

use super::names::Names;
use super::options::Options;
use super::text;

#[derive(Serialize)]
pub(super) struct Report<'a> {
    folder: String,
    val: Option<String>,
    /// `clean`, `warnings` or `errors`.
    verdict: &'static str,
    errors: usize,
    warnings: usize,
    notes: usize,
    photos: usize,
    unreadable: usize,
    cached: usize,
    classes: Vec<Class<'a>>,
    /// Width x height of the smallest, the middle and the largest photo by pixels.
    sizes: Option<Sizes>,
    formats: BTreeMap<String, usize>,
    turned: usize,
    /// Photos that were compared with each other, and the likeness from which they are told.
    compared: usize,
    similarity_threshold: f32,
    findings: Vec<Found<'a>>,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct Class<'a> {
    name: &'a str,
    /// `None` for a part that the dataset does not have.
    train: Option<usize>,
    val: Option<usize>,
    test: Option<usize>,
    total: usize,
    share: f64,
}

#[derive(Serialize)]
struct Sizes {
    min: String,
    median: String,
    max: String,
}

#[derive(Serialize)]
struct Found<'a> {
    level: String,
    kind: &'a str,
    message: &'a str,
    /// Relative to the dataset, as `--exclude` takes them.
    photos: Vec<String>,
    /// The classes and parts of a group of photos.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<&'static str>,
}

#[derive(Serialize)]
struct File<'a> {
    path: String,
    part: &'static str,
    class: &'a str,
    format: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    turned: bool,
    sha256: Option<String>,
    oddities: Vec<String>,
    error: Option<String>,
}

pub(super) fn report<'a>(options: &Options, checkup: &'a Checkup, findings: &'a [Finding]) -> Report<'a> {
    let names = Names::of(options);
    let of = |level| findings.iter().filter(|finding| finding.level == level).count();
    let seen: Vec<&Seen> = checkup.seen().map(|(_, seen)| seen).collect();
    let verdict = match (of(Level::Error), of(Level::Warning)) {
        (0, 0) => "clean",
        (0, _) => "warnings",
        _ => "errors",
    };
    Report {
        folder: options.folder.to_string_lossy().into_owned(),
        val: options.val.as_ref().map(|val| val.to_string_lossy().into_owned()),
        verdict,
        errors: of(Level::Error),
        warnings: of(Level::Warning),
        notes: of(Level::Note),
        photos: checkup.survey.photos.len(),
        unreadable: checkup.photos.len() - seen.len(),
        cached: checkup.cached,
        classes: classes(checkup),
        sizes: text::sizes(&seen).map(|[min, median, max]| Sizes { min, median, max }),
        formats: text::formats(&seen),
        turned: seen.iter().filter(|seen| seen.about.turned).count(),
        compared: checkup.compared,
        similarity_threshold: checkup.threshold,
        findings: findings.iter().map(|finding| found(checkup, &names, finding)).collect(),
        files: (0..checkup.photos.len()).map(|photo| file(checkup, &names, photo)).collect(),
    }
}

fn classes(checkup: &Checkup) -> Vec<Class<'_>> {
    let photos = checkup.survey.photos.len().max(1);
    let counts = |part| checkup.survey.parts.contains(&part).then(|| checkup.counts(part));
    let [train, val, test] = [Part::Train, Part::Val, Part::Test].map(counts);
    let mut classes = Vec::new();
    for (index, name) in checkup.survey.classes.iter().enumerate() {
        let of = |counts: &Option<Vec<usize>>| counts.as_ref().map(|counts| counts[index]);
        let (train, val, test) = (of(&train), of(&val), of(&test));
        let total: usize = [train, val, test].into_iter().flatten().sum();
        classes.push(Class { name, train, val, test, total, share: total as f64 / photos as f64 });
    }
    classes
}

fn found<'a>(checkup: &'a Checkup, names: &Names, finding: &'a Finding) -> Found<'a> {
    let of = |photo: &usize| &checkup.survey.photos[*photo];
    let (classes, parts) = (checkup.classes_of(&finding.photos), checkup.parts_of(&finding.photos));
    Found {
        level: finding.level.to_string(),
        kind: finding.kind,
        message: &finding.message,
        photos: finding.photos.iter().map(|photo| names.name(&of(photo).1.path)).collect(),
        classes: classes.into_iter().map(|class| checkup.survey.classes[class].as_str()).collect(),
        parts: parts.into_iter().map(Part::name).collect(),
    }
}

fn file<'a>(checkup: &'a Checkup, names: &Names, photo: usize) -> File<'a> {
    let (part, sample) = &checkup.survey.photos[photo];
    let (seen, error) = match &checkup.photos[photo] {
        Ok(seen) => (Some(seen), None),
        Err(error) => (None, Some(error.reason())),
    };
    File {
        path: names.name(&sample.path),
        part: part.name(),
        class: &checkup.survey.classes[sample.class],
        format: seen.map(|seen| seen.about.format.to_string()),
        width: seen.map(|seen| seen.about.width),
        height: seen.map(|seen| seen.about.height),
        turned: seen.is_some_and(|seen| seen.about.turned),
        sha256: seen.map(|seen| seen.sha256.to_string()),
        oddities: checkup.oddities(photo).iter().map(ToString::to_string).collect(),
        error,
    }
}
