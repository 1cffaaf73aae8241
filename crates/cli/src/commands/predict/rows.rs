//! Rows of predictions: a table for people, CSV and JSON lines for programs.

use std::path::{Path, PathBuf};

use icecap::Prediction;
use icecap::data::{self, csv_record};
use serde::Serialize;

use crate::options::row_format::Format;
use crate::photos::skipped::{is_limit, reason};
use crate::terminal::failure::Failure;
use crate::terminal::wording::{plain, plain_path};

/// What is counted over all rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) photos: usize,
    pub(super) unreadable: usize,
    /// The unreadable photos that are above a limit.
    pub(super) over_limit: usize,
    /// Photos that have a label and lie in a folder with a class's name, and those of them that were labeled so.
    pub(super) labeled: usize,
    pub(super) right: usize,
    /// Photos whose best guess is too improbable to be told as their class.
    pub(super) rejected: usize,
    /// Why the first unreadable photo is so, its path included.
    pub(super) first_error: Option<String>,
    /// Why a file or folder could not be looked into.
    pub(super) not_scanned: Option<Failure>,
}

/// The label of a photo that is of no class.
const NONE: &str = "none";

/// What a row tells beside the photo, its true class and its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Classes with their probabilities.
    pub(super) top: usize,
    /// The probability below which the best guess is not the label.
    pub(super) reject_below: Option<f32>,
    /// Where the photo's heatmap is.
    pub(super) heatmap: bool,
}

/// Writes rows, window by window.
pub(super) struct Rows<'a> {
    format: Format,
    classes: &'a [String],
    columns: Columns,
    /// Widths of the table's columns so far; `None` before the first window.
    widths: Vec<usize>,
    begun: bool,
}

/// One row before it is text.
struct Row<'a> {
    path: &'a Path,
    /// Classes with their probabilities, the predicted one first; empty for a photo that cannot be read.
    choices: Vec<(&'a str, f32)>,
    /// Whether the best guess is too improbable.
    rejected: bool,
    truth: Option<&'a str>,
    heatmap: Option<&'a Path>,
    error: Option<String>,
}

impl<'a> Row<'a> {
    fn best_guess(&self) -> Option<&'a str> {
        self.choices.first().map(|(label, _)| *label)
    }

    fn label(&self) -> Option<&'a str> {
        if self.rejected { Some(NONE) } else { self.best_guess() }
    }

    fn is_wrong(&self) -> bool {
        let pair = self.best_guess().zip(self.truth);
        !self.rejected && pair.is_some_and(|(label, truth)| label != truth)
    }
}

impl<'a> Rows<'a> {
    pub(super) fn new(format: Format, classes: &'a [String], columns: Columns) -> Self {
        let columns = Columns { top: columns.top.min(classes.len()), ..columns };
        Self { format, classes, columns, widths: Vec::new(), begun: false }
    }

    /// Returns the rows of some photos as text, with the header in front of the first. `heatmaps` are the files of the
    /// photos' heatmaps; empty if none are drawn.
    pub(super) fn window(
        &mut self,
        paths: &[PathBuf],
        predictions: &[Result<Prediction, data::Error>],
        heatmaps: &[Option<PathBuf>],
        tally: &mut Tally,
    ) -> String {
        let rows: Vec<Row<'_>> = paths
            .iter()
            .zip(predictions)
            .enumerate()
            .map(|(index, (path, prediction))| {
                let heatmap = heatmaps.get(index).and_then(|file| file.as_deref());
                Row { heatmap, ..self.row(path, prediction, tally) }
            })
            .collect();
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Table => self.table(&rows, first),
            Format::Csv => self.csv(&rows, first),
            Format::Jsonl => rows.iter().map(|row| self.json(row)).collect(),
        }
    }

    fn row<'b>(
        &self,
        path: &'b Path,
        prediction: &Result<Prediction, data::Error>,
        tally: &mut Tally,
    ) -> Row<'b>
    where
        'a: 'b,
    {
        tally.photos += 1;
        let truth = data::class_of(path, self.classes);
        let name = |class: usize| self.classes[class].as_str();
        match prediction {
            Ok(prediction) => {
                let rejected = self.columns.reject_below.is_some_and(|least| prediction.probability < least);
                tally.rejected += usize::from(rejected);
                tally.labeled += usize::from(truth.is_some() && !rejected);
                tally.right += usize::from(truth == Some(prediction.class) && !rejected);
                let choices = ranked(prediction, self.columns.top);
                let choices = choices.into_iter().map(|(class, probability)| (name(class), probability));
                let (choices, truth) = (choices.collect(), truth.map(name));
                Row { path, choices, rejected, truth, heatmap: None, error: None }
            }
            Err(error) => {
                tally.unreadable += 1;
                tally.over_limit += usize::from(is_limit(error));
                tally.first_error.get_or_insert_with(|| error.to_string());
                let (choices, truth, error) = (Vec::new(), truth.map(name), Some(reason(error)));
                Row { path, choices, rejected: false, truth, heatmap: None, error }
            }
        }
    }

    fn csv(&self, rows: &[Row<'_>], first: bool) -> String {
        let mut text = String::new();
        if first {
            let mut header = vec!["path".to_owned(), "label".to_owned(), "probability".to_owned()];
            for place in 2..=self.columns.top {
                header.extend([format!("label_{place}"), format!("probability_{place}")]);
            }
            header.extend(self.columns.reject_below.map(|_| "best_guess".to_owned()));
            header.push("true_label".to_owned());
            header.extend(self.columns.heatmap.then(|| "heatmap".to_owned()));
            header.push("error".to_owned());
            text += &csv_record(header);
        }
        for row in rows {
            let mut fields = vec![row.path.to_string_lossy().into_owned()];
            for place in 0..self.columns.top {
                let choice = row.choices.get(place);
                let label = if place == 0 { row.label() } else { choice.map(|(label, _)| *label) };
                fields.push(label.unwrap_or_default().to_owned());
                fields.push(choice.map_or(String::new(), |(_, probability)| probability.to_string()));
            }
            fields.extend(self.columns.reject_below.map(|_| row.best_guess().unwrap_or_default().to_owned()));
            fields.push(row.truth.unwrap_or_default().to_owned());
            if self.columns.heatmap {
                fields.push(row.heatmap.map_or(String::new(), |file| file.to_string_lossy().into_owned()));
            }
            fields.push(row.error.clone().unwrap_or_default());
            text += &csv_record(fields);
        }
        text
    }

    fn json(&self, row: &Row<'_>) -> String {
        #[derive(Serialize)]
        struct Choice<'a> {
            label: &'a str,
            probability: f32,
        }
        #[derive(Serialize)]
        struct Line<'a> {
            path: String,
            label: Option<&'a str>,
            probability: Option<f32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            top: Option<Vec<Choice<'a>>>,
            /// There, and perhaps null, where a best guess may be rejected.
            #[serde(skip_serializing_if = "Option::is_none")]
            best_guess: Option<Option<&'a str>>,
            true_label: Option<&'a str>,
            /// There, and perhaps null, where heatmaps are drawn.
            #[serde(skip_serializing_if = "Option::is_none")]
            heatmap: Option<Option<String>>,
            error: Option<&'a str>,
        }
        let choice = |&(label, probability)| Choice { label, probability };
        let first = row.choices.first();
        let line = Line {
            path: row.path.to_string_lossy().into_owned(),
            label: row.label(),
            probability: first.map(|(_, probability)| *probability),
            top: (self.columns.top > 1).then(|| row.choices.iter().map(choice).collect()),
            best_guess: self.columns.reject_below.map(|_| row.best_guess()),
            true_label: row.truth,
            heatmap: self.columns.heatmap.then(|| row.heatmap.map(|f| f.to_string_lossy().into_owned())),
            error: row.error.as_deref(),
        };
        match serde_json::to_string(&line) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("texts and numbers become JSON: {error}"),
        }
    }

    /// Columns: photo, then class and probability as often as asked for, the best guess where it may be rejected, the true
    /// class, the heatmap's file where there are such, what is to be said.
    fn table(&mut self, rows: &[Row<'_>], first: bool) -> String {
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(rows.len() + 1);
        if first {
            let mut header = vec!["photo".to_owned(), "predicted".to_owned(), "probability".to_owned()];
            for place in 2..=self.columns.top {
                header.extend([ordinal(place), "probability".to_owned()]);
            }
            header.extend(self.columns.reject_below.map(|_| "best guess".to_owned()));
            header.push("true".to_owned());
            header.extend(self.columns.heatmap.then(|| "heatmap".to_owned()));
            header.push(String::new());
            self.widths = header.iter().map(String::len).collect();
            lines.push(header);
        }
        lines.extend(rows.iter().map(|row| self.cells(row)));
        // The last column is not padded: a long reason widens nothing.
        for line in &lines {
            for (width, cell) in self.widths.iter_mut().zip(&line[..line.len() - 1]) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for line in &lines {
            let mut out = String::new();
            for (column, (cell, &width)) in line.iter().zip(&self.widths).enumerate() {
                let number = column > 0 && column.is_multiple_of(2) && column <= 2 * self.columns.top;
                out += &if number { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            }
            text.extend([out.trim_end(), "\n"]);
        }
        text
    }

    fn cells(&self, row: &Row<'_>) -> Vec<String> {
        let mut cells = vec![plain_path(row.path)];
        for place in 0..self.columns.top {
            match row.choices.get(place) {
                Some((label, probability)) => {
                    let label = if row.rejected && place == 0 { NONE } else { label };
                    cells.extend([plain(label).into_owned(), format!("{probability:.4}")]);
                }
                None => cells.extend(["-".to_owned(), "-".to_owned()]),
            }
        }
        let told = |name: Option<&str>| name.map_or(String::new(), |name| plain(name).into_owned());
        cells.extend(self.columns.reject_below.map(|_| told(row.best_guess())));
        cells.push(told(row.truth));
        if self.columns.heatmap {
            cells.push(row.heatmap.map_or(String::new(), plain_path));
        }
        cells.push(match &row.error {
            // Why, in full, would be wider than a terminal.
            Some(_) => "unreadable".to_owned(),
            None if row.is_wrong() => "wrong".to_owned(),
            None => String::new(),
        });
        cells
    }
}

/// Returns the `top` most probable classes, the predicted one first.
fn ranked(prediction: &Prediction, top: usize) -> Vec<(usize, f32)> {
    let mut all: Vec<(usize, f32)> = prediction.probabilities.iter().copied().enumerate().collect();
    // Of two classes at exactly one half the second is predicted, whatever a sort would say.
    all.sort_by(|a, b| {
        let first = |class: usize| class != prediction.class;
        first(a.0).cmp(&first(b.0)).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0))
    });
    all.truncate(top);
    all
}

fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(class: usize, probabilities: &[f32]) -> Prediction {
        let probabilities = probabilities.to_vec();
        Prediction {
            class,
            label: String::new(),
            probability: probabilities[class],
            probabilities,
            logits: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn the_predicted_class_leads_and_ties_keep_their_order() {
        assert_eq!(ranked(&prediction(1, &[0.5, 0.5]), 2), [(1, 0.5), (0, 0.5)]);
        assert_eq!(ranked(&prediction(2, &[0.2, 0.2, 0.6]), 9), [(2, 0.6), (0, 0.2), (1, 0.2)]);
    }

    #[test]
    fn a_table_lines_up_and_tells_what_is_wrong() {
        let classes = ["ant".to_owned(), "wasp".to_owned()];
        let columns = Columns { top: 1, reject_below: None, heatmap: false };
        let mut rows = Rows::new(Format::Table, &classes, columns);
        let mut tally = Tally::default();
        let paths = ["p/ant/1", "p/wasp/a/long", "x"].map(PathBuf::from);
        let predictions =
            [Ok(prediction(0, &[0.75, 0.25])), Ok(prediction(0, &[1.0, 0.0])), Err(data::Error::Empty)];
        let text = rows.window(&paths, &predictions, &[], &mut tally);
        assert_eq!(
            text,
            "photo          predicted  probability  true\n\
             p/ant/1        ant             0.7500  ant\n\
             p/wasp/a/long  ant             1.0000  wasp  wrong\n\
             x              -                    -        unreadable\n"
        );
        assert_eq!((tally.photos, tally.unreadable, tally.labeled, tally.right), (3, 1, 2, 1));
    }

    #[test]
    fn what_is_rejected_is_neither_right_nor_wrong_and_its_best_guess_is_told() {
        let classes = ["ant".to_owned(), "wasp".to_owned()];
        let columns = Columns { top: 2, reject_below: Some(0.75), heatmap: true };
        let rows = |format, tally: &mut Tally| {
            let paths = ["p/ant/1", "p/ant/2", "x"].map(PathBuf::from);
            let predictions = [
                Ok(prediction(0, &[0.75, 0.25])),
                Ok(prediction(1, &[0.375, 0.625])),
                Err(data::Error::Empty),
            ];
            let heatmaps = [Some(PathBuf::from("h/1.png")), Some(PathBuf::from("h/2.png")), None];
            Rows::new(format, &classes, columns).window(&paths, &predictions, &heatmaps, tally)
        };
        let mut tally = Tally::default();
        assert_eq!(
            rows(Format::Csv, &mut tally),
            "path,label,probability,label_2,probability_2,best_guess,true_label,heatmap,error\n\
             p/ant/1,ant,0.75,wasp,0.25,ant,ant,h/1.png,\n\
             p/ant/2,none,0.625,ant,0.375,wasp,ant,h/2.png,\n\
             x,,,,,,,,\"the file is empty\"\n"
                .replace("\"the file is empty\"", &data::Error::Empty.to_string())
        );
        assert_eq!((tally.photos, tally.rejected, tally.labeled, tally.right), (3, 1, 1, 1));
        let json = rows(Format::Jsonl, &mut tally);
        let second = json.lines().nth(1).unwrap_or_default();
        assert!(
            second.contains("\"label\":\"none\"") && second.contains("\"best_guess\":\"wasp\""),
            "{json}"
        );
        assert!(json.lines().nth(2).unwrap_or_default().contains("\"heatmap\":null"), "{json}");
        let table = rows(Format::Table, &mut tally);
        assert!(!table.contains("wrong") && table.contains("none"), "{table}");
    }

    #[test]
    fn places_are_counted_as_people_do() {
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 21, 102].map(ordinal).join(" "),
            "1st 2nd 3rd 4th 11th 12th 21st 102nd"
        );
    }
}
