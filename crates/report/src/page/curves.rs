//! Loss and accuracy over the epochs: running, training with dropout off, validation.

use super::figure::{loss, percent};
use super::svg::{Plot, Scale, drawing, steps, ticks, unit};
use crate::run::figure::Figure;
use crate::run::history::EpochRow;
use crate::run::metrics::Metrics;

/// Units of a chart.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 286.0;
const PLOT: Plot = Plot { left: 48.0, right: 426.0, top: 12.0, bottom: 244.0 };
/// The most epochs that are drawn, evenly spaced: a page has no more pixels.
const DRAWN: usize = 400;
/// The most epochs that have a dot each.
const DOTS: usize = 30;

/// One line of a chart.
struct Series {
    name: &'static str,
    class: &'static str,
    of: fn(&EpochRow) -> Option<Figure>,
}

/// One chart.
struct Chart {
    title: &'static str,
    series: [Series; 3],
    before: Option<f64>,
    /// The epoch whose head was kept.
    kept: Option<u32>,
    /// The first epoch in which the net has learned too.
    tuned: Option<u32>,
    percent: bool,
}

/// Returns the section's content; `None` if no epoch is known.
pub(super) fn curves(metrics: &Metrics) -> Option<String> {
    let epochs = thinned(&metrics.history);
    if epochs.is_empty() {
        return None;
    }
    let series = |of: [fn(&EpochRow) -> Option<Figure>; 3]| {
        let [running, train, val] = of;
        [
            Series { name: "training, running", class: "s1", of: running },
            Series { name: "training, dropout off", class: "s2", of: train },
            Series { name: "validation", class: "s3", of: val },
        ]
    };
    let last = metrics.history.last().map_or(0, |row| row.epoch);
    let tuned =
        metrics.tuned.as_ref().map(|tuned| tuned.first_epoch).filter(|first| (1..=last).contains(first));
    let losses = Chart {
        title: "Loss",
        series: series([|row| row.running_loss, |row| row.train_loss, |row| row.val_loss]),
        before: metrics.loss_0.map(f64::from).filter(|loss| loss.is_finite()),
        kept: metrics.epochs_chosen,
        tuned,
        percent: false,
    };
    let accuracies = Chart {
        title: "Accuracy",
        series: series([|row| row.running_accuracy, |row| row.train_accuracy, |row| row.val_accuracy]),
        before: metrics.accuracy_0.map(f64::from).filter(|accuracy| accuracy.is_finite()),
        kept: metrics.epochs_chosen,
        tuned,
        percent: true,
    };
    let watched = metrics.history.iter().any(|row| losses.series[2].at(row).is_some());
    let why = if watched { WHY } else { "" };
    let charts = [losses, accuracies].map(|chart| chart.figure(&epochs));
    Some(format!("<div class=\"two\">{}</div>{why}", charts.concat()))
}

const WHY: &str = "<p class=\"note\"><b>Why validation can look better than training.</b> The running numbers are means over an \
         epoch in which dropout hides a share of the features and the head is still learning, while validation is \
         measured at the epoch’s end with every feature there. The line to hold validation against is therefore \
         training with dropout off, which is measured at the same moment and in the same way.</p>";

/// Returns at most [`DRAWN`] epochs, evenly spaced, the last among them.
fn thinned(history: &[EpochRow]) -> Vec<&EpochRow> {
    let step = history.len().div_ceil(DRAWN).max(1);
    let mut epochs: Vec<_> = history.iter().rev().step_by(step).collect();
    epochs.reverse();
    epochs
}

impl Chart {
    fn figure(&self, epochs: &[&EpochRow]) -> String {
        let (x, y) = (self.x(epochs), self.y(epochs));
        let [low, high] = self.range(epochs);
        let last = epochs.last().map_or(1, |row| row.epoch);
        let first = f64::from(epochs.first().map_or(1, |row| row.epoch));
        let mut content = PLOT.across(&y, &ticks(low, high, 5), self.percent);
        content += &self.plot().along(&x, &steps(first, f64::from(last), 6), false, "epoch");
        if let Some(before) = self.before {
            let told = format!("before training\nvalidation {}", self.number(before));
            content += &PLOT.before(y.at(before), "before", &told);
        }
        if let Some(kept) = self.kept.filter(|kept| *kept != last) {
            let at = unit(x.at(f64::from(kept)));
            content += &format!(
                "<path class=\"kept\" d=\"M{at} {}V{}\"/><text class=\"what mid\" x=\"{at}\" y=\"{}\">kept</text>",
                unit(PLOT.top + 12.0),
                unit(PLOT.bottom),
                unit(PLOT.top + 8.0)
            );
        }
        if let Some(tuned) = self.tuned {
            // From here on; the last epochs of many leave no room to the right.
            let at = x.at(f64::from(tuned) - 0.5);
            content += &format!(
                "<path class=\"kept\" d=\"M{0} {1}V{2}\"/><text class=\"what end\" x=\"{3}\" y=\"{4}\">the net learns too →</text>",
                unit(at),
                unit(PLOT.top),
                unit(PLOT.bottom),
                unit(at - 6.0),
                unit(if self.percent { PLOT.bottom - 8.0 } else { PLOT.top + 8.0 })
            );
        }
        for series in &self.series {
            content += &series.line(epochs, &x, &y);
        }
        content += &self.readings(epochs, &x);
        let words = format!("{} over the epochs", self.title);
        format!(
            "<figure class=\"card\"><h3>{}</h3>{}{}</figure>",
            self.title,
            drawing(WIDTH, HEIGHT, &words, "chart", &content),
            self.legend(epochs)
        )
    }

    /// Where the epochs are drawn: the head before training has a place of its own.
    fn plot(&self) -> Plot {
        if self.before.is_some() { PLOT.behind_start() } else { PLOT }
    }

    fn x(&self, epochs: &[&EpochRow]) -> Scale {
        let number = |row: Option<&&EpochRow>| f64::from(row.map_or(1, |row| row.epoch));
        self.plot().x([number(epochs.first()), number(epochs.last())])
    }

    fn y(&self, epochs: &[&EpochRow]) -> Scale {
        PLOT.y(self.range(epochs))
    }

    /// Returns the range of the vertical axis. A loss starts at zero; an accuracy ends at one, and starts where something is
    /// to be seen.
    fn range(&self, epochs: &[&EpochRow]) -> [f64; 2] {
        let all = epochs.iter().flat_map(|row| self.series.iter().filter_map(move |series| series.at(row)));
        let values: Vec<f64> = all.chain(self.before).filter(|value| value.is_finite()).collect();
        if self.percent {
            let least = values.iter().copied().fold(1.0, f64::min);
            [((least - 0.02).max(0.0) * 10.0).floor() / 10.0, 1.0]
        } else {
            [0.0, values.iter().copied().fold(0.0, f64::max).max(1e-6) * 1.04]
        }
    }

    fn number(&self, value: f64) -> String {
        if self.percent { percent(value) } else { loss(value) }
    }

    /// Returns a strip over each epoch, which tells its numbers.
    fn readings(&self, epochs: &[&EpochRow], x: &Scale) -> String {
        let mut out = String::new();
        for (index, row) in epochs.iter().enumerate() {
            let here = x.at(f64::from(row.epoch));
            let half = |other: Option<&&EpochRow>| {
                other.map_or(8.0, |other| (x.at(f64::from(other.epoch)) - here).abs() / 2.0)
            };
            let (left, right) = (half(index.checked_sub(1).map(|i| &epochs[i])), half(epochs.get(index + 1)));
            let said = self
                .series
                .iter()
                .filter_map(|series| Some(format!("\n{} {}", series.name, self.number(series.at(row)?))));
            out += &format!(
                "<g class=\"reading\"><path class=\"guide\" d=\"M{} {}V{}\"/><rect x=\"{}\" y=\"{}\" width=\"{}\" \
                 height=\"{}\"/><title>epoch {}{}</title></g>",
                unit(here),
                unit(PLOT.top),
                unit(PLOT.bottom),
                unit(here - left),
                unit(PLOT.top),
                unit(left + right),
                unit(PLOT.bottom - PLOT.top),
                row.epoch,
                said.collect::<String>()
            );
        }
        out
    }

    fn legend(&self, epochs: &[&EpochRow]) -> String {
        // Without validation photos there is no such line.
        let drawn = |series: &&Series| epochs.iter().any(|row| series.at(row).is_some());
        let items = self.series.iter().filter(drawn).map(|series| {
            let last = epochs.last().and_then(|row| series.at(row));
            format!(
                "<li><svg class=\"key\" viewBox=\"0 0 26 10\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 5H25\"/>\
                 </svg>{} <b>{}</b></li>",
                series.class,
                series.name,
                last.map_or("–".to_owned(), |value| self.number(value))
            )
        });
        let before = self.before.map(|before| {
            format!(
                "<li><svg class=\"key\" viewBox=\"0 0 26 10\" aria-hidden=\"true\"><circle class=\"before\" cx=\"13\" \
                 cy=\"5\" r=\"3.4\"/></svg>validation before training <b>{}</b></li>",
                self.number(before)
            )
        });
        format!("<ul class=\"legend\">{}</ul>", items.chain(before).collect::<String>())
    }
}

impl Series {
    /// Returns the number of an epoch; `None` if it is not known, or none.
    fn at(&self, row: &EpochRow) -> Option<f64> {
        (self.of)(row).map(f64::from).filter(|value| value.is_finite())
    }

    fn line(&self, epochs: &[&EpochRow], x: &Scale, y: &Scale) -> String {
        let mut path = String::new();
        let mut dots = String::new();
        for row in epochs {
            let Some(value) = self.at(row) else { continue };
            let (x, y) = (unit(x.at(f64::from(row.epoch))), unit(y.at(value)));
            path += &format!("{}{x} {y}", if path.is_empty() { 'M' } else { 'L' });
            if epochs.len() <= DOTS {
                dots += &format!("<circle class=\"dot {}\" cx=\"{x}\" cy=\"{y}\" r=\"2.6\"/>", self.class);
            }
        }
        if path.is_empty() {
            path
        } else {
            format!("<path class=\"line {}\" d=\"{path}\"/>{dots}", self.class)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(epochs: u32) -> Metrics {
        let row = |epoch| EpochRow {
            epoch,
            running_loss: Some((1.0 / epoch as f32).into()),
            val_loss: Some((0.5 + 1.0 / epoch as f32).into()),
            val_accuracy: Some(0.9.into()),
            ..EpochRow::default()
        };
        Metrics { history: (1..=epochs).map(row).collect(), loss_0: Some(0.7.into()), ..Metrics::default() }
    }

    #[test]
    fn what_is_not_known_is_neither_drawn_nor_explained() {
        let mut metrics = history(6);
        assert!(curves(&metrics).unwrap().contains("<b>Why validation"));
        metrics.history.iter_mut().for_each(|row| row.val_loss = None);
        metrics.history.iter_mut().for_each(|row| row.val_accuracy = Some(f32::NAN.into()));
        metrics.loss_0 = Some(f32::NAN.into());
        let page = curves(&metrics).unwrap();
        for absent in ["Why validation", "NaN", "validation", "before"] {
            assert!(!page.contains(absent), "{absent}: {page}");
        }
    }

    #[test]
    fn one_epoch_has_dots_many_have_a_line_of_bounded_length_and_none_have_no_chart() {
        assert!(curves(&history(0)).is_none());
        let one = curves(&history(1)).unwrap();
        assert!(
            one.contains(">before</text>")
                && one.contains(">1</text>")
                && !one.contains(">0</text><text class=\"tick mid")
        );
        assert!(one.contains("class=\"dot s1\"") && !one.contains("NaN") && !one.contains("inf"), "{one}");
        let many = curves(&history(100_000)).unwrap();
        assert!(many.len() < 300_000 && many.contains("<title>epoch 100000\n"), "{}", many.len());
    }
}
