//! `icecap classify`: the ImageNet classes of photos, by the classification top that the weights came with.

mod imagenet;

use std::path::PathBuf;

use clap::Args;
use icecap::advanced::graph::Tap;
use icecap::advanced::weights::FileHead;
use icecap::judge::probabilities;
use icecap::model::{Extractor, Preprocessing};
use icecap::{Backbone, Classifier, Settings};
use serde::Serialize;

use crate::options::dataset::{ListedOptions, labeled};
use crate::options::input::{BackboneOptions, InputOptions};
use crate::photos::batches::for_each_photo;
use crate::photos::skipped;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::lines::Lines;
use crate::terminal::table::{print, table};
use crate::terminal::wording::{counted, plain, plain_path};

use imagenet::{COUNT, label};

#[derive(Args)]
pub(crate) struct Options {
    /// Photos, folders of photos, or .csv files with columns path and label
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    listed: ListedOptions,
    #[command(flatten)]
    backbone: BackboneOptions,
    #[command(flatten)]
    input: InputOptions,
    /// Classes to show of each photo
    #[arg(long, value_name = "K", allow_negative_numbers = true, default_value_t = 5, value_parser = crate::options::count::at_least_one)]
    top: u16,
    /// Fail if a photo or a folder cannot be read, instead of leaving it out
    #[arg(long)]
    strict: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    photos: Vec<Photo>,
    skipped: Vec<Skipped>,
    /// How many of the skipped photos are above a limit.
    #[serde(skip)]
    over_limit: usize,
}

#[derive(Serialize)]
struct Photo {
    path: String,
    predictions: Vec<Prediction>,
}

#[derive(Serialize)]
struct Prediction {
    index: usize,
    label: String,
    probability: f32,
}

#[derive(Serialize)]
struct Skipped {
    path: String,
    reason: String,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let found = labeled(&options.images, &options.listed)?;
    skipped::clutter(&found.skipped);
    if let Some(failure) = skipped::unreadable(&found.skipped).filter(|_| options.strict) {
        return Err(failure);
    }
    let photos: Vec<PathBuf> = found.photos.into_iter().map(|(path, _)| path).collect();
    let backbone = options.backbone.open_for(&options.input)?;
    let top = Top::of(options, &backbone)?;
    let preprocessing = options.input.over(Preprocessing::for_classification(&backbone)?);
    let report = classify(options, &backbone, preprocessing, (&top, &photos))?;
    skipped::larger(report.skipped.iter().map(|photo| photo.reason.as_str()));
    if report.photos.is_empty() {
        let code = if report.over_limit == photos.len() { Code::Limit } else { Code::Content };
        return Err(Failure::new(code, format!("none of {} could be used", counted(photos.len(), "photo"))));
    }
    if options.json {
        return print(&format!("{}\n", serde_json::json!(report)));
    }
    print(&text(&report))
}

/// What tells the classes.
enum Top {
    /// The net's own layer, for the classes of ImageNet.
    Published,
    /// The layers that somebody put on the features, with the names of their outputs.
    Own(Box<Classifier>),
}

impl Top {
    /// Returns what stands on the features of the weights.
    fn of(options: &Options, backbone: &Backbone) -> Result<Self, Failure> {
        let classes = match (backbone.head(), backbone.classes()) {
            (FileHead::Layers(head), _) => head.outputs(),
            (_, Some(classes)) => classes,
            (head, None) => return Err(no_top(options, head)),
        };
        if [COUNT, COUNT + 1].contains(&classes) && !matches!(backbone.head(), FileHead::Layers(_)) {
            return Ok(Self::Published);
        }
        let weights = options.backbone.weights()?;
        // One output tells two classes apart.
        let numbers = || (0..classes.max(2)).map(|class| label(class, classes)).collect();
        let names = weights.classes.clone().filter(|names| names.len() == classes.max(2));
        let settings = Settings { precision: None, ..options.backbone.runner.settings() };
        let classifier = Classifier::from_weights(weights, names.unwrap_or_else(numbers), settings)?;
        Ok(Self::Own(Box::new(classifier)))
    }

    /// Returns what it reads of a photo.
    fn tap(&self) -> Tap {
        match self {
            Self::Published => Tap::Classes,
            Self::Own(_) => Tap::Pooled,
        }
    }

    /// Returns the most probable classes of a photo.
    fn best(&self, row: &[f32], top: usize) -> Vec<Prediction> {
        match self {
            Self::Published => best(&probabilities(row), |class| label(class, row.len()), top),
            Self::Own(classifier) => {
                let names = classifier.classes();
                best(&classifier.of_features(row).probabilities, |class| names[class].clone(), top)
            }
        }
    }
}

fn no_top(options: &Options, head: &FileHead) -> Failure {
    let weights = options.backbone.file().map_or("the starter".to_owned(), |path| plain_path(&path));
    let message = match head {
        FileHead::Unreadable { reason } => format!(
            "{weights}: its head cannot be read: {}; train one on classes of your own with `icecap train`",
            plain(reason)
        ),
        _ => format!(
            "{weights}: these weights have no classification top; name some that have with --weights, \
             or train a head on classes of your own with `icecap train`"
        ),
    };
    Failure::new(Code::Content, message)
}

fn classify(
    options: &Options,
    backbone: &Backbone,
    preprocessing: Preprocessing,
    (top, photos): (&Top, &[PathBuf]),
) -> Result<Report, Failure> {
    let mut extractor = Extractor::new(backbone, preprocessing, top.tap())?;
    let mut report = Report { photos: Vec::new(), skipped: Vec::new(), over_limit: 0 };
    let (mut warnings, mut left_out) = (Lines::default(), Lines::default());
    for_each_photo(&mut extractor, backbone.threads().count(), photos, |index, outcome| {
        let path = photos[index].display().to_string();
        match outcome {
            Ok((row, photo)) => {
                for warning in &photo.warnings {
                    warnings.tell(|| format!("warning: {path}: {warning}"));
                }
                report.photos.push(Photo { path, predictions: top.best(row, usize::from(options.top)) });
            }
            Err(error) if options.strict => return Err(Failure::new(Code::Content, error.to_string())),
            Err(error) => {
                report.over_limit += usize::from(skipped::is_limit(&error));
                left_out.tell(|| format!("skipped {error}"));
                report.skipped.push(Skipped { path, reason: error.reason() });
            }
        }
        Ok(())
    })?;
    warnings.end("such warnings");
    left_out.end("skipped photos");
    Ok(report)
}

/// Returns the most probable classes, the best first; of equal ones the first.
fn best(probabilities: &[f32], name: impl Fn(usize) -> String, top: usize) -> Vec<Prediction> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let named = |index| Prediction { index, label: name(index), probability: probabilities[index] };
    order.into_iter().take(top).map(named).collect()
}

fn text(report: &Report) -> String {
    let rows = report.photos.iter().flat_map(|photo| {
        photo.predictions.iter().enumerate().map(|(place, prediction)| {
            let path = if place == 0 { plain(&photo.path).into_owned() } else { String::new() };
            vec![path, prediction.label.clone(), format!("{:.1} %", 100.0 * prediction.probability)]
        })
    });
    let table = table(&["photo", "class", "probability"], &[2], rows);
    format!("{table}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_no_more_than_there_are() {
        let three = best(&[0.0, 0.75, 0.25], |class| label(class, 3), 5);
        assert_eq!(three.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(three[0].label, "class 1");
        assert_eq!(
            best(&vec![0.001; COUNT], |class| label(class, COUNT), 2)
                .iter()
                .map(|p| p.label.as_str())
                .collect::<Vec<_>>(),
            ["tench", "goldfish"]
        );
    }
}
