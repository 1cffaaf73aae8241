//! `labels.csv`: training photos whose labels are probably wrong, the most doubted first.
//!
//! ```text
//! path,given,likely,given_probability,likely_probability
//! ants/3.jpg,ants,bees,0.02,0.97
//! ```
//! Probabilities are of heads that have not learned from the photo. A file without photos says that none is doubted; there is
//! no file where no photo was judged.

use std::path::{Path, PathBuf};

use icecap::advanced::data::{CsvRecords, Part, csv_record};
use icecap::judge::DoubtedLabel;
use icecap::learn::PhotoSet;

use super::files::LABELS;
use super::photo_names::PhotoNames;
use super::text_file::{read, unusable};
use crate::error::Error;

const COLUMNS: [&str; 5] = ["path", "given", "likely", "given_probability", "likely_probability"];
const MOST_BYTES: u64 = 256 << 20;

/// A photo whose label is doubted.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The photo's name.
    pub path: PathBuf,
    /// The class that its label says.
    pub given: usize,
    /// The class that it probably is of.
    pub likely: usize,
    /// The probability of the class that its label says.
    pub given_probability: f32,
    /// The probability of the likely class.
    pub likely_probability: f32,
}

/// Returns the photos of `set` whose labels are doubted, by their names.
#[must_use]
pub fn doubts(set: &PhotoSet, doubted: &[DoubtedLabel], names: &PhotoNames) -> Vec<Doubt> {
    let doubt = |label: &DoubtedLabel| Doubt {
        path: names.name(Part::Train, &set.samples[label.row].path).into(),
        given: label.given,
        likely: label.likely,
        given_probability: label.given_probability,
        likely_probability: label.likely_probability,
    };
    doubted.iter().map(doubt).collect()
}

/// Returns the text of the file.
#[must_use]
pub fn csv(doubts: &[Doubt], classes: &[String]) -> String {
    let mut text = csv_record(COLUMNS);
    for doubt in doubts {
        text += &csv_record([
            &*doubt.path.to_string_lossy(),
            &classes[doubt.given],
            &classes[doubt.likely],
            &doubt.given_probability.to_string(),
            &doubt.likely_probability.to_string(),
        ]);
    }
    text
}

/// Reads the file in the folder of a run with these classes; `None` if there is none.
pub fn read_labels(folder: &Path, classes: &[String]) -> Result<Option<Vec<Doubt>>, Error> {
    let file = folder.join(LABELS);
    let Some(text) = read(&file, MOST_BYTES)? else { return Ok(None) };
    let wrong = |(line, reason): (usize, String)| unusable(&file, &format!("line {line}: {reason}"));
    parse(&text, classes).map(Some).map_err(wrong)
}

/// An error is a line number and a reason.
fn parse(text: &str, classes: &[String]) -> Result<Vec<Doubt>, (usize, String)> {
    let mut doubts = Vec::new();
    for (index, record) in CsvRecords::new(text).enumerate() {
        let (line, fields) = record.map_err(|open| (open.0, "a quote that is not closed".to_owned()))?;
        let Ok([path, given, likely, given_probability, likely_probability]) =
            <[String; 5]>::try_from(fields)
        else {
            return Err((line, "not five columns".to_owned()));
        };
        if index == 0 {
            continue;
        }
        let class = |name: &str| {
            let known = classes.iter().position(|class| class == name);
            known.ok_or_else(|| (line, format!("the class '{name}' is none of the run's")))
        };
        let share = |text: &str| {
            let share = text.parse().ok().filter(|share: &f32| (0.0..=1.0).contains(share));
            share.ok_or_else(|| (line, format!("'{text}' is no probability")))
        };
        doubts.push(Doubt {
            path: path.into(),
            given: class(&given)?,
            likely: class(&likely)?,
            given_probability: share(&given_probability)?,
            likely_probability: share(&likely_probability)?,
        });
    }
    Ok(doubts)
}

#[cfg(test)]
mod tests {
    use icecap::Dataset;
    use icecap::advanced::data::Sample;
    use icecap::advanced::kernels::{Shape, Tensor};
    use icecap::learn::FeatureSet;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_a_wrong_line_is_named() {
        let classes = ["a".to_owned(), "b,\"c\"".to_owned()];
        let sample = |path: &str, class| Sample { path: path.into(), class };
        let features = FeatureSet::new(Tensor::zeros(Shape::of([2, 1])), vec![0, 1]).unwrap();
        let mut dataset = Dataset::default();
        dataset.train = vec![sample("p/x", 0), sample("p/y\n,\"z", 1)];
        let names = PhotoNames::of(&dataset, &["p"]);
        let set = PhotoSet { samples: dataset.train, features };
        let doubted = DoubtedLabel {
            row: 1,
            given: 1,
            likely: 0,
            given_probability: 0.0625,
            likely_probability: 0.9375,
        };
        let text = csv(&doubts(&set, &[doubted], &names), &classes);
        let read = parse(&text, &classes).unwrap();
        assert_eq!((read.len(), read[0].path.to_str()), (1, Some("y\n,\"z")));
        assert_eq!((read[0].given, read[0].likely, read[0].likely_probability), (1, 0, 0.9375));
        assert!(parse(&csv(&[], &classes), &classes).unwrap().is_empty());
        for (row, said) in [
            ("x,a,d,0.1,0.9", "class 'd'"),
            ("x,a,a,0.1,2", "'2' is no probability"),
            ("x,a,a,0.1", "five columns"),
            ("\"x,a,a,0.1,0.9", "quote"),
        ] {
            let (line, reason) = parse(&format!("{text}{row}\n"), &classes).unwrap_err();
            assert!(line == 4 && reason.contains(said), "{row}: {line} {reason}");
        }
    }
}
