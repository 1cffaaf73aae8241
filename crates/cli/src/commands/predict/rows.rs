//! Rows of predictions: a table for people, CSV and JSON lines for programs.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use icecap::{Prediction, data};
use serde::Serialize;

use crate::csv;
use crate::failure::{Code, Failure};
use crate::skipped::{is_limit, reason};
use crate::wording::{plain, plain_path};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Columns that line up
    Table,
    /// Comma-separated values with a header
    Csv,
    /// A JSON object for each photo
    Jsonl,
}

impl Format {
    /// The format that the name of a file asks for; a table where there is no file or no extension.
    pub(super) fn of_file(file: Option<&Path>) -> Result<Self, Failure> {
        let extension = file.and_then(Path::extension).and_then(|e| e.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" | "json" => Ok(Self::Jsonl),
            "txt" | "" => Ok(Self::Table),
            other => Err(Failure::new(
                Code::Arguments,
                format!(
                    "no format goes by .{other}; name a file with .csv, .jsonl or .txt, or give --format"
                ),
            )),
        }
    }
}

/// What is counted over all rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) photos: usize,
    pub(super) unreadable: usize,
    /// Those of them that are above a limit.
    pub(super) over_limit: usize,
    /// Photos that lie in a folder with a class's name, and those of them that were predicted so.
    pub(super) labelled: usize,
    pub(super) right: usize,
    /// Why the first unreadable photo is so, its path included.
    pub(super) first_error: Option<String>,
    /// Why a file or folder could not be looked into.
    pub(super) not_scanned: Option<Failure>,
}

/// Writes rows, window by window.
pub(super) struct Rows<'a> {
    format: Format,
    classes: &'a [String],
    top: usize,
    /// Widths of the table's columns so far; none before the first window.
    widths: Vec<usize>,
    begun: bool,
}

/// One row before it is text.
struct Row<'a> {
    path: &'a Path,
    /// Classes with their probabilities, the predicted one first; none for a photo that cannot be read.
    choices: Vec<(&'a str, f32)>,
    truth: Option<&'a str>,
    error: Option<String>,
}

impl Row<'_> {
    fn is_wrong(&self) -> bool {
        matches!((self.choices.first(), self.truth), (Some((label, _)), Some(truth)) if *label != truth)
    }
}

impl<'a> Rows<'a> {
    pub(super) fn new(format: Format, classes: &'a [String], top: usize) -> Self {
        Self { format, classes, top: top.min(classes.len()), widths: Vec::new(), begun: false }
    }

    /// The rows of some photos as text, with the header in front of the first.
    pub(super) fn window(
        &mut self,
        paths: &[PathBuf],
        predictions: &[Result<Prediction, data::Error>],
        tally: &mut Tally,
    ) -> String {
        let rows: Vec<Row<'_>> = paths
            .iter()
            .zip(predictions)
            .map(|(path, prediction)| self.row(path, prediction, tally))
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
                tally.labelled += usize::from(truth.is_some());
                tally.right += usize::from(truth == Some(prediction.class));
                let choices = ranked(prediction, self.top);
                let choices = choices.into_iter().map(|(class, probability)| (name(class), probability));
                Row { path, choices: choices.collect(), truth: truth.map(name), error: None }
            }
            Err(error) => {
                tally.unreadable += 1;
                tally.over_limit += usize::from(is_limit(error));
                tally.first_error.get_or_insert_with(|| error.to_string());
                Row { path, choices: Vec::new(), truth: truth.map(name), error: Some(reason(error)) }
            }
        }
    }

    fn csv(&self, rows: &[Row<'_>], first: bool) -> String {
        let mut text = String::new();
        if first {
            let mut header = vec!["path".to_owned(), "label".to_owned(), "probability".to_owned()];
            for place in 2..=self.top {
                header.extend([format!("label_{place}"), format!("probability_{place}")]);
            }
            header.extend(["true_label".to_owned(), "error".to_owned()]);
            text += &csv::record(header);
        }
        for row in rows {
            let mut fields = vec![row.path.to_string_lossy().into_owned()];
            for place in 0..self.top {
                let choice = row.choices.get(place);
                fields.push(choice.map_or(String::new(), |(label, _)| (*label).to_owned()));
                fields.push(choice.map_or(String::new(), |(_, probability)| probability.to_string()));
            }
            fields.push(row.truth.unwrap_or_default().to_owned());
            fields.push(row.error.clone().unwrap_or_default());
            text += &csv::record(fields);
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
            true_label: Option<&'a str>,
            error: Option<&'a str>,
        }
        let choice = |&(label, probability)| Choice { label, probability };
        let first = row.choices.first();
        let line = Line {
            path: row.path.to_string_lossy().into_owned(),
            label: first.map(|(label, _)| *label),
            probability: first.map(|(_, probability)| *probability),
            top: (self.top > 1).then(|| row.choices.iter().map(choice).collect()),
            true_label: row.truth,
            error: row.error.as_deref(),
        };
        match serde_json::to_string(&line) {
            Ok(text) => text + "\n",
            Err(error) => unreachable!("texts and numbers become JSON: {error}"),
        }
    }

    /// Columns: photo, then class and probability as often as asked for, the true class, what is to be said.
    fn table(&mut self, rows: &[Row<'_>], first: bool) -> String {
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(rows.len() + 1);
        if first {
            let mut header = vec!["photo".to_owned(), "predicted".to_owned(), "probability".to_owned()];
            for place in 2..=self.top {
                header.extend([ordinal(place), "probability".to_owned()]);
            }
            header.extend(["true".to_owned(), String::new()]);
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
                let number = column > 0 && column.is_multiple_of(2) && column <= 2 * self.top;
                out += &if number { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
            }
            text.extend([out.trim_end(), "\n"]);
        }
        text
    }

    fn cells(&self, row: &Row<'_>) -> Vec<String> {
        let mut cells = vec![plain_path(row.path)];
        for place in 0..self.top {
            match row.choices.get(place) {
                Some((label, probability)) => {
                    cells.extend([plain(label).into_owned(), format!("{probability:.4}")]);
                }
                None => cells.extend(["-".to_owned(), "-".to_owned()]),
            }
        }
        cells.push(row.truth.map_or(String::new(), |truth| plain(truth).into_owned()));
        cells.push(match &row.error {
            // Why, in full, would be wider than a terminal.
            Some(_) => "unreadable".to_owned(),
            None if row.is_wrong() => "wrong".to_owned(),
            None => String::new(),
        });
        cells
    }
}

/// The `top` most probable classes, the predicted one first.
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
        let mut rows = Rows::new(Format::Table, &classes, 1);
        let mut tally = Tally::default();
        let paths = ["p/ant/1", "p/wasp/a/long", "x"].map(PathBuf::from);
        let predictions =
            [Ok(prediction(0, &[0.75, 0.25])), Ok(prediction(0, &[1.0, 0.0])), Err(data::Error::Empty)];
        let text = rows.window(&paths, &predictions, &mut tally);
        assert_eq!(
            text,
            "photo          predicted  probability  true\n\
             p/ant/1        ant             0.7500  ant\n\
             p/wasp/a/long  ant             1.0000  wasp  wrong\n\
             x              -                    -        unreadable\n"
        );
        assert_eq!((tally.photos, tally.unreadable, tally.labelled, tally.right), (3, 1, 2, 1));
    }

    #[test]
    fn places_are_counted_as_people_do() {
        assert_eq!(
            [1, 2, 3, 4, 11, 12, 21, 102].map(ordinal).join(" "),
            "1st 2nd 3rd 4th 11th 12th 21st 102nd"
        );
    }
}
