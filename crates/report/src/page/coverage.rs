//! What is won by leaving unsure answers out: accuracy against the share of photos that is answered.

use icecap::advanced::data::Part;
use icecap::judge::Coverage;

use super::escape::escape;
use super::figure::percent;
use super::svg::{Plot, drawing, ticks, unit};
use crate::run::Run;
use crate::run::coverage::curve;
use crate::run::operating_point::OperatingRow;
use crate::wording::{counted, grouped};

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 330.0;
const PLOT: Plot = Plot { left: 52.0, right: 426.0, top: 12.0, bottom: 282.0 };
/// The most points of the line: more are closer than a pixel.
const MOST_POINTS: usize = 400;

/// Returns the section's content; `None` if the run has no photos that tell.
pub(super) fn coverage(run: &Run) -> Option<String> {
    let answers: Vec<(f32, bool)> =
        run.part(Part::Val).map(|seen| (seen.probability, seen.is_right())).collect();
    let told = curve(&answers);
    if told.len() < 2 {
        return None;
    }
    let row = |point: &Coverage| {
        format!(
            "<tr><td class=\"num\">{:.4}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
            point.reject_below,
            percent(point.coverage),
            point.accuracy().map_or("–".to_owned(), percent),
            point.photos - point.right
        )
    };
    let header = ["reject below", "answered", "accuracy", "wrong"]
        .map(|title| format!("<th class=\"num\" scope=\"col\">{title}</th>"));
    Some(format!(
        "<div class=\"beside\"><figure class=\"card\">{}</figure><div class=\"card\"><h3>How to read it</h3><p>Validation photos \
         from the surest answer on: the further to the right, the more are answered, and the less sure answers are among them. \
         <span class=\"mono\">predict --reject-below</span> takes a number of the first column; photos below it are told as \
         none of the classes.</p><div class=\"scroll\"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>\
         </div></div></div>{}{}",
        draw(&answers, &told),
        header.concat(),
        told.iter().map(row).collect::<String>(),
        run.metrics.threshold.as_ref().map_or(String::new(), threshold),
        novelty(run)
    ))
}

/// Returns a sentence on the threshold that was sought.
fn threshold(of: &OperatingRow) -> String {
    let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
    let (wish, class) = (escape(&of.wish), escape(&of.class));
    let figures = format!("precision {}, recall {}", share(of.precision), share(of.recall));
    let probability = of.probability.unwrap_or(0.5);
    let text = match (of.reached, of.photos) {
        (_, 0) => "there were too few training photos to choose one by; it stays at a half.".to_owned(),
        (true, photos) => format!(
            "<b>{class}</b> is told from a probability of {probability:.4} on; on {}, each judged by a head \
             that has not seen it: {figures}.",
            counted(photos as usize, "training photo")
        ),
        (false, photos) => format!(
            "no threshold does that for <b>{class}</b> on {}; the nearest, {probability:.4}, has {figures}. It \
             stays at a half.",
            counted(photos as usize, "training photo")
        ),
    };
    format!("<p class=\"note\">Threshold <span class=\"mono\">{wish}</span>: {text}</p>")
}

/// Returns a sentence on photos of something else.
fn novelty(run: &Run) -> String {
    let Some(of) = run.metrics.novelty.filter(|of| of.val > 0) else { return String::new() };
    format!(
        "<p class=\"note\">Photos of something else altogether can be answered surely, too. <span class=\"mono\">predict \
         --reject-novel</span> looks at how far a photo is from those of the training, and takes far ones for none of the \
         classes: here {} of {}, all of which are of the classes.</p>",
        grouped(of.val_novel),
        counted(of.val as usize, "validation photo")
    )
}

fn draw(answers: &[(f32, bool)], told: &[Coverage]) -> String {
    let sorted = Coverage::surest_first(answers);
    // Answers of one confidence come together.
    let (mut photos, mut right, mut points) = (0_usize, 0_usize, Vec::new());
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        photos += equal.len();
        right += equal.iter().filter(|(_, is_right)| *is_right).count();
        points.push((photos as f64 / sorted.len() as f64, right as f64 / photos as f64));
    }
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let points: Vec<(f64, f64)> = points
        .iter()
        .enumerate()
        .filter(|(index, _)| index.is_multiple_of(stride) || *index == last)
        .map(|(_, point)| *point)
        .collect();
    let least = points.iter().map(|(_, accuracy)| *accuracy).fold(0.9, f64::min);
    let low = (least * 10.0).floor() / 10.0;
    let (x, y) = (PLOT.x([0.0, 1.0]), PLOT.y([low, 1.0]));
    let mut out = PLOT.across(&y, &ticks(low, 1.0, 5), true);
    out += &PLOT.along(&x, &ticks(0.0, 1.0, 5), true, "share of the photos that is answered");
    out += &format!(
        "<text class=\"what\" x=\"{}\" y=\"{}\">share of the answers that is right</text>",
        unit(PLOT.left + 8.0),
        unit(PLOT.bottom - 8.0)
    );
    let mut line = String::new();
    for &(coverage, accuracy) in &points {
        let letter = if line.is_empty() { 'M' } else { 'L' };
        line += &format!("{letter}{} {}", unit(x.at(coverage)), unit(y.at(accuracy)));
    }
    for point in told {
        let Some(accuracy) = point.accuracy() else { continue };
        out += &format!(
            "<circle class=\"point\" cx=\"{}\" cy=\"{}\" r=\"4.5\"><title>--reject-below {:.4}\n{} answered, {} of these \
             right</title></circle>",
            unit(x.at(point.coverage)),
            unit(y.at(accuracy)),
            point.reject_below,
            percent(point.coverage),
            percent(accuracy)
        );
    }
    let content = format!("<path class=\"line s1\" d=\"{line}\"/>{out}");
    drawing(WIDTH, HEIGHT, "accuracy against coverage", "chart", &content)
}
