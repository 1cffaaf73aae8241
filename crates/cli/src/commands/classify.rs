//! `icecap classify`: the ImageNet classes of photos, by the classification top that the weights came with.

mod imagenet;

use std::path::PathBuf;

use clap::Args;
use icecap::Backbone;
use icecap::advanced::data::scan_labeled;
use icecap::advanced::graph::Tap;
use icecap::advanced::weights::FileHead;
use icecap::judge::probabilities;
use icecap::model::{Extractor, Preprocessing};
use serde::Serialize;

use crate::options::input::{BackboneOptions, InputOptions};
use crate::photos::batches::for_each_photo;
use crate::photos::skipped;
use crate::terminal::failure::{Code, Failure};
use crate::terminal::lines::Lines;
use crate::terminal::table::{print, table};
use crate::terminal::wording::plain;

use imagenet::label;

#[derive(Args)]
pub(crate) struct Options {
    /// Photos, or folders of photos
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
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
    let found = scan_labeled(&options.images)?;
    skipped::clutter(&found.skipped);
    if let Some(failure) = skipped::unreadable(&found.skipped).filter(|_| options.strict) {
        return Err(failure);
    }
    let photos: Vec<PathBuf> = found.photos.into_iter().map(|(path, _)| path).collect();
    let backbone = options.backbone.open()?.with_limits(options.input.limits());
    if backbone.classes().is_none() {
        return Err(no_top(options, backbone.head()));
    }
    let preprocessing = options.input.over(Preprocessing::for_classification(&backbone)?);
    let report = classify(options, &backbone, preprocessing, &photos)?;
    skipped::larger(report.skipped.iter().map(|photo| photo.reason.as_str()));
    if report.photos.is_empty() {
        let code = if report.over_limit == photos.len() { Code::Limit } else { Code::Content };
        return Err(Failure::new(code, format!("none of {} photos could be used", photos.len())));
    }
    if options.json {
        return print(&format!("{}\n", serde_json::json!(report)));
    }
    print(&text(&report))
}

fn no_top(options: &Options, head: &FileHead) -> Failure {
    let weights = options.backbone.file().map_or("the starter".to_owned(), |path| path.display().to_string());
    let refuse = |message: String| Failure::new(Code::Content, message);
    match head {
        FileHead::Unreadable { reason } => {
            return refuse(format!(
                "{weights}: its head cannot be read: {reason}; train one on classes of your own with `icecap train`"
            ));
        }
        FileHead::Layers(_) => {
            return refuse(format!(
                "{weights}: its head is of somebody's own classes; `icecap weights import {weights} --classes A,B,… -o MODEL` \
                 makes a model of it, for `icecap predict`"
            ));
        }
        FileHead::None | FileHead::Top => {}
    }
    let message = format!(
        "{weights}: these weights have no classification top; name some that have with --weights, \
         or train a head on classes of your own with `icecap train`"
    );
    refuse(message)
}

fn classify(
    options: &Options,
    backbone: &Backbone,
    preprocessing: Preprocessing,
    photos: &[PathBuf],
) -> Result<Report, Failure> {
    let mut extractor = Extractor::new(backbone, preprocessing, Tap::Classes)?;
    let mut report = Report { photos: Vec::new(), skipped: Vec::new(), over_limit: 0 };
    let (mut warnings, mut left_out) = (Lines::default(), Lines::default());
    for_each_photo(&mut extractor, backbone.threads().count(), photos, |index, outcome| {
        let path = photos[index].display().to_string();
        match outcome {
            Ok((scores, photo)) => {
                for warning in &photo.warnings {
                    warnings.tell(|| format!("warning: {path}: {warning}"));
                }
                report.photos.push(Photo { path, predictions: best(scores, usize::from(options.top)) });
            }
            Err(error) if options.strict => return Err(Failure::new(Code::Content, error.to_string())),
            Err(error) => {
                report.over_limit += usize::from(skipped::is_limit(&error));
                left_out.tell(|| format!("skipped {error}"));
                report.skipped.push(Skipped { path, reason: skipped::reason(&error) });
            }
        }
        Ok(())
    })?;
    warnings.end("such warnings");
    left_out.end("skipped photos");
    Ok(report)
}

/// Returns the most probable classes, the best first; of equal ones the first of the top.
fn best(scores: &[f32], top: usize) -> Vec<Prediction> {
    let probabilities = probabilities(scores);
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let named =
        |index| Prediction { index, label: label(index, scores.len()), probability: probabilities[index] };
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
        let three = best(&[0.0, 2.0, 1.0], 5);
        assert_eq!(three.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(three[0].label, "class 1");
        assert_eq!(
            best(&vec![0.0; 1000], 2).iter().map(|p| p.label.as_str()).collect::<Vec<_>>(),
            ["tench", "goldfish"]
        );
    }
}
