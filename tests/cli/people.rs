//! Models and checkpoints as people have them, made by Keras, tf_keras and PyTorch: each gives what its framework gives, or is
//! refused by the layer or class that is the reason. `tools/reference/people_models.py FOLDER` makes them, and
//! `people_exported.py FOLDER` ONNX and TFLite files of other exporters; `ICECAP_TEST_PEOPLE` names the folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::Value;

use crate::place::{Place, Run};

const VARIABLE: &str = "ICECAP_TEST_PEOPLE";

/// What a file must become, as people_models.py writes it.
#[derive(Deserialize)]
struct Entry {
    file: String,
    classes: Vec<String>,
    /// Words of `weights import`.
    options: Vec<String>,
    photos: Vec<String>,
    /// Of a model: `open`, `refuse`, `either`, or `told`, where what was assumed must be said.
    expect: String,
    /// Of the backbone alone.
    extract: String,
    /// A refusal holds one of these.
    named: Vec<String>,
    /// What is said of a file that opens holds one of these.
    #[serde(default)]
    told: Vec<String>,
    tolerance: f32,
    /// A safetensors file with `probabilities` and `pooled`.
    values: Option<String>,
}

/// What came of one file in one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Agrees,
    RefusedByName,
    /// Another answer than the framework's, and not a word of it.
    Silent,
    /// Opened by an assumption that is not told.
    Untold,
    /// Refused, and should not be.
    Refused,
    /// Refused, and the reason is not in the message.
    Unnamed,
    /// Ended in another way than with an answer or a line.
    Broken,
}

impl Verdict {
    fn holds(self) -> bool {
        matches!(self, Self::Agrees | Self::RefusedByName)
    }
}

struct Outcome {
    verdict: Verdict,
    about: String,
}

#[test]
fn models_of_people_agree_with_their_frameworks_or_are_refused_by_name() {
    let Some(folder) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from) else {
        // Past the capture of the test harness: a test that did nothing must not look like one that passed.
        let _ = writeln!(std::io::stderr(), "skipped: {VARIABLE} is not set");
        return;
    };
    let place = Place::new();
    let (mut table, mut counts, mut failures) = (String::new(), BTreeMap::new(), 0);
    for (list, least) in [("keras.json", 60), ("torch.json", 40), ("exported.json", 0)] {
        if least == 0 && !folder.join(list).exists() {
            continue; // made by a script of its own, people_exported.py
        }
        let entries: Vec<Entry> = serde_json::from_slice(&std::fs::read(folder.join(list)).unwrap()).unwrap();
        assert!(entries.len() >= least, "{list} names {} files, {least} are wanted", entries.len());
        for entry in entries {
            let case = Case { place: &place, folder: &folder, entry: &entry };
            for (use_of, outcome) in [("predict", case.model()), ("extract", case.backbone())] {
                *counts.entry(outcome.verdict).or_insert(0) += 1;
                failures += usize::from(!outcome.verdict.holds());
                let Outcome { verdict, about } = outcome;
                let verdict = format!("{verdict:?}");
                writeln!(table, "{:<52} {use_of} {verdict:<14} {about}", entry.file).unwrap();
            }
        }
    }
    let _ = writeln!(std::io::stderr(), "{table}{counts:?}");
    assert_eq!(failures, 0, "{counts:?}, see the table above");
}

/// One file, and where it is tried.
struct Case<'a> {
    place: &'a Place,
    folder: &'a Path,
    entry: &'a Entry,
}

impl Case<'_> {
    /// Imports the file as a model and predicts its photos.
    fn model(&self) -> Outcome {
        let (file, classes) = (self.path(&self.entry.file), self.entry.classes.join(","));
        let mut words = vec!["weights", "import", &file, "--classes", &classes, "-o", "people.safetensors"];
        words.extend(self.entry.options.iter().map(String::as_str));
        let imported = self.place.icecap(&words);
        if imported.code != Some(0) {
            return self.refusal(&imported, &self.entry.expect);
        }
        if self.entry.expect == "refuse" {
            return Outcome {
                verdict: Verdict::Silent,
                about: format!("opens; expected {:?}", self.entry.named),
            };
        }
        let photos = self.photos();
        let count = self.entry.classes.len().to_string();
        let mut words = vec!["predict", "people.safetensors", "--format", "jsonl", "--top", &count];
        words.extend(photos.iter().map(String::as_str));
        let predicted = self.place.icecap(&words);
        if predicted.code != Some(0) {
            return Outcome { verdict: Verdict::Broken, about: predicted.stderr };
        }
        let said = format!("{}{}", imported.stderr, predicted.stderr).to_lowercase();
        let told = self.entry.told.iter().any(|word| said.contains(&word.to_lowercase()));
        if !told && !self.entry.told.is_empty() {
            return Outcome { verdict: Verdict::Untold, about: said };
        }
        if self.entry.expect == "told" {
            return Outcome { verdict: Verdict::Agrees, about: "says what it assumes".to_owned() };
        }
        let got = self.probabilities(&predicted.stdout);
        compared(&got, &self.values("probabilities").expect("of what opens"), self.entry.tolerance)
    }

    /// Extracts features with the file as a backbone.
    fn backbone(&self) -> Outcome {
        let (file, photos) = (self.path(&self.entry.file), self.photos());
        let mut rows = Vec::new();
        for photo in &photos {
            let mut words =
                vec!["extract", photo, "--weights", &file, "-o", "people.safetensors", "--no-cache"];
            words.extend(self.entry.options.iter().map(String::as_str));
            let run = self.place.icecap(&words);
            if run.code != Some(0) {
                return self.refusal(&run, &self.entry.extract);
            }
            let bytes = std::fs::read(self.place.path("people.safetensors")).unwrap();
            rows.extend(floats(&bytes, "features").unwrap());
        }
        if self.entry.extract == "refuse" {
            return Outcome {
                verdict: Verdict::Silent,
                about: format!("opens; expected {:?}", self.entry.named),
            };
        }
        let Some(right) = self.values("pooled") else {
            return Outcome { verdict: Verdict::Agrees, about: "opens".to_owned() };
        };
        // f32 sums of a thousand products, in another order.
        let largest = right.iter().fold(1.0, |most: f32, value| most.max(value.abs()));
        compared(&rows, &right, 1e-4 * largest)
    }

    fn refusal(&self, run: &Run, expected: &str) -> Outcome {
        let about = run.stderr.trim().to_owned();
        if run.code.is_none_or(|code| !(2..=5).contains(&code)) {
            return Outcome { verdict: Verdict::Broken, about };
        }
        if expected == "open" {
            return Outcome { verdict: Verdict::Refused, about };
        }
        // The path that the message begins with names the case, and so the reason: it does not count.
        let said = about.replace(&self.path(&self.entry.file), "").to_lowercase();
        let named = self.entry.named.iter().any(|word| said.contains(&word.to_lowercase()));
        Outcome { verdict: if named { Verdict::RefusedByName } else { Verdict::Unnamed }, about }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).into_os_string().into_string().unwrap()
    }

    fn photos(&self) -> Vec<String> {
        self.entry.photos.iter().map(|photo| self.path(photo)).collect()
    }

    /// Rows of the framework's own values.
    fn values(&self, name: &str) -> Option<Vec<f32>> {
        floats(&std::fs::read(self.path(self.entry.values.as_deref()?)).unwrap(), name)
    }

    /// The probabilities of all classes in the order of the classes, photo by photo.
    fn probabilities(&self, lines: &str) -> Vec<f32> {
        let mut all = Vec::new();
        for line in lines.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let top = row["top"].as_array().unwrap();
            for class in &self.entry.classes {
                let of = top.iter().find(|one| one["label"] == class.as_str());
                all.push(of.map_or(f32::NAN, |one| one["probability"].as_f64().unwrap() as f32));
            }
        }
        all
    }
}

/// The values of an f32 tensor.
fn floats(bytes: &[u8], name: &str) -> Option<Vec<f32>> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let tensor = file.tensor(name).ok()?;
    let (words, _) = tensor.data().as_chunks::<4>();
    Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
}

fn compared(got: &[f32], right: &[f32], tolerance: f32) -> Outcome {
    let apart = got.iter().zip(right).map(|(got, right)| (got - right).abs());
    // A NaN is no agreement: it must not be lost in a maximum.
    let close = got.len() == right.len() && apart.clone().all(|apart| apart <= tolerance);
    let verdict = if close { Verdict::Agrees } else { Verdict::Silent };
    Outcome { verdict, about: format!("off by {:.1e}", apart.fold(0.0, f32::max)) }
}
