//! Whether a probability means what it says: accuracy against confidence.

use icecap::advanced::data::Part;
use icecap::judge::{Bin, Reliability, interval};

use super::figure::percent;
use super::svg::{Plot, drawing, ticks, unit};
use crate::run::Run;
use crate::wording::counted;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 400.0;
const PLOT: Plot = Plot { left: 52.0, right: 426.0, top: 12.0, bottom: 272.0 };
/// Where the photos of each range are counted, below.
const COUNTS: Plot = Plot { left: 52.0, right: 426.0, top: 288.0, bottom: 348.0 };

/// Returns the section's content; `None` if the run has no photos.
pub(super) fn reliability(run: &Run) -> Option<String> {
    let Reliability { bins, ece } = run.reliability(Part::Val)?;
    let (all, right) = bins.iter().fold((0, 0), |(all, right), bin| (all + bin.photos, right + bin.right));
    let confidence = bins.iter().map(|bin| bin.confidence * bin.photos as f64).sum::<f64>() / all as f64;
    let accuracy = right as f64 / all as f64;
    let verdict = match confidence - accuracy {
        apart if apart > 0.03 => {
            "The model is surer of itself than it should be: take its probabilities with a grain of salt."
        }
        apart if apart < -0.03 => {
            "The model is right more often than it says: its probabilities are too modest."
        }
        _ => "On the whole its probabilities can be taken at their word.",
    };
    let few =
        if all < 200 { " With so few photos each point is uncertain, as the thin lines show." } else { "" };
    Some(format!(
        "<div class=\"beside\"><figure class=\"card\">{}</figure><div class=\"card\"><h3>How to read it</h3>\
         <dl class=\"facts\"><dt>Calibration error (ECE)</dt><dd>{}</dd><dt>Mean confidence</dt><dd>{}</dd>\
         <dt>Accuracy</dt><dd>{}</dd></dl><p>Photos are grouped by how sure the model is of its answer. On the dashed line \
         nine of ten answers given with 90&nbsp;% are right; points below it are too sure, points above it too modest. The \
         thin lines are 95&nbsp;% intervals, the bars below count the photos of each group.</p><p>{verdict}{few}{}</p>\
         </div></div>",
        draw(&bins),
        percent(ece),
        percent(confidence),
        percent(accuracy),
        tempered(run)
    ))
}

/// Returns a sentence about the temperature, if one was fitted.
fn tempered(run: &Run) -> String {
    match (run.metrics.temperature.map(f64::from), run.metrics.ece_uncalibrated) {
        (Some(temperature), Some(error)) if temperature != 1.0 => format!(
            " Logits were divided by a temperature of {temperature:.2} first; without it the calibration error would be {}.",
            percent(error)
        ),
        _ => String::new(),
    }
}

fn draw(bins: &[Bin]) -> String {
    let (x, y) = (PLOT.x([0.0, 1.0]), PLOT.y([0.0, 1.0]));
    let most = bins.iter().map(|bin| bin.photos).max().unwrap_or(0).max(1);
    let height = COUNTS.y([0.0, most as f64]);
    let mut out = PLOT.across(&y, &ticks(0.0, 1.0, 5), true);
    out += &COUNTS.along(&x, &ticks(0.0, 1.0, 5), true, "confidence");
    out += &format!(
        "<path class=\"ideal\" d=\"M{} {}L{} {}\"/><text class=\"what\" x=\"{}\" y=\"{}\">share that is right</text>",
        unit(PLOT.left),
        unit(PLOT.bottom),
        unit(PLOT.right),
        unit(PLOT.top),
        unit(PLOT.left + 8.0),
        unit(PLOT.top + 14.0)
    );
    let mut line = String::new();
    for (index, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.photos > 0) {
        let left = x.at(index as f64 / bins.len() as f64);
        let wide = (PLOT.right - PLOT.left) / bins.len() as f64;
        let (at, up) = (x.at(bin.confidence), y.at(bin.accuracy));
        line += &format!("{}{} {}", if line.is_empty() { 'M' } else { 'L' }, unit(at), unit(up));
        let [low, high] = interval(bin.right, bin.photos);
        let top = height.at(bin.photos as f64).min(COUNTS.bottom - 1.0);
        out += &format!(
            "<g class=\"bin\"><rect class=\"tally\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\
             <path class=\"whisker\" d=\"M{at} {}V{}\"/><circle class=\"point\" cx=\"{at}\" cy=\"{}\" r=\"4.5\"/>\
             <title>{}, confidence {}\nright {} (95 % interval {} to {})</title></g>",
            unit(left + 2.0),
            unit(top),
            unit(wide - 4.0),
            unit(COUNTS.bottom - top),
            unit(y.at(low)),
            unit(y.at(high)),
            unit(up),
            counted(bin.photos, "photo"),
            percent(bin.confidence),
            percent(bin.accuracy),
            percent(low),
            percent(high),
            at = unit(at),
        );
    }
    let content = format!("<path class=\"line s1\" d=\"{line}\"/>{out}");
    drawing(WIDTH, HEIGHT, "reliability: accuracy against confidence", "chart", &content)
}
